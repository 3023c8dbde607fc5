"""Boxes, letterboxes and the merging of overlapping detections, as MediaPipe's detectors want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Box", "Picture", "Points", "letterbox", "merged", "overlap"]

Picture: TypeAlias = npt.NDArray[np.uint8]
"""``(h, w, 3)`` RGB."""
Points: TypeAlias = npt.NDArray[np.float64]
_SAME = 0.3


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the picture; it may reach over the edge."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels."""
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        """x and y, pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def overlap(one: Box, other: Box) -> float:
    """Area in both over area in either, in [0, 1]."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(0.0, width) * max(0.0, height)
    either = one.width * one.height + other.width * other.height - both
    return both / either if either > 0 else 0.0


def letterbox(picture: Picture, side: int) -> tuple[Picture, float, npt.NDArray[np.float32]]:
    """The whole picture in a black square; the scale and the margin (x, y) in pixels that undo it."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = cv2.resize(
        picture, size, interpolation=way
    )
    return square, scale, np.array([left, top], np.float32)


def merged(rows: Points, confidence: npt.NDArray[np.float64]) -> list[tuple[Points, float]]:
    """Weighted non-maximum suppression: each thing is the mean of the boxes that overlap its best.

    rows: ``(n, k, 2)`` centre, size, key points; confidence: ``(n,)``. The most confident comes first.
    """
    out = []
    order = np.argsort(-confidence, kind="stable")
    while len(order):
        near = _overlaps(rows[order[0]], rows[order]) > _SAME
        near[0] = True
        group = order[near]
        weight = confidence[group] / confidence[group].sum()
        out.append((np.tensordot(weight, rows[group], axes=1), float(confidence[order[0]])))
        order = order[~near]
    return out


def _overlaps(best: Points, rows: Points) -> Points:
    low = np.maximum(best[0] - best[1] / 2, rows[:, 0] - rows[:, 1] / 2)
    high = np.minimum(best[0] + best[1] / 2, rows[:, 0] + rows[:, 1] / 2)
    both = np.clip(high - low, 0, None).prod(axis=1)
    either = best[1].prod() + rows[:, 1].prod(axis=1) - both
    shares: Points = both / np.maximum(either, 1e-9)
    return shares
