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
    """Cells that look different, ``(h, w)``; soft shadows and changes of exposure are no difference."""
    difference = one - other
    difference -= np.median(difference)
    sharp = difference - cv2.blur(difference, (_SOFT_PX, _SOFT_PX))
    # The blur spreads what moved to what did not: both have to say so.
    return np.asarray(np.minimum(_means(np.abs(difference)), _means(np.abs(sharp))) > _CHANGED)


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
    blocks = plane[:height, :width].reshape(
        height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX
    )
    span = blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))
    return float((span <= 1).mean())


def _means(plane: _Floats) -> _Floats:
    """Mean of every cell, ``(h, w)`` of a plane ``(4 h, 4 w)``."""
    height, width = plane.shape
    size = (width // _CELL_PX, height // _CELL_PX)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
