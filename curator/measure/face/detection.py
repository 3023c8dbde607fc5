"""What a face detector reports, and the contract of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Box", "Detection", "Picture", "Points", "Spotter", "overlap"]

Picture: TypeAlias = npt.NDArray[np.uint8]
"""``(h, w, 3)`` RGB."""
Points: TypeAlias = npt.NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class Detection:
    """A place that may be a face."""

    confidence: float
    """The detector's own, in [0, 1]; scales differ between detectors."""
    box: Box
    tilt_radians: float
    """Of the line from the eye on the left of the picture to the other; positive is clockwise."""


class Spotter(Protocol):
    """A loaded detector."""

    def __call__(self, picture: Picture) -> list[Detection]:
        """Possible faces, the most confident first."""
        ...


def overlap(one: Box, other: Box) -> float:
    """Area in both over area in either, in [0, 1]."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(0.0, width) * max(0.0, height)
    either = one.width * one.height + other.width * other.height - both
    return both / either if either > 0 else 0.0
