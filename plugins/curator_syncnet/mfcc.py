"""Mel-frequency cepstral coefficients with the published parameters of SyncNet's front end.

Those are the defaults of python_speech_features 0.6 (James Lyons, MIT): windows of 25 ms every
10 ms without a taper, pre-emphasis 0.97, 512 points, 26 filters over 0 to 8 kHz, 13 coefficients of an
orthonormal cosine transform, lifted by 22, the first replaced by the logarithm of the window's energy.
Samples are on the scale of 16 bits. Own code, compared with that package by a test.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["HOP", "LENGTH", "NUM_COEFFICIENTS", "RATE_HZ", "mfcc"]

_Floats: TypeAlias = npt.NDArray[np.float64]

RATE_HZ = 16_000
LENGTH, HOP = 400, 160
NUM_COEFFICIENTS = 13
_POINTS = 512
_FILTERS = 26
_LIFTER = 22
_EMPHASIS = 0.97
_FULL_SCALE = 32768.0
_LEAST = np.finfo(np.float64).eps


def mfcc(samples: npt.NDArray[np.float32], before: float = 0.0) -> _Floats:
    """``(n, 13)`` of mono samples in [-1, 1]: one row for each whole window of 25 ms, every 10 ms.

    `before` is the sample in front of the first, which the pre-emphasis deducts.
    """
    sound = samples.astype(np.float64) * _FULL_SCALE
    sound = sound - _EMPHASIS * np.concatenate([[before * _FULL_SCALE], sound[:-1]])
    if len(sound) < LENGTH:
        return np.empty((0, NUM_COEFFICIENTS))
    windows = np.lib.stride_tricks.sliding_window_view(sound, LENGTH)[::HOP]
    power = np.abs(np.fft.rfft(windows, _POINTS, axis=1)) ** 2 / _POINTS
    energy = power.sum(axis=1)
    bands = power @ _filters().T
    logs = np.log(np.where(bands > 0, bands, _LEAST))
    out: _Floats = logs @ _cosines().T
    out[:, 0] = np.log(np.where(energy > 0, energy, _LEAST))
    return out


@cache
def _filters() -> _Floats:
    """``(26, 257)`` triangles, even on the mel scale, their corners on whole points."""
    top = 2595 * np.log10(1 + RATE_HZ / 2 / 700)
    mel = np.linspace(0, top, _FILTERS + 2)
    at = np.floor((_POINTS + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE_HZ).astype(int)
    out = np.zeros((_FILTERS, _POINTS // 2 + 1))
    for row, (low, middle, high) in enumerate(zip(at[:-2], at[1:-1], at[2:], strict=True)):
        rise, fall = np.arange(low, middle), np.arange(middle, high)
        out[row, rise] = (rise - low) / (middle - low)
        out[row, fall] = (high - fall) / (high - middle)
    return out


@cache
def _cosines() -> _Floats:
    """``(13, 26)``: the orthonormal cosine transform with its lifter."""
    k, n = np.arange(NUM_COEFFICIENTS)[:, None], np.arange(_FILTERS)
    basis = np.sqrt(2 / _FILTERS) * np.cos(np.pi * k * (2 * n + 1) / (2 * _FILTERS))
    basis[0] /= np.sqrt(2)
    lift = 1 + _LIFTER / 2 * np.sin(np.pi * k / _LIFTER)
    return np.asarray(basis * lift)
