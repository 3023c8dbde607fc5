"""Offset of two recordings of the same sound to a fraction of a sample, from their phases.

Knapp and Carter, "The generalized correlation method for estimation of time delay", IEEE TASSP 24,
1976: the cross-spectrum divided by its own magnitude (PHAT) has one sharp peak at the delay, whatever
the two microphones do to the loudness of each frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from curator.align.estimate.activity import Floats
from curator.align.estimate.correlate import Peak
from curator.align.estimate.luck import at_least, deviations

__all__ = ["Fine", "everywhere", "refined"]

_WINDOW_SECONDS = 4.0
_MOST_WINDOWS = 24
_NEAR_SECONDS = 0.025
"""How far the waveforms are looked for from where the levels agree."""
_CLEAR = 8.0
"""Standard deviations of the other lags that a peak must reach; 800 lags of noise reach 4."""
_BAND_HZ = (100.0, 7000.0)
_FINER = 8
_AGREE_SECONDS = 0.001
_SURE = 4.0
_MOST_DRIFT = 0.002
_LONG_SECONDS = 20.0
_FADE_SECONDS = 0.05
_PARTS = 8


@dataclass(frozen=True, slots=True)
class Fine:
    """What the waveforms say."""

    seconds: float
    """How late the track is in the middle."""
    drift: float
    """Seconds per second; 0 where it may be none."""


@dataclass(frozen=True, slots=True)
class _Guess:
    seconds: float
    drift: float


def refined(
    camera: npt.NDArray[np.float32],
    heard: npt.NDArray[np.float32],
    lead: int,
    rate: int,
    *,
    seconds: float,
    drift: float,
) -> Fine | None:
    """Offset and drift near a first guess; None where the waveforms have too little in common.

    `heard` begins `lead` samples before `camera`.
    """
    count = min(_MOST_WINDOWS, max(1, int(len(camera) / rate / _WINDOW_SECONDS)))
    length = min(len(camera), int(_WINDOW_SECONDS * rate))
    starts = np.linspace(0, len(camera) - length, count).astype(int)
    middles = (starts + length / 2 - len(camera) / 2) / rate
    found = [
        _window(
            camera,
            heard,
            slice(start, start + length),
            lead,
            rate,
            _Guess(seconds + drift * middle, drift),
        )
        for start, middle in zip(starts.tolist(), middles.tolist(), strict=True)
    ]
    there = np.array([one is not None for one in found])
    if there.mean() < 1 / 3:
        return None
    at, lags = middles[there], np.array([one for one in found if one is not None])
    slope = _slope(at, lags)
    if abs(slope) > _MOST_DRIFT:
        return None  # no two devices differ so much: these are chance peaks
    rest = lags - slope * at
    middle = float(np.median(rest))
    close = np.abs(rest - middle) <= _AGREE_SECONDS
    if close.mean() < 0.5:
        return None
    return Fine(float(np.mean(rest[close])), slope)


def _slope(at: Floats, lags: Floats) -> float:
    """Theil and Sen's slope, 0 where it may be none."""
    if len(at) < 4:
        return 0.0
    one, other = np.triu_indices(len(at), 1)
    slope = float(np.median((lags[other] - lags[one]) / (at[other] - at[one])))
    rest = lags - slope * at
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) + 1e-6
    sure = abs(slope) > _SURE * spread / (float(at.std()) * float(np.sqrt(len(at))))
    return slope if sure else 0.0


def _window(
    camera: npt.NDArray[np.float32],
    heard: npt.NDArray[np.float32],
    window: slice,
    lead: int,
    rate: int,
    guess: _Guess,
) -> float | None:
    """The lag in the middle of one window, seconds."""
    length = window.stop - window.start
    shift = round((guess.seconds - guess.drift * length / rate / 2) * rate)
    begin = window.start + lead + shift
    # What drifts by a thousandth has moved by 64 samples after four seconds: its window is stretched.
    at = begin + np.arange(length) * (1 + guess.drift)
    if begin < 0 or at[-1] > len(heard) - 1:
        return None
    taper = np.hanning(length)
    part = heard[begin : int(at[-1]) + 2].astype(np.float64)
    lag = _phat(
        camera[window].astype(np.float64) * taper,
        np.interp(at - begin, np.arange(len(part)), part) * taper,
        rate,
    )
    return None if lag is None else shift / rate + guess.drift * length / rate / 2 + lag


def everywhere(
    camera: npt.NDArray[np.float32],
    heard: npt.NDArray[np.float32],
    lead: int,
    rate: int,
    *,
    most_seconds: float,
) -> Peak | None:
    """The offset on which parts of the clip agree, each by itself, among all up to `most_seconds`.

    For sounds whose levels say nothing: rain, traffic, a voice in noise. Two recordings that have nothing
    in common agree in two parts at most, by a click in each; the confidence is how unlikely it is
    that so many random offsets fall within a millisecond.
    """
    skip = max(0, len(camera) - int(_LONG_SECONDS * rate)) // 2
    reach = int(most_seconds * rate)
    edges = np.linspace(skip, len(camera) - skip, _PARTS + 1).astype(int).tolist()
    curves = [
        _part(camera[low:high], heard, low + lead, reach, rate) for low, high in pairwise(edges)
    ]
    tops = np.array([int(np.argmax(curve)) for curve in curves])
    # What is highest at the very edge, or has no sound at all, has no peak.
    tops = tops[(tops > 0) & (tops < 2 * reach)]
    if len(tops) < 2:
        return None
    lags = (tops - reach) / rate
    close = np.abs(lags[:, None] - lags) <= _AGREE_SECONDS
    best = int(np.argmax(close.sum(axis=1)))
    count = int(close[best].sum())
    if count < 2:
        return None
    chance = min(1.0, 2 * _AGREE_SECONDS / (2 * most_seconds))
    luck = len(lags) * at_least(count - 1, len(lags) - 1, chance)
    seconds = float(np.median(lags[close[best]]))
    return Peak(seconds, count / _PARTS, deviations(luck))


def _part(
    camera: npt.NDArray[np.float32],
    heard: npt.NDArray[np.float32],
    at: int,
    reach: int,
    rate: int,
) -> Floats:
    """``(2 reach + 1,)`` of a part that lies at sample `at` of `heard`."""
    low, high = max(0, at - reach), at + len(camera) + reach
    around = heard[low:high].astype(np.float64)
    size = 1 << (len(camera) + len(around)).bit_length()
    fade = int(_FADE_SECONDS * rate)
    phases, used = _phases(
        _faded(camera.astype(np.float64), fade), _faded(around, fade), size, rate
    )
    curve: Floats = np.fft.irfft(phases, size) * size / max(1, 2 * used)
    return curve[np.arange(-reach, reach + 1) + at - low]


def _faded(sound: Floats, fade: int) -> Floats:
    """Without the clicks where it begins and ends: phases would find those of the two and call them alike."""
    there = np.flatnonzero(sound)
    if len(there) < 2 * fade or not fade:
        return np.zeros_like(sound)
    first, last = int(there[0]), int(there[-1]) + 1
    ramp = np.hanning(2 * fade)[:fade]
    out = sound.copy()
    out[first : first + fade] *= ramp
    out[last - fade : last] *= ramp[::-1]
    return out


def _phases(
    one: Floats, other: Floats, size: int, rate: int
) -> tuple[npt.NDArray[np.complex128], int]:
    """The cross-spectrum without its magnitudes, and how many frequencies it has."""
    cross = np.conj(np.fft.rfft(one, size)) * np.fft.rfft(other, size)
    magnitude = np.abs(cross)
    frequency = np.fft.rfftfreq(size, 1 / rate)
    kept = (frequency >= _BAND_HZ[0]) & (frequency <= _BAND_HZ[1]) & (magnitude > 0)
    phases = np.zeros(len(cross), np.complex128)
    phases[kept] = cross[kept] / magnitude[kept]
    return phases, int(kept.sum())


def _phat(one: Floats, other: Floats, rate: int) -> float | None:
    size = 1 << (2 * len(one) - 1).bit_length()
    phases, used = _phases(one, other, size, rate)
    if not used:
        return None
    curve = np.fft.irfft(phases, size * _FINER)
    reach = round(_NEAR_SECONDS * rate * _FINER)
    lags = np.arange(-reach, reach + 1)
    near = curve[lags]
    best = int(np.argmax(near))
    if not 0 < best < len(near) - 1 or near[best] < _CLEAR * float(curve.std()):
        return None
    left, middle, right = near[best - 1 : best + 2]
    bend = left - 2 * middle + right
    part = (left - right) / (2 * bend) if bend < 0 else 0.0
    return float((lags[best] + part) / (rate * _FINER))
