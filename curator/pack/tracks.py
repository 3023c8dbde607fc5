"""Tracks of sidecars as columns of a shard: what they are called, their types, their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curator.errors import StoreError
from curator.model.outcome import TrackInfo
from curator.model.track import Cue, MotionTrack, NumberTrack, TextTrack, Track
from curator.store.tracks import decode_track

__all__ = ["cell", "column_type", "describe_track", "names"]

_CUE = pa.struct(
    [
        ("start_seconds", pa.float64()),
        ("end_seconds", pa.float64()),
        ("text", pa.string()),
        ("speaker", pa.string()),
    ]
)
_WORDS = pa.field("words", pa.list_(_CUE))
_TEXT = pa.list_(pa.struct([*_CUE, _WORDS]))


def describe_track(name: str, of: str, path: Path) -> TrackInfo:
    """What a released track is, from one sample that has it."""
    track = decode_track(path.read_bytes())
    about = f"what {of} holds in the clip"
    common: dict[str, Any] = {"name": name, "of": of, "op": "sidecar", "version": 1}
    if isinstance(track, NumberTrack):
        return TrackInfo(
            **common,
            unit=", ".join(track.units),
            about=about,
            shape=track.series.values.shape[1:],
            kind="numbers",
            fields=track.fields,
            units=track.units,
        )
    if isinstance(track, MotionTrack):
        return TrackInfo(
            **common,
            unit="m",
            about=f"{about}: positions in the world, rotations against the parent (w, x, y, z)",
            shape=(len(track.skeleton.joints), 3),
            kind="motion",
            fields=track.skeleton.joints,
            parents=track.skeleton.parents,
            up=track.skeleton.up,
        )
    return TrackInfo(**common, unit="text", about=about, shape=(), kind="text")


def column_type(info: TrackInfo) -> pa.DataType:
    """``{seconds, values}``, ``{seconds, positions, rotations}``, or a list of cues."""
    if info.kind == "text":
        return _TEXT
    seconds = ("seconds", pa.list_(pa.float64()))
    if info.kind == "motion":
        joints = _nested(3)
        return pa.struct([seconds, ("positions", joints), ("rotations", joints)])
    return pa.struct([seconds, ("values", _nested(1 + len(info.shape)))])


def cell(info: TrackInfo, path: Path, sample: str) -> Any:
    """The value of one row; times are on the clip's clock, seconds.

    Raises:
        StoreError: ``track-differs`` when the sample's track is not of the kind of the column.
    """
    track = decode_track(path.read_bytes())
    if _kind(track) != info.kind or _depth(track) != len(info.shape):
        raise StoreError(
            f"track '{info.name}' of sample {sample} is of another kind than that of other samples",
            reason="track-differs",
            hint="all sidecars of one role must hold the same kind of track; give others another role",
        )
    if isinstance(track, TextTrack):
        return [{**_cue(one), "words": [_cue(word) for word in one.words]} for one in track.cues]
    if isinstance(track, MotionTrack):
        return {
            "seconds": track.seconds.tolist(),
            "positions": _rows(track.positions),
            "rotations": None if track.rotations is None else _rows(track.rotations),
        }
    return {"seconds": track.series.seconds.tolist(), "values": _rows(track.series.values)}


def names(path: Path) -> list[str] | None:
    """What the values along the last axis (of motion, the joints) are called in one sample; None without names."""
    track = decode_track(path.read_bytes())
    if isinstance(track, NumberTrack):
        return list(track.fields) or None
    return list(track.skeleton.joints) if isinstance(track, MotionTrack) else None


def _kind(track: Track) -> str:
    return {NumberTrack: "numbers", MotionTrack: "motion", TextTrack: "text"}[type(track)]


def _depth(track: Track) -> int:
    """Axes of one value."""
    if isinstance(track, NumberTrack):
        return track.series.values.ndim - 1
    return 2 if isinstance(track, MotionTrack) else 0


def _rows(values: npt.NDArray[Any]) -> list[Any]:
    rows: list[Any] = values.astype(np.float32).tolist()
    return rows


def _cue(cue: Cue) -> dict[str, Any]:
    return {
        "start_seconds": float(cue.span.start),
        "end_seconds": float(cue.span.end),
        "text": cue.text,
        "speaker": cue.speaker,
    }


def _nested(depth: int) -> pa.DataType:
    kind = pa.float32()
    for _ in range(depth):
        kind = pa.list_(kind)
    return kind
