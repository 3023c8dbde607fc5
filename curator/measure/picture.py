"""Where the picture lies inside the frame: what several measures must leave out of their statistics.

Not a measure. `bars` reports borders with care (uniform colours, persistence, doubt); this is the
quick version that keeps black bars from counting as dark, flat or static.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["BLACK", "active", "black_edges", "block_means"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

BLACK = 26
"""Stored luma up to which a line is black: black is 16, and compression leaves ripples on bars."""


def black_edges(plane: _Bytes) -> tuple[int, int, int, int]:
    """Black lines at the top, bottom, left and right of a ``(h, w)`` plane of stored luma.

    A plane that is black altogether has no bars: (0, 0, 0, 0).
    """
    top, bottom = _ends(plane.max(axis=1))
    left, right = _ends(plane.max(axis=0))
    return top, bottom, left, right


def active(plane: _Bytes) -> _Bytes:
    """The part of a ``(h, w)`` plane inside its black bars; a view, never empty."""
    top, bottom, left, right = black_edges(plane)
    height, width = plane.shape
    return plane[top : height - bottom, left : width - right]


def block_means(planes: _Bytes, block_px: int = 20) -> npt.NDArray[np.float32]:
    """Means of the square blocks of ``(n, h, w)`` planes, ``(n, h // 20, w // 20)``; a rest at the right or bottom is left out.

    A plane smaller than a block is one block.
    """
    _, height, width = planes.shape
    tall, wide = min(block_px, height), min(block_px, width)
    rows, columns = (
        slice(0, height // tall * tall + 1, tall),
        slice(0, width // wide * wide + 1, wide),
    )
    # Sums up to the corners of the blocks: whole numbers, so the means are exact, and faster than any filter.
    corners = [cv2.integral(plane)[rows, columns] for plane in planes]
    size = (height // tall + 1, width // wide + 1)
    sums = np.diff(np.diff(np.array(corners, np.int32).reshape(-1, *size), axis=1), axis=2)
    return sums.astype(np.float32) * np.float32(1 / (tall * wide))


def _ends(levels: _Bytes) -> tuple[int, int]:
    lit = np.flatnonzero(levels > BLACK)
    return (int(lit[0]), int(len(levels) - 1 - lit[-1])) if len(lit) else (0, 0)
