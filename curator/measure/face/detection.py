"""What a face detector reports, and the contract of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from curator.infer.boxes import Box, Picture

__all__ = ["Detection", "Spotter"]


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
