"""What changed between two small planes, cell by cell: things that moved, and a background that stayed."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["MIN_SIDE_PX", "anchored", "cells", "changed", "flat", "textured"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float32]
_Mask: TypeAlias = npt.NDArray[np.bool_]

MIN_SIDE_PX = 16
"""Below this a plane has too few cells to say anything."""
_SIDE_PX = 160
_CELL_PX = 4
_BLOCK_PX = 8
_CHANGED = 5.0  # luma; noise and compression leave 1 to 2 on a mean over such a cell
_SOFT_PX = 33  # a fifth of the side: what changes evenly over more than that is light
_TEXTURE = 5.0  # luma, standard deviation around a cell: an edge, not a shade


def cells(plane: _Bytes) -> _Floats:
    """The plane with its longer side at 160 px, whole cells only, ``(4 h, 4 w)``."""
    height, width = plane.shape
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = [max(1, round(side * scale / _CELL_PX)) * _CELL_PX for side in (width, height)]
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def changed(one: _Floats, other: _Floats) -> _Mask:
    """Cells that look different, ``(h, w)``; soft shadows and changes of exposure are no difference.

    The same whichever of the two comes first.
    """
    difference = one - other
    difference -= _median(difference)
    change = np.asarray(_means(np.abs(difference)) > _CHANGED)
    if change.any():
        # The blur spreads what moved to what did not: both have to say so.
        sharp = difference - cv2.blur(difference, (_SOFT_PX, _SOFT_PX))
        change &= _means(np.abs(sharp)) > _CHANGED
    return change


def _median(values: _Floats) -> np.float32:
    """As `np.median`, in a third of the time."""
    half = values.size // 2
    ends = np.partition(values.ravel(), (half - 1, half))[half - 1 : half + 1]
    return np.float32(ends[1] if values.size % 2 else ends.mean())


def textured(plane: _Floats) -> _Mask:
    """Cells with an edge in or beside them, ``(h, w)``: only there a moving camera shows."""
    mean = cv2.blur(plane, (3 * _CELL_PX, 3 * _CELL_PX))
    square = cv2.blur(plane * plane, (3 * _CELL_PX, 3 * _CELL_PX))
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.asarray(_means(deviation) > _TEXTURE)


def anchored(edges: _Mask, change: _Mask) -> float:
    """Share of the cells with edges that did not change; NaN in a picture without edges."""
    count = int(edges.sum())
    return float((edges & ~change).sum() / count) if count >= edges.size / 50 else float("nan")


def flat(plane: _Bytes) -> float:
    """Share of blocks of 8 px without any grain: what was drawn, not filmed."""
    height, width = (side // _BLOCK_PX * _BLOCK_PX for side in plane.shape)
    rows = plane[:height, :width].reshape(-1, _BLOCK_PX, width)
    # First along columns: whole lines at once are many times faster than blocks.
    high, low = (
        extreme(extreme(rows, axis=1).reshape(-1, width // _BLOCK_PX, _BLOCK_PX), axis=2)
        for extreme in (np.max, np.min)
    )
    return float((high - low <= 1).mean())


def _means(plane: _Floats) -> _Floats:
    """Mean of every cell, ``(h, w)`` of a plane ``(4 h, 4 w)``."""
    height, width = plane.shape
    size = (width // _CELL_PX, height // _CELL_PX)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
