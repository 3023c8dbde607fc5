"""Activities: how much happens when, in pictures and in tracks, brought to one even grid to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.series import Series

__all__ = ["Activity", "Floats", "even", "lively", "speeds"]

Floats: TypeAlias = npt.NDArray[np.float64]

_GAP_STEPS = 3.5
"""Samples further apart than so many usual steps have a hole between them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activity:
    """Numbers at increasing times, uneven and with holes.

    Raises:
        ValueError: if shapes disagree or the times do not increase.
    """

    seconds: Floats
    """``(n,)``."""
    values: Floats
    """``(n, channels)``; NaN where nothing is known."""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.seconds.shape != self.values.shape[:1]:
            raise ValueError(
                f"one row for each time, got {self.seconds.shape} and {self.values.shape}"
            )
        if len(self.seconds) > 1 and not bool(np.all(np.diff(self.seconds) > 0)):
            raise ValueError("the times of an activity must increase")

    @staticmethod
    def of(seconds: npt.ArrayLike, values: npt.ArrayLike) -> Activity:
        """From times ``(n,)`` and one number ``(n,)`` or several ``(n, channels)`` for each."""
        rows = np.asarray(values, np.float64)
        rows = rows[:, None] if rows.ndim == 1 else rows
        return Activity(seconds=np.asarray(seconds, np.float64), values=rows)

    @staticmethod
    def of_series(series: Series, *, between: bool = False) -> Activity:
        """From a series; `between` for numbers that compare a frame with the one before it.

        What two frames have between them happened half-way, not at the second one.
        """
        seconds, values = series.seconds, series.values.astype(np.float64)
        if between:
            seconds, values = (seconds[1:] + seconds[:-1]) / 2, values[1:]
        return Activity.of(seconds, values)

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """``(n,)`` whether all channels have a number."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    @property
    def step_seconds(self) -> float:
        """The usual time from one sample to the next; infinite below two samples."""
        return float(np.median(np.diff(self.seconds))) if len(self) > 1 else float("inf")

    def within(self, start: float, end: float) -> Activity:
        """The samples in ``[start, end)``."""
        low, high = np.searchsorted(self.seconds, (start, end))
        return Activity(seconds=self.seconds[low:high], values=self.values[low:high])

    def scaled(self, rate: float) -> Activity:
        """The same with all times multiplied by `rate`."""
        return Activity(seconds=self.seconds * rate, values=self.values)


def even(activity: Activity, *, step_seconds: float) -> tuple[int, Floats]:
    """The activity on the grid ``k * step_seconds``: the first k, and ``(m, channels)`` values.

    Straight lines between samples; NaN in holes. An activity without a number gives no rows.
    """
    known = activity.known
    seconds, values = activity.seconds[known], activity.values[known]
    if not len(seconds):
        return 0, np.empty((0, activity.values.shape[1]))
    first, last = ceil(seconds[0] / step_seconds), floor(seconds[-1] / step_seconds)
    times = np.arange(first, last + 1) * step_seconds
    columns = [np.interp(times, seconds, column) for column in values.T]
    out = np.stack(columns, axis=1) if columns else np.empty((len(times), 0))
    after = np.searchsorted(seconds, times).clip(1, max(1, len(seconds) - 1))
    if len(seconds) > 1:
        hole = seconds[after] - seconds[after - 1] > _GAP_STEPS * activity.step_seconds
        out[hole & (times > seconds[after - 1]) & (times < seconds[after])] = np.nan
    return first, out


def lively(
    values: Floats, *, step_seconds: float, fine_seconds: float, coarse_seconds: float
) -> Floats:
    """``(m, channels)`` without jitter faster than `fine_seconds` and drift slower than `coarse_seconds`.

    A difference of two Gaussian means, of those values that are there; NaN stays NaN.
    """
    smooth = _smooth(values, fine_seconds / step_seconds)
    return smooth - _smooth(values, coarse_seconds / step_seconds)


def speeds(points: Floats, seconds: Floats) -> Activity:
    """Lengths of steps per second of ``(n, points, dimensions)``, half-way between the samples."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    apart = np.diff(seconds)
    return Activity.of((seconds[1:] + seconds[:-1]) / 2, steps / apart[:, None])


def _smooth(values: Floats, sigma: float) -> Floats:
    """Gaussian mean over the values that are there, sigma in samples."""
    if sigma <= 0:
        return values
    reach = ceil(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    there = np.isfinite(values)
    total = _convolved(np.where(there, values, 0.0), kernel)
    weight = _convolved(there.astype(np.float64), kernel)
    return np.where(there, total / np.maximum(weight, 1e-12), np.nan)


def _convolved(values: Floats, kernel: Floats) -> Floats:
    """Each column with the kernel, as long as it was."""
    count, reach = len(values), len(kernel) // 2
    if not count:
        return values
    size = 1 << (count + len(kernel)).bit_length()
    product = np.fft.rfft(values, size, axis=0) * np.fft.rfft(kernel, size)[:, None]
    out: Floats = np.fft.irfft(product, size, axis=0)[reach : reach + count]
    return out
