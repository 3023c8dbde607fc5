"""A number per sampled frame on a video's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
import numpy.typing as npt

from curator.model.span import Span

__all__ = ["Series"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values at increasing times; a value holds from its time to the next sample's.

    Raises:
        ValueError: if shapes disagree or the times do not increase.
    """

    ticks: npt.NDArray[np.int64]
    """``(n,)`` times in units of `time_base`; zero is the video's first frame."""
    time_base: Fraction
    """Seconds per tick."""
    values: npt.NDArray[np.generic]
    """``(n, *shape)``; NaN in a float series means that this frame has no value."""

    def __post_init__(self) -> None:
        if self.ticks.ndim != 1 or len(self.ticks) != len(self.values):
            raise ValueError(
                f"a series needs one value per time, got {self.ticks.shape = } {self.values.shape = }"
            )
        if len(self.ticks) > 1 and not bool(np.all(np.diff(self.ticks) > 0)):
            raise ValueError("the times of a series must increase")

    def __len__(self) -> int:
        return len(self.ticks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        return (
            self.time_base == other.time_base
            and np.array_equal(self.ticks, other.ticks)
            and self.values.dtype == other.values.dtype
            and self.values.shape == other.values.shape
            and self.values.tobytes() == other.values.tobytes()
        )

    __hash__ = None  # type: ignore[assignment]  # arrays are mutable in principle

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """``(n,)`` times in seconds, for plots and tables; exact times are `ticks`."""
        return self.ticks.astype(np.float64) * (
            self.time_base.numerator / self.time_base.denominator
        )

    def time(self, index: int) -> Fraction:
        """The exact time of one sample, seconds."""
        return int(self.ticks[index]) * self.time_base

    def within(self, span: Span, *, skip_first: bool = False) -> Series:
        """The samples whose time lies in `span`; `skip_first` leaves out the first of them."""
        first = int(np.searchsorted(self.ticks, ceil(span.start / self.time_base)))
        last = int(np.searchsorted(self.ticks, ceil(span.end / self.time_base)))
        first = min(first + skip_first, last)
        return Series(self.ticks[first:last], self.time_base, self.values[first:last])

    def last(self, count: int) -> Series:
        """The last `count` samples."""
        return Series(self.ticks[-count:], self.time_base, self.values[-count:])

    @staticmethod
    def join(parts: Sequence[Series]) -> Series:
        """One series from parts in time order.

        Raises:
            ValueError: if there is none, or the time bases differ.
        """
        if not parts:
            raise ValueError("nothing to join")
        if len({part.time_base for part in parts}) > 1:
            raise ValueError("parts of a series must share a time base")
        return Series(
            np.concatenate([part.ticks for part in parts]),
            parts[0].time_base,
            np.concatenate([part.values for part in parts]),
        )
