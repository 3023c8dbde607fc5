"""How much of a picture is made of visible steps where it should be smooth."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.measure.pixels.once import once

__all__ = ["banded_share"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

_WINDOW_PX = 7
_STILL = 0.7  # share of the window without any step: a plateau, no texture and no grain
_REGION_PX = 64  # the bands of one slope lie within about this many pixels
_CONTRAST = (0.25, 0.5, 0.75, 1.0)  # how visible steps of 1, 2, 3 and 4 luma are
_LEAST = 0.1  # of a plateau's pixels: a smaller neighbour is an edge or a stray
_BLACK = 18  # stored luma: the steps next to black are no slope


@once
def banded_share(crops: _Bytes) -> float:
    """Share of ``(k, 128, 128)`` crops of one picture that is banded, steps weighed by their contrast; NaN without crops."""
    if not len(crops):
        return float("nan")
    banded = _weighed(_levels(crops)).sum(axis=1) / crops[0].size
    return float(np.mean(banded))


def _levels(crops: _Bytes) -> npt.NDArray[np.float64]:
    """Histograms of the plateaus of every region, without black: ``(k, regions, 238)``."""
    at = np.flatnonzero(np.stack([_plateaus(crop) for crop in crops]))
    bins, count = _bins(crops.shape)
    codes = bins[at] + crops.ravel()[at]
    levels = np.bincount(codes, minlength=256 * count).reshape(len(crops), -1, 256)
    return levels[..., _BLACK:].astype(np.float64)


@lru_cache(maxsize=4)
def _bins(shape: tuple[int, int, int]) -> tuple[npt.NDArray[np.intp], int]:
    """For every pixel of ``(k, h, w)`` crops, flat, the first bin of its region; and the number of regions."""
    k, height, width = shape
    rows, columns = np.arange(height) // _REGION_PX, np.arange(width) // _REGION_PX
    regions = rows[:, None] * (columns[-1] + 1) + columns
    each = int(regions[-1, -1]) + 1
    bins = 256 * (np.arange(k)[:, None, None] * each + regions)
    bins.setflags(write=False)
    return bins.ravel(), k * each


def _plateaus(crop: _Bytes) -> npt.NDArray[np.bool_]:
    """Where nearly all neighbours are equal."""
    same = np.zeros(crop.shape, np.uint8)
    corner = crop[:-1, :-1]
    np.bitwise_and(
        corner == crop[:-1, 1:], corner == crop[1:, :-1], out=same[:-1, :-1], casting="unsafe"
    )
    equal = cv2.boxFilter(same, cv2.CV_8U, (_WINDOW_PX, _WINDOW_PX), normalize=False)
    return np.asarray(equal > _STILL * _WINDOW_PX**2)


def _weighed(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pixels of histograms ``(..., levels)`` that have a plateau a few steps away, by the height of the lowest such step."""
    contrast = np.zeros_like(levels)
    for step, weight in enumerate(_CONTRAST, start=1):
        beside = np.zeros_like(levels)
        beside[..., :-step] = levels[..., step:]
        np.maximum(beside[..., step:], levels[..., :-step], out=beside[..., step:])
        found = (contrast == 0) & (beside > _LEAST * levels)
        balance = np.minimum(1.0, 2 * beside / np.maximum(beside + levels, 1.0))
        contrast[found] = weight * balance[found]
    return np.asarray((levels * contrast).sum(axis=-1))
