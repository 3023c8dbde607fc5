"""The aligner `activity`: what moves in a track against how much the picture changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curator.abc.aligner import Pair, TrackKind
from curator.align.estimate.activity import Activity, Floats, speeds
from curator.align.estimate.compare import Band, compare
from curator.model.series import Series
from curator.model.sync import Offset
from curator.model.track import MotionTrack, NumberTrack

__all__ = ["BAND", "MovementAligner"]

BAND = Band(step_seconds=0.01, fine_seconds=0.03, coarse_seconds=0.5)
_CHANGE = "onsets.change"
_LOUDEST = 4.0
_SLOWEST_STEP_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementAligner:
    """How late numbers or a skeleton are, from how fast they change against how much the picture changes.

    The speed of every field, over its own usual speed, or of every joint, averaged; and the mean
    difference of two pictures in a row (`onsets.change`). Neither direction nor camera matters.

    Typical: within half a frame in 5 s of a moving arm or body before a camera that stands still.
    What fools it: a camera that moves, other people and things that move, light that flickers, work that
    repeats with the beat of a machine (the confidence falls), states sampled below 4 per second.
    Source: own definition; correlation as in `compare`.
    """

    name: ClassVar[str] = "activity"
    version: ClassVar[int] = 1
    kinds: ClassVar[frozenset[TrackKind]] = frozenset({TrackKind.numbers, TrackKind.motion})
    measures: ClassVar[Mapping[str, Mapping[str, Any]]] = {"onsets": {}}
    of_track: ClassVar[frozenset[str]] = frozenset()
    listens: ClassVar[bool] = False
    confidence: ClassVar[str] = (
        "standard deviations above the best lag of a wrong pair: wrong pairs 0.5 +- 1.1 (5 % above 2.3), right pairs"
        " 2.5 to 4 in 4 to 10 s; movement that repeats stays below 2 even in right pairs"
    )

    fields: tuple[str, ...] = ()
    """Fields of the track that count, by name; all of them when empty."""

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        """How late the track is. Absent: ``no-pictures``, ``too-short``, ``too-sparse``, ``nothing-moves`` ..."""
        if _CHANGE not in pair.series:
            return Offset(seconds=None, absent="no-pictures")
        moving = _moving(pair, self.fields)
        if isinstance(moving, str):
            return Offset(seconds=None, absent=moving)
        seen = Activity.of_series(pair.series[_CHANGE], between=True)
        return compare(seen, moving, BAND, span=pair.span, max_offset_seconds=max_offset_seconds)


def _moving(pair: Pair, fields: tuple[str, ...]) -> Activity | str:
    """How fast the track changes, or why that cannot be said."""
    if isinstance(pair.track, MotionTrack):
        track = pair.track
        if len(track.ticks) < 2:
            return "too-short"
        return _mean(speeds(track.positions.astype(np.float64), track.seconds))
    if not isinstance(pair.track, NumberTrack):
        return "not-numbers"
    chosen = _chosen(pair.track, fields)
    if isinstance(chosen, str):
        return chosen
    return _changes(pair.track.series, chosen)


def _chosen(track: NumberTrack, fields: tuple[str, ...]) -> Floats | str:
    """``(n, columns)`` of the fields that count."""
    values = track.series.values
    rows = values.reshape(len(values), -1).astype(np.float64)
    if not fields:
        return rows
    if set(fields) - set(track.fields):
        return "no-such-field"
    width = len(track.fields)
    wanted = [track.fields.index(name) for name in fields]
    return rows.reshape(len(rows), -1, width)[:, :, wanted].reshape(len(rows), -1)


def _changes(series: Series, rows: Floats) -> Activity | str:
    """Mean over columns of the speed, each over its own root mean square."""
    if len(rows) < 2:
        return "too-short"
    moved = speeds(rows[:, :, None], series.seconds)
    if moved.step_seconds > _SLOWEST_STEP_SECONDS:
        return "too-sparse"
    usual = np.sqrt(np.nanmean(np.square(_or_zero(moved.values)), axis=0))
    if not (usual > 0).any():
        return "nothing-moves"
    # A switch that jumps would drown what moves smoothly.
    scaled = np.minimum(moved.values[:, usual > 0] / usual[usual > 0], _LOUDEST)
    return _mean(Activity(seconds=moved.seconds, values=scaled))


def _or_zero(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=0.0)


def _mean(moved: Activity) -> Activity:
    """One channel: the mean of those that are known; NaN where none is."""
    known = np.isfinite(moved.values)
    count = known.sum(axis=1)
    total = _or_zero(moved.values).sum(axis=1)
    return Activity.of(moved.seconds, np.where(count > 0, total / np.maximum(count, 1), np.nan))
