"""The aligner `pose_speed`: the joints of a skeleton against those of the body in view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curator.abc.aligner import Pair, TrackKind
from curator.align.estimate.activity import Activity, speeds
from curator.align.estimate.bodies import BODY, HIPS, parts_of
from curator.align.estimate.compare import compare
from curator.align.estimate.movement import BAND, MovementAligner
from curator.model.sync import Offset
from curator.model.track import MotionTrack

__all__ = ["PoseSpeed"]

_KEYPOINTS = "pose.keypoints"
_HEIGHT = "pose.height_px"
_LEAST_VISIBLE = 0.5
_LEAST_KNOWN = 0.6
_FEWEST_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSpeed:
    """How late motion capture is, from the speeds of its joints against those of the body in the picture.

    Elbows, wrists, knees and ankles that the measure `pose` follows, each against the same joint of
    the skeleton (found by name). Speeds have no direction, so where the camera stands matters
    little; all are against the hips, so a pan does not either. Where `pose` sees nobody (drawn
    figures, markers in the dark) or names are unknown, it is the aligner `activity`.

    Typical: within half a frame from 4 s on.
    What fools it: someone else in view than the one who was captured; what fools `pose` and `activity`;
    steady walking and other movement that repeats (the confidence falls).
    Source: own definition; correlation as in `compare`.
    """

    name: ClassVar[str] = "pose_speed"
    version: ClassVar[int] = 1
    kinds: ClassVar[frozenset[TrackKind]] = frozenset({TrackKind.motion})
    measures: ClassVar[Mapping[str, Mapping[str, Any]]] = {"onsets": {}, "pose": {}}
    of_track: ClassVar[frozenset[str]] = frozenset()
    listens: ClassVar[bool] = False
    confidence: ClassVar[str] = MovementAligner.confidence

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        """How late the track is. Absent: ``not-motion``, and as `activity`."""
        track = pair.track
        if not isinstance(track, MotionTrack):
            return Offset(seconds=None, absent="not-motion")
        matched = _bodies(pair, track)
        if matched is None:
            return MovementAligner().estimate(pair, max_offset_seconds=max_offset_seconds)
        return compare(*matched, BAND, span=pair.span, max_offset_seconds=max_offset_seconds)


def _bodies(pair: Pair, track: MotionTrack) -> tuple[Activity, Activity] | None:
    """Speeds of the same joints in the picture and in the track; None where they cannot be compared."""
    seen = _seen(pair)
    parts = parts_of(track.skeleton)
    if seen is None or len(track.ticks) < 2:
        return None
    there = [name for name in parts if name in seen]
    if len(there) < _FEWEST_PARTS:
        return None
    root = track.skeleton.parents.index(-1)
    points = track.positions.astype(np.float64)
    near = points[:, [parts[name] for name in there]] - points[:, root, None]
    columns = np.stack([seen[name].values[:, 0] for name in there], axis=1)
    return Activity.of(seen[there[0]].seconds, columns), speeds(near, track.seconds)


def _seen(pair: Pair) -> dict[str, Activity] | None:
    """Speed against the hips, in body lengths, of each joint that is in view for most of the clip."""
    series, height = pair.series.get(_KEYPOINTS), pair.series.get(_HEIGHT)
    if series is None or height is None:
        return None
    inside, tall = series.within(pair.span), height.within(pair.span).values.astype(np.float64)
    if len(inside) < 2 or not np.isfinite(tall).any():
        return None
    rows = inside.values.astype(np.float64)
    hips = rows[:, HIPS, :2].mean(axis=1)
    out: dict[str, Activity] = {}
    for name, index in BODY.items():
        visible = rows[:, index, 2] >= _LEAST_VISIBLE
        near = np.where(visible[:, None], rows[:, index, :2] - hips, np.nan)
        moved = speeds(near[:, None] / np.nanmedian(tall), inside.seconds)
        if moved.known.mean() >= _LEAST_KNOWN:
            out[name] = moved
    return out
