"""One line through the offsets of many windows: how late a track is at the start, and how fast its clock runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_DRIFT", "Line", "Window", "line_through"]

MOST_DRIFT = 0.002
"""Devices differ by 0.0001, 29.97 and 30 by 0.001; what differs more has another rate and is declared."""
_LEAST_WINDOWS = 3
_LEAST_CONFIDENCE = 1.0
"""Wrong pairs have 0 +- 1: half of what is left out here says nothing, and is outvoted where it is let in."""
_LEAST_SHARE, _LEAST_OF_ALL = 0.6, 0.25
_MOST_CONFIDENCE = 10.0
_SURE = 3.0
"""Standard errors from which a drift counts as one."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured in one window."""

    at: float
    """Its middle, seconds of the video."""
    late: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Line:
    """``late(t) = start + drift * t``."""

    start: float
    """How late the track is at the video's first frame, seconds."""
    drift: float
    """How much later it gets per second; 0 where it may be none."""
    windows: int
    """How many lie on it."""


def line_through(windows: Sequence[Window], *, near_seconds: float) -> Line | None:
    """The line on which most windows lie; None where they do not agree on one.

    Every line through two windows that no two devices' clocks forbid is tried, and every level one. On
    the one with the most confidence within `near_seconds` must lie three windows at least, a quarter of all, and
    three fifths of those that could tell anything; through those goes Theil and Sen's line. A drift of less than three standard
    errors is reported as 0, unless windows would be lost by that.
    """
    told = [one for one in windows if one.confidence >= _LEAST_CONFIDENCE]
    if len(told) < _LEAST_WINDOWS:
        return None
    at, late = (np.array([getattr(one, name) for one in told]) for name in ("at", "late"))
    weight = np.minimum([one.confidence for one in told], _MOST_CONFIDENCE)
    kept = _agreeing(at, late, weight, near_seconds)
    least = max(_LEAST_WINDOWS, _LEAST_SHARE * len(told), _LEAST_OF_ALL * len(windows))
    if kept.sum() < least:
        return None
    drift = _drift(at[kept], late[kept], near_seconds)
    start = float(np.median(late[kept] - drift * at[kept]))
    return Line(start, drift, int(kept.sum()))


def _agreeing(at: _Floats, late: _Floats, weight: _Floats, near: float) -> npt.NDArray[np.bool_]:
    """The windows on the best line through two of them."""
    best, score = np.zeros(len(at), np.bool_), (-1.0, 0.0)
    tried = [(k, 0.0) for k in range(len(at))]
    for one, other in combinations(range(len(at)), 2):
        apart = at[other] - at[one]
        slope = float((late[other] - late[one]) / apart) if apart else 0.0
        if abs(slope) <= MOST_DRIFT:
            tried.append((one, slope))
    for index, slope in tried:
        beside = np.abs(late - late[index] - slope * (at - at[index]))
        inside = beside <= near
        found = (float(weight[inside].sum()), -float(beside[inside].mean()))
        if found > score:
            best, score = inside, found
    return best


def _drift(at: _Floats, late: _Floats, near: float) -> float:
    """Theil and Sen's slope, 0 where it may be none."""
    one, other = np.triu_indices(len(at), 1)
    apart = at[other] - at[one]
    slopes = (late[other] - late[one])[apart != 0] / apart[apart != 0]
    slope = float(np.clip(np.median(slopes), -MOST_DRIFT, MOST_DRIFT)) if len(slopes) else 0.0
    rest = late - slope * at
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) + 1e-6
    doubt = 1.1 * spread / (float(at.std()) * float(np.sqrt(len(at)))) if at.std() else np.inf
    level = np.abs(late - np.median(late)) <= near
    return slope if abs(slope) > _SURE * doubt or not level.all() else 0.0
