"""Up to which spatial frequency a picture holds detail."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.measure.pixels.once import once

__all__ = ["detail_limit"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Planes: TypeAlias = npt.NDArray[np.float32]

_LOW = slice(4, 13)  # cycles per 128 px: structure that any picture in focus has
_FIRST, _LAST = 8, 62  # where a limit is looked for
_SMOOTH = np.ones(5) / 5
_FALL = 0.1  # of the power at low frequencies, after the natural fall with 1 / f^2 is undone
_FAINT = 1e5  # luma^2: below this rounding to 8 bits has as much power at high frequencies
_MIN_CROPS = 2
_RANK = 60.0  # percentile over crops: some of them are honestly out of focus


@once
def detail_limit(crops: _Bytes) -> float:
    """The frequency where detail ends, as a share of the highest that pixels can hold: 0 to 1.

    `crops` is ``(k, 128, 128)`` of one picture. NaN when fewer than two crops have structure. The
    better of the two directions counts, since motion blurs one of them.
    """
    if not len(crops):
        return float("nan")
    planes = crops.astype(np.float32)
    limits = [_limit(planes), _limit(np.ascontiguousarray(planes.transpose(0, 2, 1)))]
    found = [limit for limit in limits if limit is not None]
    return max(found) if found else float("nan")


def _limit(planes: _Planes) -> float | None:
    """The limit along rows; None when nothing can be said."""
    power = _power(planes)
    size = planes.shape[2]
    # Natural pictures fall with 1 / f^2 in power; what is left is flat up to the limit.
    flat: _Floats = power.astype(np.float64) * np.square(np.arange(size // 2))
    low: _Floats = flat[:, _LOW].mean(axis=1)
    usable = low > _FAINT
    if int(usable.sum()) < _MIN_CROPS:
        return None
    limits = [
        _first_below(one / level) for one, level in zip(flat[usable], low[usable], strict=True)
    ]
    return float(np.percentile(limits, _RANK) / (size // 2))


def _power(planes: _Planes) -> _Planes:
    """Mean power of the rows of ``(k, h, w)`` planes by frequency, ``(k, w // 2)``; 0 at frequency 0."""
    lines = planes.reshape(-1, planes.shape[2])
    centred = lines - np.asarray(cv2.reduce(lines, 1, cv2.REDUCE_AVG), np.float32)
    centred *= _window(planes.shape[2])
    # Several times faster than numpy's. Real numbers in turn: 0, then real and imaginary part of 1, 2, ...
    waves = np.asarray(cv2.dft(centred, flags=cv2.DFT_ROWS), np.float32)
    waves *= waves
    mean = waves.reshape(planes.shape).mean(axis=1)
    power = np.zeros((len(planes), planes.shape[2] // 2), np.float32)
    power[:, 1:] = mean[:, 1:-1:2] + mean[:, 2:-1:2]
    return power


@lru_cache(maxsize=2)
def _window(size: int) -> npt.NDArray[np.float32]:
    window = np.hanning(size).astype(np.float32)
    window.setflags(write=False)
    return window


def _first_below(relative: _Floats) -> int:
    # The first crossing: noise and blocks of a codec fill the band behind it again.
    smooth = np.convolve(relative, _SMOOTH, "same")
    below = np.flatnonzero(smooth[_FIRST:_LAST] < _FALL)
    return int(below[0]) + _FIRST if len(below) else len(relative)
