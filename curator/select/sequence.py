"""Whether two clips show the same footage: their pictures compared, and their movement laid over each other.

Pictures alone cannot tell a copy from another part of the same take, nor from the same desk the
next day. Movement can: in a copy every part of the picture brightens and darkens at the same
moments, up to a shift in time. The two clips are slid along each other, the brightness of 4 x 4
parts (without what changes slower than in two seconds) is correlated at every shift, and the best shift counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.select.footprint import WINDOWS, Bits, Footprint

__all__ = ["Match", "compare"]

_Array: TypeAlias = npt.NDArray[np.float64]

_RATE_HZ = 16
"""Traces are laid over each other in steps of a sixteenth of a second."""
_PARTS = 4
_SLOW_SECONDS = 1
"""Half the length of the running mean that is taken off a trace: drifts of light and camera correlate by chance."""
STILL_LUMA = 0.2
"""Standard deviation of the parts' brightness below which a clip has no movement that could tell it from others."""
_LEAST_SECONDS = 1.0
"""No shift is tried that leaves less than this in common."""
_SAME_TIME_SECONDS = 0.15
_LOOSE = 0.1
"""Pictures sampled at other moments differ by so much more than they will once the clips are laid over each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How two clips lie over each other, at the shift at which their movement agrees best."""

    looks: float
    """Median share of hash bits in which their pictures differ, after the best crop."""
    moves: float | None
    """1 - correlation of their movement; None when both are still."""
    shift_seconds: float | None
    """What the second shows at t, the first shows at t + shift; None when both are still."""

    @property
    def distance(self) -> float:
        """How far they are from being the same: three quarters of looks, and moves.

        Looks count less, since crops and captions change them in copies and parts of one take share
        them. Still clips have looks alone to tell by, so they must agree better: they count twice.
        """
        return 0.75 * self.looks + self.moves if self.moves is not None else 2 * self.looks


def compare(
    one: Footprint, other: Footprint, *, min_overlap: float, enough: float = 2.0
) -> Match | None:
    """The best match of two clips; None when they cannot be compared (too short, or one has no pictures).

    Args:
        min_overlap: share of the shorter clip that the two must have in common.
        enough: a distance beyond which nobody asks how far exactly: None as well.
    """
    pair = _best_windows(one, other)
    if pair is None or 0.75 * (pair[0] - _LOOSE) > enough:
        return None
    looks, mine, theirs = pair
    a, b = _moving(one, mine), _moving(other, theirs)
    if all(not len(x) or x.std() < STILL_LUMA for x in (a, b)):
        return Match(looks=looks, moves=None, shift_seconds=None)
    shift = _best_shift(a, b, min_overlap)
    if shift is None:
        return None
    moves, steps = shift
    seconds = steps / _RATE_HZ
    aligned = _aligned(one, mine, other, theirs, seconds)
    return Match(looks=looks if aligned is None else aligned, moves=moves, shift_seconds=seconds)


def _best_windows(one: Footprint, other: Footprint) -> tuple[float, int, int] | None:
    """(distance, window of one, window of other) at which their pictures agree best, whatever the time."""
    found = []
    for window in range(len(WINDOWS)):
        found.append((_nearest(_window(one, window)[1], other.hashes), window, 0))
        if window:
            found.append((_nearest(_window(other, window)[1], one.hashes), 0, window))
    held = [(distance, mine, theirs) for distance, mine, theirs in found if distance is not None]
    return min(held, default=None)


def _window(clip: Footprint, window: int) -> tuple[npt.NDArray[np.float32], Bits]:
    if window == 0:
        return clip.times, clip.hashes
    return clip.crop_times, clip.crops[:, window - 1]


def _nearest(few: Bits, many: Bits) -> float | None:
    """Median over `few` of the distance to the nearest of `many`."""
    few, many = few[few.any(axis=1)], many[many.any(axis=1)]
    if not len(few) or not len(many):
        return None
    return float(np.median(_distances(few, many).min(axis=1)))


def _distances(a: Bits, b: Bits) -> npt.NDArray[np.float32]:
    """``(n, m)`` share of differing bits."""
    words_a, words_b = (np.ascontiguousarray(x).view(np.uint64) for x in (a, b))
    counts = np.bitwise_count(words_a[:, None] ^ words_b[None]).sum(axis=2, dtype=np.uint16)
    return np.asarray(counts / np.float32(256), np.float32)


def _aligned(
    one: Footprint, mine: int, other: Footprint, theirs: int, shift: float
) -> float | None:
    """Median distance between pictures shown at the same moment, given the shift.

    Pictures are sampled at other moments in the two, so a bit differs only if it differs from the
    picture before that moment and from the one after it.
    """
    if mine:  # crops are rare: look for each of them among the many whole pictures
        return _aligned(other, theirs, one, mine, -shift) if not theirs else None
    (times, hashes), (few_times, few) = _window(one, mine), _window(other, theirs)
    if len(times) < 2:
        return None
    moments = few_times + shift
    after = np.clip(np.searchsorted(times, moments), 1, len(times) - 1)
    gap = np.maximum(times[after - 1] - moments, moments - times[after])
    told = (gap <= _SAME_TIME_SECONDS) & few.any(axis=1)
    told &= hashes[after - 1].any(axis=1) & hashes[after].any(axis=1)
    if not told.any():
        return None
    before, later = (hashes[at[told]] ^ few[told] for at in (after - 1, after))
    return float(np.median(np.bitwise_count(before & later).sum(axis=1, dtype=np.int64) / 256))


def _moving(clip: Footprint, window: int) -> _Array:
    """``(k, 16)`` brightness of 4 x 4 parts of a window, on a regular grid, without what is slow."""
    down, across = _pooling(window)
    parts = np.einsum("ij,njk,lk->nil", down, clip.trace.astype(np.float64), across)
    parts = np.asarray(parts.reshape(len(parts), _PARTS**2), np.float64)
    if not len(parts):
        return np.asarray(parts)
    parts -= parts.mean(axis=1, keepdims=True)
    grid = np.arange(clip.times[0], clip.times[-1] + 1e-6, 1 / _RATE_HZ)
    even = np.stack([np.interp(grid, clip.times, part) for part in parts.T], axis=1)
    return np.asarray(even - _running_mean(even, _SLOW_SECONDS * _RATE_HZ))


@cache
def _pooling(window: int) -> tuple[_Array, _Array]:
    """Weights ``(4, 6)`` that take 4 rows and 4 columns of a window out of a grid of 6 by area."""
    left, top, side = WINDOWS[window]
    return _weights(top, side), _weights(left, side)


def _weights(begin: float, side: float, cells: int = 6) -> _Array:
    edges = (begin + side * np.arange(_PARTS + 1) / _PARTS) * cells
    cell = np.arange(cells)
    shared = np.minimum(edges[1:, None], cell + 1) - np.maximum(edges[:-1, None], cell)
    weights = np.clip(shared, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _running_mean(values: _Array, half: int) -> _Array:
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    index = np.arange(len(values))
    first, last = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first)[:, None])


def _best_shift(a: _Array, b: _Array, min_overlap: float) -> tuple[float, int] | None:
    """(1 - correlation, steps by which b begins after a) of the best shift at which both move."""
    n, m = len(a), len(b)
    if not n or not m:
        return None
    least = max(min_overlap * min(n, m), _LEAST_SECONDS * _RATE_HZ)
    shifts = np.arange(-(m - 1), n)
    begin, end = np.maximum(shifts, 0), np.minimum(shifts + m, n)
    allowed = end - begin >= least
    if not allowed.any():
        return None
    shifts, begin, end = shifts[allowed], begin[allowed], end[allowed]
    products = _correlate(a, b)[shifts + m - 1]
    length = (end - begin) * a.shape[1]
    power_a, power_b = _power(a, begin, end), _power(b, begin - shifts, end - shifts)
    spread = np.sqrt(np.stack([power_a, power_b]) / length)
    moving = spread.min(axis=0) >= STILL_LUMA
    if not moving.any():
        return None
    correlation = np.where(moving, products / np.sqrt(power_a * power_b + 1e-9), -1)
    best = int(correlation.argmax())
    return 1 - float(correlation[best]), int(shifts[best])


def _power(values: _Array, begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> _Array:
    total = np.concatenate([[0.0], np.cumsum((values**2).sum(axis=1))])
    return np.asarray(total[end] - total[begin])


def _correlate(a: _Array, b: _Array) -> _Array:
    """``(n + m - 1,)`` sums of products for every shift of b from -(m - 1) to n - 1."""
    size = len(a) + len(b) - 1
    waves = np.fft.rfft(a, size, axis=0) * np.conj(np.fft.rfft(b, size, axis=0))
    circular = np.fft.irfft(waves.sum(axis=1), size)
    return np.concatenate([circular[len(a) :], circular[: len(a)]])
