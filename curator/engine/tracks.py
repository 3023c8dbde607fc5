"""Tracks of samples beside pictures and sound: what measures saw in a kept clip, and what sidecars hold of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from curator.align.resample import Resampling, on_clip
from curator.engine.agreed import PlanKnown
from curator.engine.beside import Beside, is_dataset
from curator.media.probe import Probe
from curator.model.clip import Row
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import NumberTrack, TextTrack, Track
from curator.plan.crop import crop_document, crop_path
from curator.plan.logical import FORMAT
from curator.plan.physical import Plan
from curator.spec.crops import CROP, is_boxed
from curator.spec.recipe import Partial, TrackSpec
from curator.store.key import digest
from curator.store.series import encode_series
from curator.store.tracks import encode_track

__all__ = ["TRACKS", "cut_tracks", "has_tracks", "tracks_document"]

TRACKS = "tracks"
"""Operator under which cut tracks are recorded, and the name of the blob that holds all series."""
_VERSION = 1
_CUT_VERSION = 1
"""Raise it when the same sidecar and clock would give other values on the clip's clock."""


def has_tracks(plan: Plan) -> bool:
    """Whether samples carry anything beside pictures and sound."""
    boxed = is_boxed(plan.recipe.sample.video)
    return bool(plan.logical.tracks or plan.logical.sidecars) or boxed


def tracks_document(plan: Plan, row: Row, probe: Probe, known: PlanKnown) -> dict[str, Any]:
    """The document of the key under which a clip's tracks are kept."""
    inputs = {
        name: digest({"key": known.key(plan.nodes[operand.measure]), "series": operand.series})
        for name, operand in plan.logical.tracks.items()
    }
    document: dict[str, Any] = {
        "format": FORMAT,
        "kind": TRACKS,
        "op": TRACKS,
        "version": _VERSION,
        "span": [row.span.start, row.span.end],
        "inputs": inputs,
    }
    crop = crop_path(plan.logical, row.span, probe, known)
    if crop is not None:
        document["crop"] = crop_document(crop)
    if plan.logical.sidecars:
        document["sidecars"] = {
            "version": _CUT_VERSION,
            **{name: _sidecar_document(plan, name, row, known) for name in plan.logical.sidecars},
        }
    return document


def cut_tracks(plan: Plan, row: Row, probe: Probe, known: PlanKnown) -> dict[str, bytes]:
    """What is released with one clip: `TRACKS` holds all series, ``tracks.NAME`` one track of a sidecar.

    Series are on the video's clock, sidecars' tracks on the clip's; what has nothing in the clip is
    left out.
    """
    out: dict[str, bytes] = {}
    series = _series(plan, row.span, known)
    crop = crop_path(plan.logical, row.span, probe, known)
    if crop is not None:
        series[CROP] = crop.boxes
    if series or plan.logical.tracks:
        out[TRACKS] = encode_series(series)
    for name, (role, track) in plan.logical.sidecars.items():
        held = known.track(role, track) if role in known.beside else None
        if held is None:
            continue
        clock = _clock(role, track, row, known)
        out[f"{TRACKS}.{name}"] = encode_track(
            _cut(held, clock, row.span, plan.recipe.sample.tracks[name], known.beside[role])
        )
    return out


def _cut(track: Track, clock: Clock, span: Span, spec: TrackSpec, beside: Beside) -> Track:
    if isinstance(track, TextTrack):
        return on_clip(track, clock, span, how=Resampling(partial=_partial(spec, beside)))
    how = Resampling(max_gap_seconds=Fraction(str(spec.max_gap_seconds)))
    if isinstance(track, NumberTrack):
        return on_clip(track, clock, span, fps=spec.fps, how=how)
    return on_clip(track, clock, span, fps=spec.fps, how=how)


def _partial(spec: TrackSpec, beside: Beside) -> Partial:
    if spec.partial is not None:
        return spec.partial
    return Partial.overlap if is_dataset(beside) else Partial.middle


def _series(plan: Plan, span: Span, known: PlanKnown) -> dict[str, Series]:
    out = {}
    for name, operand in plan.logical.tracks.items():
        series = known.series(plan.nodes[operand.measure]).get(operand.series or "")
        inside = None if series is None else series.within(span)
        if inside is not None and len(inside):
            out[name] = inside
    return out


def _clock(role: str, track: str, row: Row, known: PlanKnown) -> Clock:
    """As aligned: the track itself, or its whole file; else as declared."""
    named = f"{role}.{track}" if track else role
    return row.clocks.get(named, row.clocks.get(role, known.beside[role].clock))


def _sidecar_document(plan: Plan, name: str, row: Row, known: PlanKnown) -> dict[str, Any] | None:
    role, track = plan.logical.sidecars[name]
    if role not in known.beside:
        return None
    spec = plan.recipe.sample.tracks[name]
    return {
        **known.beside[role].document(),
        "track": track,
        "clock": _clock(role, track, row, known),
        "fps": spec.fps,
        "max_gap_seconds": spec.max_gap_seconds,
        "partial": _partial(spec, known.beside[role]),
    }
