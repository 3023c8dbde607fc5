"""What a clip's motion and looks say about work: idleness, separate moves, and what is different afterwards."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.span import Span

__all__ = ["idle", "state_change", "work_runs"]

_Floats: TypeAlias = npt.NDArray[np.float32]
_Mask: TypeAlias = npt.NDArray[np.bool_]

_PAUSE_SECONDS = 7 / 15  # openpi's filter for DROID: seven steps of fifteen per second
_STILL_SAMPLES = 3
_LEAST_SECONDS = 1.5
_SETTLED = 4.0  # luma by which the looks of a settled cell may differ
_DIFFERENT = 12.0  # luma; shadows and exposure stay below


def idle(moving: Series, below: float, span: Span) -> tuple[float, float]:
    """Share of a clip without motion, and its longest stretch, seconds."""
    values = moving.values.astype(np.float64)
    still = _still(values, below)
    edges = np.append(moving.seconds, float(span.end))
    longest = max((edges[stop] - edges[start] for start, stop in _runs(still)), default=0.0)
    known = np.isfinite(values)
    return float(still[known].mean()), float(max(0.0, longest))


def work_runs(moving: Series, below: float) -> list[tuple[int, int]]:
    """Samples ``[first, last)`` of each stretch of motion; pauses under 0.47 s belong to it."""
    seconds = moving.seconds
    out: list[tuple[int, int]] = []
    for start, stop in _runs(~_still(moving.values.astype(np.float64), below)):
        if out and seconds[start] - seconds[out[-1][1] - 1] < _PAUSE_SECONDS:
            out[-1] = (out[-1][0], stop)
        else:
            out.append((start, stop))
    return out


def state_change(look: Series) -> float | None:
    """Share of the picture that looks different the last time that it is still than the first time.

    Every cell is compared with itself: its first stretch of 0.375 s without change in the first half
    of the clip, and its last one in the second half. So what an arm covers for a while is compared
    as soon as it is free. None when the clip is shorter than 1.5 s, or less than half of the picture
    is ever still in both halves.
    """
    seconds = look.seconds
    if len(seconds) < 2 * (_STILL_SAMPLES + 1) or seconds[-1] - seconds[0] < _LEAST_SECONDS:
        return None
    half = int(np.searchsorted(seconds, (seconds[0] + seconds[-1]) / 2))
    values = look.values.astype(np.float32)
    before, known_before = _first_still(values[:half])
    after, known_after = _first_still(values[half:][::-1])
    known = known_before & known_after
    if known.mean() < 0.5:
        return None
    change = after - before
    # Exposure moves the whole picture alike; what was moved changes a part of it.
    change -= np.median(change[known])
    return float((known & (np.abs(change) > _DIFFERENT)).mean())


def _first_still(values: _Floats) -> tuple[_Floats, _Mask]:
    """Looks ``(h, w)`` of the first stretch of stillness of every cell, and where there is one."""
    windows = np.lib.stride_tricks.sliding_window_view(values, _STILL_SAMPLES, axis=0)
    still = windows.max(axis=-1) - windows.min(axis=-1) <= _SETTLED
    first = still.argmax(axis=0)
    looks = np.take_along_axis(windows.mean(axis=-1), first[None], axis=0)[0]
    return np.asarray(looks), np.asarray(still.any(axis=0))


def _still(values: npt.NDArray[np.float64], below: float) -> _Mask:
    # A frame without a value has no motion that anybody saw, but is no proof of idleness either.
    return np.asarray(np.nan_to_num(values, nan=np.inf) < below)


def _runs(mask: _Mask) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(i), int(j)) for i, j in zip(edges[::2], edges[1::2], strict=True)]
