"""Instants at which something begins, from series of the measure `onsets`."""

from __future__ import annotations

import numpy as np

from curator.align.estimate.activity import Floats
from curator.model.series import Series

__all__ = ["beats", "bursts", "flashes"]

_AROUND_SECONDS = 0.5
_APART_SECONDS = 0.12
_LEAST_FLASH = 12.0
_LEAST_BURST = 20.0
_TIMES_USUAL = 4.0
_RISE_SECONDS = 0.02
_LEAST_RISE_DB = 9.0
_QUIET_DB = 40.0
_HALF_DB = 3.0
_MOST = 500


def flashes(flash: Series) -> Floats:
    """Times of frames with something that lights up, far above what is usual around them, seconds.

    The time is the frame's own: that is when it is shown.
    """
    return _standing_out(flash.seconds, flash.values.astype(np.float64), _LEAST_FLASH)


def bursts(change: Series) -> Floats:
    """Times of frames that change far more than usual around them, seconds."""
    return _standing_out(change.seconds, change.values.astype(np.float64), _LEAST_BURST)


def beats(level: Series) -> Floats:
    """Times at which the sound rises by `_LEAST_RISE_DB` within 20 ms, seconds, between the samples.

    The instant is where half of the power that follows is reached: a tone that begins at once
    fills half of a window that is centred on its beginning.
    """
    seconds, values = level.seconds, level.values.astype(np.float64)
    if len(values) < 3:
        return np.empty(0)
    step = float(np.median(np.diff(seconds)))
    reach = max(1, round(_RISE_SECONDS / 2 / step))
    audible = np.maximum(values, values.max() - _QUIET_DB)
    rise = np.zeros(len(values))
    rise[reach:-reach] = audible[2 * reach :] - audible[: -2 * reach]
    tops = _tops(seconds, rise, _LEAST_RISE_DB)
    return np.array([_begins(seconds, audible, top, reach) for top in tops])


def _standing_out(seconds: Floats, values: Floats, least: float) -> Floats:
    known = np.isfinite(values)
    seconds, values = seconds[known], values[known]
    if len(values) < 3:
        return np.empty(0)
    tops = _tops(seconds, values, least)
    kept = []
    for top in tops:
        around = values[np.abs(seconds - seconds[top]) <= _AROUND_SECONDS]
        # The one itself and what rings after it are a small part of a second.
        if values[top] >= _TIMES_USUAL * float(np.median(around)):
            kept.append(float(seconds[top]))
    return np.array(kept)


def _tops(seconds: Floats, values: Floats, least: float) -> list[int]:
    """Indices of the highest values, each at least `_APART_SECONDS` from a higher one, in time order."""
    out: list[int] = []
    for index in np.argsort(-values, kind="stable").tolist():
        if values[index] < least or len(out) >= _MOST:
            break
        if all(abs(seconds[index] - seconds[other]) >= _APART_SECONDS for other in out):
            out.append(index)
    return sorted(out)


def _begins(seconds: Floats, audible: Floats, top: int, reach: int) -> float:
    """Where the level passes the half of the power that it reaches, by a straight line between samples."""
    low, high = max(0, top - 2 * reach), min(len(audible), top + 2 * reach + 1)
    part = audible[low:high]
    bound = float(part[part.size // 2 :].max()) - _HALF_DB
    above = np.flatnonzero(part >= bound)
    first = int(above[0]) if len(above) else part.size // 2
    if first == 0:
        return float(seconds[low])
    share = (bound - part[first - 1]) / (part[first] - part[first - 1])
    at = seconds[low + first - 1 : low + first + 1]
    return float(at[0] + share * (at[1] - at[0]))
