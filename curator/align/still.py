"""Where nothing moves: idle runs of a track of numbers, by its own time stamps."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.span import Span

__all__ = [
    "HOLE_SECONDS",
    "STEP_SECONDS",
    "Stillness",
    "rest_ahead",
    "still_runs",
    "still_seconds",
]

STEP_SECONDS = Fraction(3, 50)
"""A value is compared with the one at least this much earlier: a little less than openpi's step of 1/15 s,
so that jitter of a 15 Hz recording changes nothing. Fast recordings are not compared row by row, where the
noise of a sensor would look like speed."""
HOLE_SECONDS = Fraction(1)
"""Across a longer hole in a track nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stillness:
    """What counts as an idle run.

    openpi's filter for DROID (``compute_droid_nonidle_ranges.py``) calls a step of 15 per second idle
    when no joint velocity changes by 1e-3 or more, and takes out runs of 7 idle steps and more. The
    same is said here in seconds, so that it means the same at any rate.
    """

    change: float
    """All numbers change by less than this per second, in the track's unit."""
    seconds: Fraction
    """For at least so long."""


def still_runs(series: Series, rule: Stillness) -> tuple[Span, ...]:
    """The idle runs of ``(n, *shape)`` values, in time order, apart; a missing value counts as change."""
    return tuple(Span(series.time(first), series.time(last)) for first, last in _runs(series, rule))


def still_seconds(series: Series, rule: Stillness) -> Series:
    """At each time the seconds of the idle run that it lies in, 0 outside of runs.

    ``(m,)`` float64; NaN where nothing is known: before the first row, after the last one has had its
    time, and in holes.
    """
    ticks, base = series.ticks, series.time_base
    if len(ticks) < 2:
        return Series(ticks[:0], base, np.zeros(0))
    values = np.zeros(len(ticks))
    for first, last in _runs(series, rule):
        # The last row of all is shown for one more step, in which nobody has seen it move.
        end = last + 1 if last == len(ticks) - 1 else last
        values[first:end] = float(series.time(last) - series.time(first))
    steps = np.diff(ticks)
    values[:-1][steps > HOLE_SECONDS / base] = np.nan
    edges = (ticks[0] - 1, ticks[-1] + max(1, int(np.median(steps))))
    return Series(
        np.concatenate([edges[:1], ticks, edges[1:]]),
        base,
        np.concatenate([[np.nan], values, [np.nan]]),
    )


def rest_ahead(series: Series, rule: Stillness) -> Series:
    """At each time the seconds until the next idle run begins, or until the track has had its time.

    ``(m,)`` float64; 0 inside of idle runs, NaN where nothing is known, as of `still_seconds`. A hole ends
    what is known as the end of the track does.
    """
    still = still_seconds(series, rule)
    if not len(still):
        return still
    runs = still.values.astype(np.float64)
    known = ~np.isnan(runs)
    rests = still.ticks[(runs > 0) | ~known]
    after = np.searchsorted(rests, still.ticks)
    ahead = (rests[np.minimum(after, len(rests) - 1)] - still.ticks) * float(still.time_base)
    return Series(still.ticks, still.time_base, np.where(known, ahead, np.nan))


def _runs(series: Series, rule: Stillness) -> list[tuple[int, int]]:
    """First and last row of every idle run."""
    if len(series) < 2:
        return []
    quiet, before = _quiet(series, rule)
    ends = np.flatnonzero(quiet)
    if not len(ends):
        return []
    starts = before[ends]
    new = np.flatnonzero(starts[1:] > ends[:-1]) + 1
    firsts = starts[np.concatenate([[0], new])]
    lasts = ends[np.concatenate([new - 1, [len(ends) - 1]])]
    return [
        (int(first), int(last))
        for first, last in zip(firsts, lasts, strict=True)
        if series.time(last) - series.time(first) >= rule.seconds
    ]


def _quiet(series: Series, rule: Stillness) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Of each row, whether nothing changed since an earlier one, and the number of that one."""
    ticks, base = series.ticks, series.time_base
    values = series.values.reshape(len(ticks), -1).astype(np.float64)
    lag = max(1, floor(STEP_SECONDS / base))
    before = np.searchsorted(ticks, ticks - lag, side="right") - 1
    earlier = np.maximum(before, 0)
    seconds = (ticks - ticks[earlier]) * float(base)
    change = np.abs(values - values[earlier])
    known = (before >= 0) & (seconds <= float(HOLE_SECONDS))
    quiet: npt.NDArray[np.bool_] = known & (change < rule.change * seconds[:, None]).all(axis=1)
    return quiet, before
