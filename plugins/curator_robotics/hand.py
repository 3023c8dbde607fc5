"""The 21 points of a hand, and the network's own word on whether there is one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from curator.abc.measure import Weight
from curator.infer.boxes import Box, Picture, Points, overlap
from curator.infer.litert import Net
from curator_robotics.palm import PALM, Palm, Palms

__all__ = ["HAND", "NUM_POINTS", "Hand", "HandFinder"]

HAND = Weight(
    name="hand-landmark-full",
    url="pypi://mediapipe==0.10.21!/mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
    sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    license="Apache-2.0",
    source="Google MediaPipe Hands, hand landmarks (full), model card of October 2021",
)

NUM_POINTS = 21
_REGION = 2.6
_SHIFT = 0.5
_SAME_HAND = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """A fitted hand."""

    points: Points
    """``(21, 3)`` x, y in pixels of the picture and z in the same scale, smaller is nearer."""
    presence: float
    """In [0, 1]: above 0.9 on clear hands, near 0 on what only looks like a palm to the detector."""
    confidence: float
    """Of the palm detector, in [0, 1]."""

    @property
    def box(self) -> Box:
        """Around the points: wrist to finger tips."""
        low, high = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def size(self) -> float:
        """Longer side of the box, pixels."""
        return max(self.box.width, self.box.height)


class HandFinder:
    """Hands of a picture: palms that the landmark network confirms, the largest first.

    The region is 2.6 times the palm's box, moved half a box towards the fingers and turned upright,
    as in MediaPipe's hand_landmark module.
    """

    def __init__(
        self,
        weights: Mapping[str, Path],
        *,
        wanted_by: str,
        min_confidence: float,
        min_presence: float,
        most: int = 4,
    ) -> None:
        path = weights[PALM.name]
        self._palms = Palms(path, min_confidence=min_confidence, wanted_by=wanted_by)
        self._net = Net(weights[HAND.name], wanted_by=wanted_by, extra="robotics")
        self._min_presence = min_presence
        self._most = most

    def __call__(self, picture: Picture) -> list[Hand]:
        """Confirmed hands."""
        fitted = [self._fit(picture, palm) for palm in self._palms(picture)[: 2 * self._most]]
        hands: list[Hand] = []
        for hand in sorted(fitted, key=lambda hand: -hand.presence):
            apart = all(overlap(hand.box, other.box) < _SAME_HAND for other in hands)
            if hand.presence >= self._min_presence and apart:
                hands.append(hand)
        return sorted(hands, key=lambda hand: -hand.size)[: self._most]

    def _fit(self, picture: Picture, palm: Palm) -> Hand:
        side = self._net.side_px
        size = _REGION * palm.side
        back = _from_region(palm, size, side)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        region = cv2.warpAffine(picture, back, (side, side), flags=flags)
        raw, presence, *_ = self._net(region.astype(np.float32) * np.float32(1 / 255))
        local = raw.reshape(NUM_POINTS, 3).astype(np.float64)
        flat = local[:, :2] @ back[:, :2].T + back[:, 2]
        points = np.column_stack([flat, local[:, 2] * (size / side)])
        return Hand(points, float(presence.item()), palm.confidence)


def _from_region(palm: Palm, size: float, side: int) -> Points:
    """``(2, 3)`` affine map from the upright region of `side` pixels to the picture."""
    cos, sin = math.cos(palm.turn_radians), math.sin(palm.turn_radians)
    turn = np.array([[cos, -sin], [sin, cos]])
    centre = palm.centre + turn @ np.array([0.0, -_SHIFT * palm.side])
    scaled = turn * (size / side)
    return np.column_stack([scaled, centre - scaled @ np.full(2, side / 2)])
