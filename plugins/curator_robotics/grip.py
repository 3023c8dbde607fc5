"""Whether something beside a hand moves with it: what the fingers hold, or push."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.infer.boxes import Picture, Points
from curator_robotics.hand import Hand

__all__ = ["FLOW_SIDE_PX", "Flow", "co_motion"]

_Floats: TypeAlias = npt.NDArray[np.float32]
_Mask: TypeAlias = npt.NDArray[np.bool_]

FLOW_SIDE_PX = 256
_WRIST, _MIDDLE_KNUCKLE = 0, 9
_TIPS = (4, 8, 12, 16, 20)
_REACH = 0.6  # of the hand's size, around the finger tips
_SKIN = 0.12  # of the hand's size: beyond the points, the flesh of the fingers
_MOVES_PX = 1.0
"""A hand that moves less from frame to frame shows nothing of what moves with it."""
_ALIKE = 0.4
"""Share of the hand's motion by which the motion of what it carries may differ (turns, perspective)."""
_TEXTURE = 4.0  # luma: flow on bare surfaces is made up
_LEAST_PX = 30
_LEAST_SIZE_PX = 24
"""Of a hand on the small plane: around smaller ones there is too little to compare."""


class Flow:
    """Motion of every pixel from one picture to the next, on a small grey version of them."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, before: Picture, after: Picture) -> tuple[_Floats, Picture, float]:
        """Flow ``(h, w, 2)`` in px of the small plane, the plane of `after`, and its scale."""
        scale = min(1.0, FLOW_SIDE_PX / max(after.shape[:2]))
        old, new = _grey(before, scale), _grey(after, scale)
        # A start of zeros makes the result independent of what was computed before.
        start = np.zeros((*new.shape, 2), np.float32)
        flow = self._flow.calc(new, old, start)
        return -np.asarray(flow, np.float32), new, scale


def co_motion(hand: Hand, flow: _Floats, plane: Picture, scale: float) -> float:
    """Share of the textured surroundings of the finger tips that moves as the hand does, in [0, 1].

    NaN when the hand hardly moves against the background, is small, or nothing is beside it.
    """
    points, size = hand.points[:, :2] * scale, hand.size * scale
    inside, around = _regions(points, size, plane.shape)
    around &= _textured(plane)
    if size < _LEAST_SIZE_PX or min(inside.sum(), around.sum()) < _LEAST_PX:
        return float("nan")
    against = flow - np.median(flow.reshape(-1, 2), axis=0)
    motion = np.median(against[inside], axis=0)
    speed = float(np.hypot(*motion))
    if speed < _MOVES_PX:
        return float("nan")
    apart = np.hypot(*(against[around] - motion).T)
    return float((apart < _ALIKE * speed).mean())


def _regions(points: Points, size: float, shape: tuple[int, ...]) -> tuple[_Mask, _Mask]:
    """Pixels of the hand, and those around its finger tips on the side away from the arm."""
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    skin = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(skin, hull, 1)
    width = 2 * max(1, round(_SKIN * size)) + 1
    flesh = cv2.dilate(skin, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    near = np.zeros(shape, np.uint8)
    x, y = points[list(_TIPS)].mean(axis=0)
    cv2.circle(near, (round(x), round(y)), max(1, round(_REACH * size)), 1, -1)
    rows, columns = np.indices(shape)
    ahead = points[_MIDDLE_KNUCKLE] - points[_WRIST]
    knuckle = points[_MIDDLE_KNUCKLE]
    beyond = (columns - knuckle[0]) * ahead[0] + (rows - knuckle[1]) * ahead[1] > 0
    return skin > 0, (near > 0) & (flesh == 0) & beyond


def _textured(plane: Picture) -> _Mask:
    values = plane.astype(np.float32)
    mean = cv2.blur(values, (7, 7))
    variance = cv2.blur(values * values, (7, 7)) - mean * mean
    return np.asarray(variance > _TEXTURE**2)


def _grey(picture: Picture, scale: float) -> Picture:
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
