"""Where two activities agree best, and how far that stands out of where they do not.

The correlation is normalised at every lag over the samples that both have (holes and ends count
for nothing): Padfield, "Masked object registration in the Fourier domain", IEEE TIP 21, 2012. The
confidence follows the idea of SyncNet (Chung and Zisserman, 2016), whose confidence is the best
value over that of the median lag. Theirs has the unit of the network's distances and grows with
luck where many lags compete; here the best value is counted in standard deviations of the
competing lags (or by Bartlett's formula, where those are too few), and set against what the best of
that many competitors reaches by chance (Rice's formula for the level crossings of a random curve). So
wrong pairs have a confidence of 0 +- 1 whatever the length of the clip and the width of the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, isfinite, log
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.align.estimate.activity import Floats

__all__ = ["Curve", "Peak", "between", "correlation", "highest"]

_Complex: TypeAlias = npt.NDArray[np.complex128]
_NORMAL = NormalDist()
_LEAST_OVERLAP = 0.5
"""Lags at which less than this share of the best overlap is left say nothing."""
_LEAST_COMPETITORS = 8
_LOBE = 2.0
"""Half widths at half height that belong to the peak itself."""
_STILL = 0.2
"""Share of the usual variance below which a stretch is not scaled up any more."""
_FLAT = 1e-9
_HIGHEST = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How well two activities agree at each lag."""

    lags_seconds: Floats
    """``(2 n + 1,)`` even and symmetric; positive: the track is late."""
    values: Floats
    """In [-1, 1], weighed down where the two overlap less; NaN where they hardly do."""
    luck: float = 0.0
    """Standard deviation that the values of a wrong pair would have, from how long each of the two remembers."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The best lag."""

    seconds: float
    height: float
    """The curve's value there."""
    confidence: float
    """Standard deviations above the best lag of a wrong pair."""


def correlation(
    video: tuple[int, Floats],
    track: tuple[int, Floats],
    *,
    step_seconds: float,
    reach_seconds: float,
    weights: Floats | None = None,
) -> Curve:
    """Mean over channels of the normalised cross-correlation at lags up to `reach_seconds`.

    `video` and `track` are first sample and ``(n, channels)`` on the grid of `step_seconds`; NaN in
    any channel is a hole. `weights` are for the channels; they need not add up to 1.
    """
    most = max(1, ceil(reach_seconds / step_seconds))
    lags = np.arange(-most, most + 1, dtype=np.int64)
    seconds = lags.astype(np.float64) * step_seconds
    seen, heard = _without_mean(video[1]), _without_mean(track[1])
    share = np.ones(seen.shape[1]) if weights is None else np.asarray(weights, np.float64)
    if not len(seen) or not len(heard):
        return Curve(seconds, np.full(len(lags), np.nan))
    values = _masked(seen, heard, lags + video[0] - track[0]) @ share / share.size
    return Curve(seconds, values, _luck(seen, heard, share))


def highest(curve: Curve, *, max_offset_seconds: float) -> Peak | None:
    """The best lag of at most `max_offset_seconds` either way; None where no lag can be judged."""
    lags, values = curve.lags_seconds, curve.values
    step = lags[1] - lags[0]
    near = np.flatnonzero((np.abs(lags) <= max_offset_seconds + step / 2) & np.isfinite(values))
    if not len(near) or float(np.ptp(values[near])) < _FLAT:
        return None
    index = int(near[np.argmax(values[near])])
    shift, height = between(values, index)
    seconds = float(np.clip(lags[index] + shift * step, -max_offset_seconds, max_offset_seconds))
    rivals = _competitors(values, index)
    if np.isfinite(rivals).sum() < _LEAST_COMPETITORS:
        return Peak(seconds, height, 0.0)
    window = 2 * max_offset_seconds
    return Peak(seconds, height, _confidence(height, rivals, curve.luck, step, window))


def _without_mean(values: Floats) -> Floats:
    """Centred and scaled, for numbers that do not cancel; whole rows are NaN where one is."""
    known = np.isfinite(values).all(axis=1)
    out = np.full_like(values, np.nan)
    if known.any():
        rows = values[known] - values[known].mean(axis=0)
        spread = rows.std(axis=0)
        out[known] = rows / np.where(spread > _FLAT, spread, np.inf)
    return out


def _masked(seen: Floats, heard: Floats, lags: npt.NDArray[np.int64]) -> Floats:
    """``(lags, channels)``: sample i of `seen` goes with ``i + lag`` of `heard`."""
    there_a, there_b = (np.isfinite(one[:, :1]).astype(np.float64) for one in (seen, heard))
    a, b = np.nan_to_num(seen), np.nan_to_num(heard)
    size = 1 << (len(a) + len(b) + int(np.abs(lags).max())).bit_length()
    fa, fb, faa, fbb, fma, fmb = (
        np.fft.rfft(one, size, axis=0) for one in (a, b, a * a, b * b, there_a, there_b)
    )

    def at_lags(one: _Complex, other: _Complex) -> Floats:
        sums: Floats = np.fft.irfft(np.conj(one) * other, size, axis=0)
        return np.asarray(sums[lags % size])

    count = np.maximum(np.round(at_lags(fma, fmb)), 0.0)
    safe = np.maximum(count, 1.0)
    mean_a, mean_b = at_lags(fa, fmb), at_lags(fma, fb)
    power_a = at_lags(faa, fmb) - mean_a**2 / safe
    power_b = at_lags(fma, fbb) - mean_b**2 / safe
    # Rows have variance 1. A stretch that hardly moves must not count as much as one that does.
    both = np.sqrt(np.maximum(power_a, _STILL * safe) * np.maximum(power_b, _STILL * safe))
    product = at_lags(fa, fb) - mean_a * mean_b / safe
    values = (product / both).clip(-1, 1)
    overlap = count / max(1.0, float(count.max()))
    out: Floats = np.where(overlap >= _LEAST_OVERLAP, values * np.sqrt(overlap), np.nan)
    return out


def _luck(seen: Floats, heard: Floats, share: Floats) -> float:
    """Standard deviation of the mean correlation of a wrong pair: Bartlett's formula.

    The sum over all shifts of the product of both autocorrelations, over the length: what remembers
    long has few independent samples. Channels remember each other as well.
    """
    one, other = (_memory(np.nan_to_num(rows)) for rows in (seen, heard))
    known = int(np.isfinite(seen[:, 0]).sum())
    reach = min(len(seen), len(heard)) - 1
    shifts = np.arange(-reach, reach + 1)
    product = one[shifts % len(one)] * other[shifts % len(other)]
    total = float(np.einsum("kcd,c,d->", product, share, share)) / share.size**2
    return float(np.sqrt(max(total, 0.0) / max(known, 1)))


def _memory(rows: Floats) -> Floats:
    """``(shifts, channels, channels)`` correlation of every channel with every one, at every shift."""
    size = 1 << (2 * len(rows)).bit_length()
    spectrum = np.fft.rfft(rows, size, axis=0)
    power = max(1.0, float(np.square(rows).sum(axis=0).max()))
    sums: Floats = np.fft.irfft(np.conj(spectrum)[:, :, None] * spectrum[:, None, :], size, axis=0)
    return sums / power


def between(values: Floats, index: int) -> tuple[float, float]:
    """Where a parabola through the highest sample and its neighbours has its top, and how high."""
    if not 0 < index < len(values) - 1:
        return 0.0, float(values[index])
    left, middle, right = values[index - 1 : index + 2]
    bend = left - 2 * middle + right
    if not bend < 0 or middle < max(left, right):
        return 0.0, float(middle)
    shift = (left - right) / (2 * bend)
    return float(shift), float(middle - (left - right) * shift / 4)


def _competitors(values: Floats, index: int) -> Floats:
    """The values outside of the peak's own lobe; NaN inside."""
    half = values[index] / 2
    ends = []
    for part in (values[index:], values[index::-1]):
        below = np.flatnonzero(~(part > half))
        ends.append(int(below[0]) if len(below) else len(part))
    reach = ceil(_LOBE * max(ends))
    out = values.copy()
    out[max(0, index - reach) : index + reach + 1] = np.nan
    return out


def _confidence(
    height: float, rivals: Floats, luck: float, step: float, window_seconds: float
) -> float:
    """`height` against the highest of what curves like `rivals` reach within the window.

    A few slow movements leave so few competitors that those may all happen to be low: then what
    the two remember says how far luck reaches.
    """
    known = rivals[np.isfinite(rivals)]
    own = float(known.std())
    spread = max(own, luck)
    if own < _FLAT:
        return 0.0  # nothing competes: what repeats nowhere cannot be told from luck
    slope = np.diff(rivals) / step
    slope = slope[np.isfinite(slope)]
    crossings = float(np.sqrt(np.mean(slope**2))) / own / (2 * np.pi) * window_seconds
    if not isfinite(crossings):
        return 0.0
    low, middle, high = (_level(p, crossings) for p in (0.1587, 0.5, 0.8413))
    deviations = (height - float(known.mean())) / spread
    return float(min(_HIGHEST, (deviations - middle) / ((high - low) / 2)))


def _level(probability: float, crossings: float) -> float:
    """The height, in standard deviations, that a random curve stays below with `probability`.

    Rice: it passes level u upwards ``crossings * exp(-u^2 / 2)`` times, and may begin above it.
    """
    low, high = -8.0, 12.0
    for _ in range(50):
        middle = (low + high) / 2
        below = log(max(_NORMAL.cdf(middle), 1e-300)) - crossings * exp(-(middle**2) / 2)
        low, high = (middle, high) if below < log(probability) else (low, middle)
    return (low + high) / 2
