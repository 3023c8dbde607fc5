"""How steps across the block grid of a codec compare with steps elsewhere."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.measure.pixels.once import once

__all__ = ["grid_steps"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

_GRID_PX = 8
_CAP = np.uint8(32)  # luma


@once
def grid_steps(crops: _Bytes) -> tuple[float, float]:
    """Typical step between neighbours across grid lines and elsewhere, luma; NaN without crops.

    `crops` is ``(k, 128, 128)``, with corners on the grid. Medians over lines, and steps capped, so
    that a strong edge on a grid line does not decide.
    """
    if not len(crops):
        return float("nan"), float("nan")
    across = _steps(crops) + _steps(np.ascontiguousarray(crops.transpose(0, 2, 1)))
    on_grid = np.arange(1, crops.shape[2]) % _GRID_PX == 0
    return float(np.median(across[on_grid])), float(np.median(across[~on_grid]))


def _steps(crops: _Bytes) -> npt.NDArray[np.float64]:
    """Mean capped step between columns c - 1 and c, for c from 1: ``(127,)``, halved."""
    rows = crops.reshape(-1, crops.shape[2])
    steps = np.minimum(cv2.absdiff(rows[:, 1:], rows[:, :-1]), _CAP)
    mean = cv2.reduce(steps, 0, cv2.REDUCE_AVG, dtype=cv2.CV_64F)
    return np.asarray(mean, np.float64).ravel() / 2
