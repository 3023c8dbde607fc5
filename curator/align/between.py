"""What values are between the samples of a track: held, on a line, on a smooth curve, or turned.

Nothing is made up: no value lies across a gap that is longer than a bound, none lies beyond the
first and the last sample, and at a sample's own time the value is the sample itself. Where a
single number of a sample is missing (NaN), the bound holds between its neighbours that are there.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Curve", "Instants", "at_instants", "turned"]

Floats: TypeAlias = npt.NDArray[np.float64]
_Ints: TypeAlias = npt.NDArray[np.int64]
_Bools: TypeAlias = npt.NDArray[np.bool_]


class Curve(enum.Enum):
    """How places are joined."""

    hold = "hold"
    """The last sample holds."""
    linear = "linear"
    """Straight lines."""
    pchip = "pchip"
    """Smooth curves that never swing past the samples (Fritsch and Carlson, 1980)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instants:
    """Instants on a track's clock, and how far values may be carried there."""

    ticks: _Ints
    """``(m,)`` whole ticks, rounded down."""
    rest: Floats
    """``(m,)`` the rest of each instant in ticks, in [0, 1)."""
    max_gap: int
    """Most ticks between two samples with values between them."""
    edge: float
    """Ticks by which an instant may miss a sample at an end, or one that is held, and still mean it: time stamps are rounded."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Where instants lie among the samples that have a value."""

    index: _Ints
    """``(m,)`` the sample at or before."""
    share: Floats
    """``(m,)`` of the way to the next sample, in [0, 1)."""
    there: _Bools
    """``(m,)`` whether there is a value."""


def at_instants(ticks: _Ints, values: Floats, when: Instants, curve: Curve) -> Floats:
    """``(m, c)`` values at `when` of ``(n, c)`` samples at increasing `ticks`; NaN where there is none.

    Columns are independent of one another.
    """
    out = np.full((len(when.ticks), values.shape[1]), np.nan)
    for columns, rows in _alike(np.isfinite(values)):
        known, samples = ticks[rows], values[np.ix_(rows, columns)]
        found = _find(known, when, held=curve is Curve.hold)
        between = _CURVES[curve](known, samples, found, when.max_gap)
        out[np.ix_(found.there, columns)] = between
    return out


def turned(ticks: _Ints, values: Floats, when: Instants) -> Floats:
    """``(m, k, 4)`` unit quaternions at `when` of ``(n, k, 4)`` samples, by the shortest turns (slerp).

    A quaternion and its negative are the same rotation: of the two, the one nearer to the value
    before it is given, so that the numbers do not jump.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = values / np.linalg.norm(values, axis=2, keepdims=True)
    out = np.full((len(when.ticks), *values.shape[1:]), np.nan)
    for joints, rows in _alike(np.isfinite(unit).all(axis=2)):
        known, samples = ticks[rows], unit[np.ix_(rows, joints)]
        found = _find(known, when)
        first = samples[found.index[found.there]]
        second = samples[_next(found, len(known))]
        between = _slerp(first, second, found.share[found.there][:, None, None])
        out[np.ix_(found.there, joints)] = between
    return _continuous(out)


def _alike(there: _Bools) -> Iterator[tuple[_Ints, _Ints]]:
    """Columns whose values are missing at the same samples, and the rows that are there."""
    masks, which = np.unique(there, axis=1, return_inverse=True)
    for number in range(masks.shape[1]):
        rows = np.flatnonzero(masks[:, number])
        if len(rows):
            yield np.flatnonzero(which.reshape(-1) == number), rows


def _find(known: _Ints, when: Instants, *, held: bool = False) -> _Found:
    last = len(known) - 1
    index = np.searchsorted(known, when.ticks, side="right") - 1
    here = np.clip(index, 0, last)
    after = (when.ticks - known[here]) + when.rest  # negative before the first sample
    length = known[np.minimum(here + 1, last)] - known[here]
    inside = (index >= 0) & (index < last)
    broken = inside & (length > when.max_gap)
    arriving = inside & (after > 0) & (length - after <= when.edge)
    near = (np.abs(after) <= when.edge) | arriving
    there = (after == 0) | (inside & ~broken) | near
    jump = arriving & (broken | held)
    share = np.where(inside & ~broken & ~jump, after / np.maximum(length, 1), 0.0)
    # The rest of a tick may round up to 1.
    return _Found(here + jump, np.minimum(share, np.nextafter(1.0, 0.0)), there)


def _next(found: _Found, count: int) -> _Ints:
    following: _Ints = np.minimum(found.index[found.there] + 1, count - 1)
    return following


def _hold(_known: _Ints, samples: Floats, found: _Found, _max_gap: int) -> Floats:
    held: Floats = samples[found.index[found.there]]
    return held


def _linear(_known: _Ints, samples: Floats, found: _Found, _max_gap: int) -> Floats:
    first, second = samples[found.index[found.there]], samples[_next(found, len(samples))]
    share = found.share[found.there][:, None]
    line = first + share * (second - first)
    inside: Floats = np.clip(line, np.minimum(first, second), np.maximum(first, second))
    return inside


def _pchip(known: _Ints, samples: Floats, found: _Found, max_gap: int) -> Floats:
    if len(known) < 2:
        return _hold(known, samples, found, max_gap)
    steps = np.diff(known).astype(np.float64)
    slopes = _slopes(steps, samples, max_gap)
    here, there = found.index[found.there], _next(found, len(samples))
    length = steps[np.minimum(here, len(steps) - 1)][:, None]
    s = found.share[found.there][:, None]
    first, second = samples[here], samples[there]
    curve = (
        first
        + (second - first) * s * s * (3 - 2 * s)
        + length * slopes[here] * s * (1 - s) ** 2
        - length * slopes[there] * s * s * (1 - s)
    )
    inside: Floats = np.clip(curve, np.minimum(first, second), np.maximum(first, second))
    return inside


def _slopes(steps: Floats, samples: Floats, max_gap: int) -> Floats:
    """``(n, c)`` slopes at the samples: the harmonic mean of both sides, flat at a turn and at the ends of a run."""
    rise = np.diff(samples, axis=0) / steps[:, None]
    before, after = rise[:-1], rise[1:]
    near, far = steps[:-1, None], steps[1:, None]
    weight_before, weight_after = 2 * far + near, far + 2 * near
    agree = before * after > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight_before + weight_after) / (weight_before / before + weight_after / after)
    slopes = np.zeros_like(samples)
    slopes[1:-1] = np.where(agree, mean, 0.0)
    slopes[0], slopes[-1] = rise[0], rise[-1]
    broken = np.flatnonzero(steps > max_gap)
    # At the ends of a run the curve begins as a line: the other side of the gap has no say.
    for gap in broken:
        slopes[gap] = rise[gap - 1] if gap > 0 else 0.0
        slopes[gap + 1] = rise[gap + 1] if gap + 1 < len(rise) else 0.0
    return slopes


_CURVES: dict[Curve, Callable[[_Ints, Floats, _Found, int], Floats]] = {
    Curve.hold: _hold,
    Curve.linear: _linear,
    Curve.pchip: _pchip,
}


def _slerp(first: Floats, second: Floats, share: Floats) -> Floats:
    cosine = np.sum(first * second, axis=-1, keepdims=True)
    second = np.where(cosine < 0, -second, second)
    angle = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    sine = np.sin(angle)
    small = sine < 1e-6  # nearly the same: a line is exact to the last digit
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(small, 1 - share, np.sin((1 - share) * angle) / sine)
        b = np.where(small, share, np.sin(share * angle) / sine)
    mixed = a * first + b * second
    unit: Floats = mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)
    return np.where(share == 0, first, unit)


def _continuous(rotations: Floats) -> Floats:
    """Each quaternion in the sign nearer to the one before it that is there."""
    out = rotations.copy()
    for joint in range(out.shape[1]):
        rows = np.flatnonzero(np.isfinite(out[:, joint, 0]))
        if len(rows) < 2:
            continue
        here = out[rows, joint]
        flips = np.sum(here[:-1] * here[1:], axis=1) < 0
        signs = np.where(np.cumsum(flips) % 2, -1.0, 1.0)
        out[rows[1:], joint] = here[1:] * signs[:, None]
    return out
