"""Tracks as bytes and back: one Arrow stream each, the same bytes for the same track."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from curator.model.series import Series
from curator.model.span import Span
from curator.model.track import Between, Cue, MotionTrack, NumberTrack, Skeleton, TextTrack, Track
from curator.store import columns

__all__ = ["decode_track", "encode_track"]

_FORMAT = "curator.track/1"
_ABOUT = b"track"


def encode_track(track: Track) -> bytes:
    """An Arrow IPC stream whose schema says as JSON what kind of track it is.

    Numbers keep their bits, times their exact fractions, text any code point that a Python string
    can hold. Nothing in it depends on when or where it was written.

    Raises:
        TypeError: for values of a type that a series cannot be stored in.
    """
    if isinstance(track, NumberTrack):
        about, stored = _number_columns(track)
    elif isinstance(track, MotionTrack):
        about, stored = _motion_columns(track)
    else:
        about, stored = _text_columns(track)
    batch = pa.record_batch(list(stored.values()), names=list(stored))
    text = json.dumps({"format": _FORMAT, **about}, sort_keys=True)
    return columns.stream(batch.replace_schema_metadata({_ABOUT: text}))


def decode_track(data: bytes) -> Track:
    """What `encode_track` was given; arrays are read-only.

    Raises:
        ValueError: if the bytes are not such a track.
    """
    source = pa.BufferReader(data)
    batch = columns.next_batch(source)
    if source.tell() != len(data):
        raise ValueError("not a track: bytes after its end")
    text = (batch.schema.metadata or {}).get(_ABOUT)
    about = json.loads(text) if text is not None else {}
    if about.get("format") != _FORMAT:
        raise ValueError(f"not a track of format {_FORMAT}")
    stored = dict(zip(batch.schema.names, batch.columns, strict=True))
    return _DECODERS[about["kind"]](about, stored)


def _number_columns(track: NumberTrack) -> tuple[dict[str, Any], dict[str, pa.Array]]:
    values = track.series.values
    about = {
        "kind": "number",
        "time_base": str(track.series.time_base),
        "dtype": columns.kind_of(values.dtype),
        "shape": list(values.shape[1:]),
        "fields": track.fields,
        "units": track.units,
        "between": [one.name for one in track.between],
    }
    stored = {"steps": columns.steps(track.series.ticks), "values": columns.column(values)}
    return about, stored


def _number(about: Mapping[str, Any], stored: Mapping[str, pa.Array]) -> NumberTrack:
    ticks = columns.ticks(stored["steps"])
    shape = (len(ticks), *about["shape"])
    values = columns.values(stored["values"], np.dtype(about["dtype"]), shape)
    return NumberTrack(
        series=Series(ticks, Fraction(about["time_base"]), values),
        fields=tuple(about["fields"]),
        units=tuple(about["units"]),
        between=tuple(Between[name] for name in about["between"]),
    )


def _motion_columns(track: MotionTrack) -> tuple[dict[str, Any], dict[str, pa.Array]]:
    about = {
        "kind": "motion",
        "time_base": str(track.time_base),
        "joints": track.skeleton.joints,
        "parents": [int(parent) for parent in track.skeleton.parents],
        "up": track.skeleton.up,
    }
    positions = track.positions.astype(np.float32, copy=False)
    stored = {"steps": columns.steps(track.ticks), "positions": columns.column(positions)}
    if track.rotations is not None:
        rotations = track.rotations.astype(np.float32, copy=False)
        stored["rotations"] = columns.column(rotations)
    return about, stored


def _motion(about: Mapping[str, Any], stored: Mapping[str, pa.Array]) -> MotionTrack:
    ticks = columns.ticks(stored["steps"])
    skeleton = Skeleton(
        joints=tuple(about["joints"]), parents=tuple(about["parents"]), up=about["up"]
    )
    turned = stored.get("rotations")
    size = (len(ticks), len(skeleton.joints))
    single = np.dtype(np.float32)
    return MotionTrack(
        ticks=ticks,
        time_base=Fraction(about["time_base"]),
        skeleton=skeleton,
        positions=columns.values(stored["positions"], single, (*size, 3)),
        rotations=None if turned is None else columns.values(turned, single, (*size, 4)),
    )


def _text_columns(track: TextTrack) -> tuple[dict[str, Any], dict[str, pa.Array]]:
    flat = list(_flattened(track.cues, 0))
    speakers = list(dict.fromkeys(cue.speaker for _, cue in flat))
    number = {speaker: index for index, speaker in enumerate(speakers)}
    about = {
        "kind": "text",
        "language": track.language,
        "notes": list(track.notes),
        "speakers": speakers,
    }
    stored = {
        "depth": columns.column(np.array([depth for depth, _ in flat], dtype=np.int32)),
        "start": columns.strings([str(cue.span.start) for _, cue in flat]),
        "end": columns.strings([str(cue.span.end) for _, cue in flat]),
        "text": columns.strings([cue.text for _, cue in flat]),
        "speaker": columns.column(
            np.array([number[cue.speaker] for _, cue in flat], dtype=np.int32)
        ),
    }
    return about, stored


def _flattened(cues: tuple[Cue, ...], depth: int) -> Iterator[tuple[int, Cue]]:
    """Cues with how deep they lie, each before its words."""
    for cue in cues:
        yield depth, cue
        yield from _flattened(cue.words, depth + 1)


def _text(about: Mapping[str, Any], stored: Mapping[str, pa.Array]) -> TextTrack:
    count = len(stored["depth"])
    numbers = np.dtype(np.int32)
    rows = list(
        zip(
            columns.values(stored["depth"], numbers, (count,)).tolist(),
            columns.texts(stored["start"]),
            columns.texts(stored["end"]),
            columns.texts(stored["text"]),
            columns.values(stored["speaker"], numbers, (count,)).tolist(),
            strict=True,
        )
    )
    # From the back, so that a cue's words are complete when it is met.
    waiting: dict[int, list[Cue]] = {}
    for depth, start, end, text, speaker in reversed(rows):
        words = tuple(reversed(waiting.pop(depth + 1, [])))
        span = Span(Fraction(start), Fraction(end))
        cue = Cue(span=span, text=text, words=words, speaker=about["speakers"][speaker])
        waiting.setdefault(depth, []).append(cue)
    return TextTrack(
        cues=tuple(reversed(waiting.get(0, []))),
        language=about["language"],
        notes=tuple(about["notes"]),
    )


_DECODERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, pa.Array]], Track]] = {
    "number": _number,
    "motion": _motion,
    "text": _text,
}
