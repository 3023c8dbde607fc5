"""How far the movements of lips and the sound of a voice go together, and at which offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.series import Series

__all__ = [
    "LEAST_LIPS",
    "LIPS",
    "VOICE",
    "Agreement",
    "agreement",
    "matched",
]

_Floats: TypeAlias = npt.NDArray[np.float64]

LIPS = ("opening", "jaw", "width", "upper")
"""Series of the face that are compared."""
VOICE = ("voice_low", "voice_middle", "voice_formants", "voice_high")
"""Series of the sound that they are compared with."""

_STEPS = 50
"""Per second, of the common time grid."""
_FINE_SECONDS, _COARSE_SECONDS = 0.012, 0.25
_IN_SYNC_SECONDS, _AT_MOST_SECONDS = 0.12, 0.5
_APART_SECONDS = (0.2, 1.0)
_RANGE_DB = 50.0
LEAST_LIPS = (0.01, 0.01, 0.01, 0.005)
_LEAST_DB = 1.0
"""What moves less than this is jitter and noise: it counts as much less as it moves less. Speakers: from 0.02 and 6 dB."""
_PENALTY = 0.5
_MEAN_OF_WRONG, _SD_OF_WRONG = -0.019, 0.160
"""Of `above` for 2500 pairs of a speaking face with another voice, reversed speech, music or rain: the same in 3 s as in 10 s."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the comparison says about one clip."""

    agreement: float
    """Mean of four correlations, in [-1, 1], at the best offset of at most 0.12 s."""
    confidence: float
    """Standard deviations above what pictures with another sound reach."""
    offset_seconds: float
    """Where they agree best, within half a second; positive when the sound is late."""


def agreement(series: Mapping[str, Series]) -> Agreement:
    """Compare lips and voice of one clip; every series has two values at least, gaps are NaN."""
    lips, voice, seconds = _on_one_grid(series)
    lags, curve = _curve(lips, voice)
    offset = np.abs(lags)
    best = float(curve[offset <= _IN_SYNC_SECONDS].max())
    apart = curve[(offset >= _APART_SECONDS[0]) & (offset <= _APART_SECONDS[1])]
    # Chance alone falls with the root of the length; the deduction is for voices that beat a steady
    # time with the lips and agree at many offsets.
    above = (best - _PENALTY * float(apart.max())) * seconds**0.5
    near = offset <= _AT_MOST_SECONDS
    return Agreement(
        agreement=best,
        confidence=(above - _MEAN_OF_WRONG) / _SD_OF_WRONG,
        offset_seconds=float(lags[near][np.argmax(curve[near])]),
    )


def _on_one_grid(series: Mapping[str, Series]) -> tuple[_Floats, _Floats, float]:
    """``(n, 4)`` lips and ``(n, 4)`` what they should follow, without slow drift, and the seconds."""
    seen, heard = series[LIPS[0]].seconds, series[VOICE[0]].seconds
    start, end = max(seen[0], heard[0]), min(seen[-1], heard[-1])
    times = np.arange(ceil(start * _STEPS), int(end * _STEPS) + 1) / _STEPS
    lips, voice = matched(
        np.stack([_at(times, series[name]) for name in LIPS]),
        np.stack([_at(times, series[name]) for name in VOICE]),
    )
    return _lively(lips, LEAST_LIPS).T, _lively(voice, (_LEAST_DB,) * 4).T, len(times) / _STEPS


def matched(lips: _Floats, voice: _Floats) -> tuple[_Floats, _Floats]:
    """``(4, n)`` movements and the ``(4, m)`` sounds that each should follow, from rows as `LIPS` and `VOICE`."""
    opening, jaw, width, upper = lips
    low, middle, formants, high = (_audible(row) for row in voice)
    return np.stack([opening, jaw, width, -upper]), np.stack([formants, middle, high - low, high])


def _at(times: _Floats, series: Series) -> _Floats:
    values = series.values.astype(np.float64)
    there = np.isfinite(values)
    between: _Floats = np.interp(times, series.seconds[there], values[there])
    return between


def _audible(level_db: _Floats) -> _Floats:
    """Without what lies far below the loudest: pauses differ by noise that nobody hears."""
    audible: _Floats = np.maximum(level_db, level_db.max() - _RANGE_DB)
    return audible


def _lively(rows: _Floats, least: tuple[float, ...]) -> _Floats:
    """Each row without jitter and slow drift, with mean 0 and variance 1 (less if it hardly moves)."""
    moving = np.stack([_smooth(row, _FINE_SECONDS) - _smooth(row, _COARSE_SECONDS) for row in rows])
    moving -= moving.mean(axis=1, keepdims=True)
    scaled: _Floats = moving / np.maximum(moving.std(axis=1), least)[:, None]
    return scaled


def _smooth(row: _Floats, seconds: float) -> _Floats:
    """Gaussian mean that knows of no values beyond the ends."""
    sigma = seconds * _STEPS
    reach = ceil(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weight = np.convolve(np.ones(len(row)), kernel)[reach:-reach]
    smooth: _Floats = np.convolve(row, kernel)[reach:-reach] / weight
    return smooth


def _curve(lips: _Floats, voice: _Floats) -> tuple[_Floats, _Floats]:
    """Lags in seconds, positive where the voice is late, and the mean correlation at each."""
    count = len(lips)
    most = min(round(_APART_SECONDS[1] * _STEPS), count // 2)
    size = 1 << (count + most).bit_length()
    product = np.conj(np.fft.rfft(lips, size, axis=0)) * np.fft.rfft(voice, size, axis=0)
    sums = np.fft.irfft(product.sum(axis=1), size)
    lags = np.arange(-most, most + 1)
    means = sums[lags % size] / (count - np.abs(lags)) / lips.shape[1]
    # A mean over part of a clip of what was scaled over all of it may pass 1 by a little.
    return lags / _STEPS, np.clip(means, -1.0, 1.0)
