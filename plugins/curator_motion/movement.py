"""How the one followed moves over a clip, from the series alone: range, variety, rhythm, contact, continuity."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries
from curator.model.signal import Signal, SignalSpec
from curator_motion.posture import HIPS, JOINTS

__all__ = ["SIGNALS", "signals"]

_Floats: TypeAlias = npt.NDArray[np.float64]
_Flags: TypeAlias = npt.NDArray[np.bool_]

SIGNALS = (
    SignalSpec(
        name="spread",
        unit="lengths",
        about="RMS distance of the joints from their mean pose, in body lengths: range of the movement",
    ),
    SignalSpec(
        name="variety",
        unit="count",
        about="poses that differ from each other by a twentieth of a body length or more: complexity of the movement",
    ),
    SignalSpec(
        name="periodicity",
        unit="ratio",
        about="how far the movement repeats itself after 0.4 to 2 seconds: 0 never, 1 exactly",
    ),
    SignalSpec(
        name="foot_contact",
        unit="ratio",
        about="share of the clip in which a foot stands on the ground",
    ),
    SignalSpec(
        name="cut_share",
        unit="ratio",
        about="share of the frames with a person in which a hand or foot is cut off",
    ),
    SignalSpec(
        name="longest_seconds",
        unit="s",
        about="longest stretch in which the same person is followed without a gap",
    ),
    SignalSpec(
        name="switches",
        unit="count",
        about="times the one followed is elsewhere than a frame before: another person, or a cut",
    ),
)

_APART = 0.05
"""Of a body length: poses nearer than this are one; the networks' own jitter is 0.01 to 0.02."""
_PLANTED = 0.35
"""Lengths per second: a standing foot reads 0.02..0.2, a swinging one above 1."""
_LAGS_SECONDS = (0.4, 2.0)
_DRIFT_SECONDS = 2.0  # a turn or a step aside is no rhythm
_LEAST_PERIODS = 2
_LEAST_FRAMES = 4
_JUMP = 0.5


def signals(clip: ClipSeries) -> dict[str, Signal]:
    """Every signal of `SIGNALS`; ``no-frames``, ``no-person`` or ``too-short`` where there is none."""
    count = clip.series.get("count")
    if count is None or not len(count):
        return _nothing("no-frames")
    there = np.isfinite(clip.series["height_px"].values.astype(np.float64))
    if not there.any():
        return _nothing("no-person")
    jumped = _jumped(clip)
    cut = clip.series["cut"].values.astype(np.float64)[there]
    return {
        **_of_poses(_poses(clip), _step_seconds(count.seconds), there),
        "foot_contact": _contact(clip),
        "cut_share": Signal(float((cut > 0).mean())),
        "longest_seconds": Signal(_longest(count.seconds, there, jumped)),
        "switches": Signal(float(jumped.sum())),
    }


def _nothing(reason: str) -> dict[str, Signal]:
    return {spec.name: Signal(None, absent=reason) for spec in SIGNALS}


def _poses(clip: ClipSeries) -> _Floats:
    """``(n, 24)`` joints against the hips in body lengths, NaN in frames without a person."""
    points = clip.series["keypoints"].values.astype(np.float64)[..., :2]
    hips = points[:, list(HIPS)].mean(axis=1, keepdims=True)
    length = clip.series["height_px"].values.astype(np.float64)[:, None, None]
    poses = (points[:, list(JOINTS)] - hips) / length
    return np.asarray(poses.reshape(len(points), -1))


def _of_poses(poses: _Floats, step_seconds: float, there: _Flags) -> dict[str, Signal]:
    known = poses[there]
    if len(known) < _LEAST_FRAMES:
        short = Signal(None, absent="too-short")
        return {"spread": short, "variety": short, "periodicity": short}
    away = known - known.mean(axis=0)
    joints = away.shape[1] / 2
    return {
        "spread": Signal(float(np.sqrt((away**2).sum() / len(away) / joints))),
        "variety": Signal(float(_variety(known))),
        "periodicity": _periodicity(poses, step_seconds, there),
    }


def _variety(poses: _Floats) -> int:
    """How many poses there are of which no two are near each other, taken in order of time."""
    kept = poses[:1]
    for pose in poses[1:]:
        ways = np.sqrt(((kept - pose) ** 2).mean(axis=1) * 2)
        if ways.min() >= _APART:
            kept = np.vstack([kept, pose])
    return len(kept)


def _periodicity(poses: _Floats, step_seconds: float, there: _Flags) -> Signal:
    """The highest peak of the autocorrelation of the whole pose; only a peak is a return."""
    first, last = (round(seconds / max(step_seconds, 1e-3)) for seconds in _LAGS_SECONDS)
    last = min(last, len(poses) // _LEAST_PERIODS)
    if last - first < 2:
        return Signal(None, absent="too-short")
    away = _without_drift(poses, there, round(_DRIFT_SECONDS / 2 / step_seconds))
    curve = np.array([_likeness(away, there, lag) for lag in range(1, last + 1)])
    inner = np.arange(max(first, 2), last) - 1
    peaks = inner[(curve[inner] >= curve[inner - 1]) & (curve[inner] >= curve[inner + 1])]
    return Signal(float(np.clip(curve[peaks].max(initial=0.0), 0, 1)))


def _without_drift(poses: _Floats, there: _Flags, reach: int) -> _Floats:
    """Poses less their running mean; zero in frames without one."""
    known = np.where(there[:, None], poses, 0)
    out = np.zeros_like(known)
    for index in np.flatnonzero(there):
        near = slice(max(0, index - reach), index + reach + 1)
        out[index] = known[index] - known[near].sum(axis=0) / there[near].sum()
    return out


def _likeness(away: _Floats, there: _Flags, lag: int) -> float:
    both = there[lag:] & there[:-lag]
    one, other = away[lag:][both], away[:-lag][both]
    power = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / power) if power > 0 else 0.0


def _contact(clip: ClipSeries) -> Signal:
    speed = clip.series["foot_speed"].values.astype(np.float64)
    speed = speed[np.isfinite(speed)]
    if not len(speed):
        return Signal(None, absent="too-short")
    return Signal(float((speed < _PLANTED).mean()))


def _jumped(clip: ClipSeries) -> _Flags:
    """``(n - 1,)`` whether the one followed is too far away, or of too different a size, from one frame to the next."""
    stream = clip.video.video
    x, y, height = (clip.series[name].values.astype(np.float64) for name in ("x", "y", "height_px"))
    way = np.hypot(np.diff(x) * stream.display_width_px, np.diff(y) * stream.display_height_px)
    smaller, larger = np.minimum(height[1:], height[:-1]), np.maximum(height[1:], height[:-1])
    # Comparisons with NaN are False: nobody is no jump.
    return np.asarray((way > _JUMP * smaller) | (larger > smaller / 0.6))


def _longest(seconds: _Floats, there: _Flags, jumped: _Flags) -> float:
    """From the first to the last frame of the longest run, and one frame's time."""
    best = start = 0.0
    step = _step_seconds(seconds)
    for index in range(len(seconds)):
        if not there[index]:
            continue
        if index == 0 or not there[index - 1] or jumped[index - 1]:
            start = float(seconds[index])
        best = max(best, float(seconds[index]) - start + step)
    return best


def _step_seconds(seconds: _Floats) -> float:
    return float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
