"""From a series to one number per clip: the statistics that every scalar series has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.signal import Signal

__all__ = ["STATISTICS", "statistic"]

_Values = npt.NDArray[np.float64]


def _percentile(rank: float) -> Callable[[_Values], float]:
    return lambda values: float(np.percentile(values, rank))


STATISTICS: Mapping[str, Callable[[_Values], float]] = {
    "mean": lambda values: float(values.mean()),
    "median": lambda values: float(np.median(values)),
    "min": lambda values: float(values.min()),
    "max": lambda values: float(values.max()),
    "std": lambda values: float(values.std()),
    "share": lambda values: float(np.count_nonzero(values) / len(values)),
    **{f"p{rank:02d}": _percentile(rank) for rank in (1, 5, 10, 25, 75, 90, 95, 99)},
}
"""Name to function of the samples that have a value, in the clip."""


def statistic(series: Series | None, name: str) -> Signal:
    """One statistic of a scalar series inside a clip.

    Absent as ``no-samples`` when no sampled frame lies in the clip and as ``no-value`` when none of
    them has a value.
    """
    if series is None or len(series) == 0:
        return Signal(None, absent="no-samples")
    values = series.values.astype(np.float64)
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return Signal(None, absent="no-value")
    return Signal(STATISTICS[name](values))
