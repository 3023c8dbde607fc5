"""How much of a picture is made of visible steps where it should be smooth."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["banded_share"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

_WINDOW_PX = 7
_STILL = 0.7  # share of the window without any step: a plateau, no texture and no grain
_REGION_PX = 64  # the bands of one slope lie within about this many pixels
_CONTRAST = (0.25, 0.5, 0.75, 1.0)  # how visible steps of 1, 2, 3 and 4 luma are
_LEAST = 0.1  # of a plateau's pixels: a smaller neighbour is an edge or a stray
_BLACK = 18  # stored luma: the steps next to black are no slope


def banded_share(crops: _Bytes) -> float:
    """Share of ``(k, 128, 128)`` crops of one picture that is banded, steps weighed by their contrast; NaN without crops."""
    if not len(crops):
        return float("nan")
    return float(np.mean([_banded(crop) for crop in crops]))


def _banded(crop: _Bytes) -> float:
    plateau = _plateaus(crop)
    size = _REGION_PX
    total = 0.0
    for top in range(0, crop.shape[0], size):
        for left in range(0, crop.shape[1], size):
            region = np.s_[top : top + size, left : left + size]
            levels = np.bincount(crop[region][plateau[region]], minlength=256)
            total += _weighed(levels[_BLACK:].astype(np.float64))
    return total / crop.size


def _plateaus(crop: _Bytes) -> npt.NDArray[np.bool_]:
    """Where nearly all neighbours are equal."""
    same = np.zeros(crop.shape, np.float32)
    same[:-1, :-1] = (crop[:-1, :-1] == crop[:-1, 1:]) & (crop[:-1, :-1] == crop[1:, :-1])
    return np.asarray(cv2.blur(same, (_WINDOW_PX, _WINDOW_PX)) > _STILL)


def _weighed(levels: npt.NDArray[np.float64]) -> float:
    """Pixels of a histogram that have a plateau a few steps away, by the height of the lowest such step."""
    contrast = np.zeros_like(levels)
    for step, weight in enumerate(_CONTRAST, start=1):
        beside = np.zeros_like(levels)
        beside[:-step] = levels[step:]
        beside[step:] = np.maximum(beside[step:], levels[:-step])
        found = (contrast == 0) & (beside > _LEAST * levels)
        balance = np.minimum(1.0, 2 * beside / np.maximum(beside + levels, 1.0))
        contrast[found] = weight * balance[found]
    return float((levels * contrast).sum())
