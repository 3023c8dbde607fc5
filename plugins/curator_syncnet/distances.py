"""Offset and confidence from the distances between vectors of lips and of sound, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.series import Series

__all__ = ["Agreement", "agreement"]

_Floats: TypeAlias = npt.NDArray[np.float64]

_FRAME = 0.04
_STEP = 0.02
_PUBLISHED_FRAMES = 15
_FEWEST = 10
_LEAST_FACES = 0.5


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the distances say."""

    seconds: float
    """Where they are least; positive when the sound is late."""
    confidence: float
    """Median over offsets of whole frames less the least: the published confidence."""
    distance: float
    """The least mean distance."""


def agreement(
    visual: Series, audio: Series, *, most_seconds: float = _PUBLISHED_FRAMES * _FRAME
) -> Agreement | str:
    """Offset and confidence of ``(n, 1024)`` and ``(m, 1024)`` vectors, or the slug of why there is none."""
    seen = visual.values.astype(np.float64)
    there = np.isfinite(seen).all(axis=1) if len(seen) else np.zeros(0, np.bool_)
    if len(seen) < _FEWEST or len(audio) < 2:
        return "too-short"
    if there.mean() < _LEAST_FACES or there.sum() < _FEWEST:
        return "no-face"
    reach = round(max(_PUBLISHED_FRAMES * _FRAME, most_seconds) / _STEP)
    lags: _Floats = np.arange(-reach, reach + 1, dtype=np.float64) * _STEP
    mean = _mean_distances(seen[there], visual.seconds[there], audio, lags)
    near = np.isfinite(mean) & (np.abs(lags) <= most_seconds + 1e-9)
    frames = np.isfinite(mean) & (np.arange(-reach, reach + 1) % 2 == 0)
    if near.sum() < 3 or frames.sum() < 3:
        return "too-short"
    best = int(np.flatnonzero(near)[np.argmin(mean[near])])
    seconds = float(np.clip(lags[best] + _STEP * _valley(mean, best), -most_seconds, most_seconds))
    confidence = float(np.median(mean[frames]) - mean[best])
    return Agreement(seconds, confidence, float(mean[best]))


def _mean_distances(seen: _Floats, at: _Floats, audio: Series, lags: _Floats) -> _Floats:
    """``(lags,)`` mean distance; between two vectors of the sound on a straight line; NaN where half are missing."""
    heard = audio.values.astype(np.float64)
    square = (
        np.square(seen).sum(axis=1)[:, None] + np.square(heard).sum(axis=1) - 2 * seen @ heard.T
    )
    apart = np.sqrt(np.maximum(square, 0))
    times = audio.seconds
    rows = np.stack(
        [
            np.interp(at[i] + lags, times, row, left=np.nan, right=np.nan)
            for i, row in enumerate(apart)
        ]
    )
    known = np.isfinite(rows)
    total = np.where(known, rows, 0).sum(axis=0)
    enough = known.mean(axis=0) >= 0.5
    return np.where(enough, total / np.maximum(known.sum(axis=0), 1), np.nan)


def _valley(mean: _Floats, best: int) -> float:
    """Where a parabola through the least and its neighbours has its bottom, in steps."""
    if not 0 < best < len(mean) - 1 or not np.isfinite(mean[best - 1 : best + 2]).all():
        return 0.0
    left, middle, right = mean[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float((left - right) / (2 * bend)) if bend > 0 and middle <= min(left, right) else 0.0
