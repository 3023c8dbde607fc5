"""How strong the grain on the flat parts of a picture is."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.measure.pixels.once import once

__all__ = ["grain_sigma"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

_BLOCK_PX = 16
_FLATTEST = 20  # percent
_MIN_BLOCKS = 8
_BLACK, _WHITE = 20, 231  # stored luma: nearer to the ends grain is clipped
_RANK_BIAS = 0.93  # the flattest fifth of pure Gaussian noise reads 7 % low
_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@once
def grain_sigma(crops: _Bytes) -> float:
    """Grain of ``(k, 128, 128)`` crops of one picture; NaN when nothing is between black and white."""
    if not len(crops):
        return float("nan")
    rows = crops.reshape(-1, crops.shape[2])
    response = cv2.convertScaleAbs(cv2.filter2D(rows, cv2.CV_16S, _MASK))
    size = (rows.shape[1] // _BLOCK_PX, rows.shape[0] // _BLOCK_PX)
    level = cv2.resize(rows, size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(response.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    usable = mean[(level > _BLACK) & (level < _WHITE)]
    if len(usable) < _MIN_BLOCKS:
        return float("nan")
    return float(np.percentile(usable, _FLATTEST)) * float(np.sqrt(np.pi / 2)) / 6 / _RANK_BIAS
