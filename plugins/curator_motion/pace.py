"""How fast things move from frame to frame: joints against the hips, feet against the ground, the camera."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import FrameBlock
from curator.infer.boxes import Picture
from curator_motion.people import Person, Scene, same
from curator_motion.posture import FEET, length_px, pose

__all__ = ["pace"]

_Floats: TypeAlias = npt.NDArray[np.float64]

_SIDE_PX = 160
_MARGIN = 0.15
_LEAST_TEXTURE = 2.0  # luma; below it a background shows no motion


def pace(block: FrameBlock, scenes: Sequence[Scene]) -> _Floats:
    """``(n, 3)`` at each frame of `block`: speeds of joints and of the slower foot, jolt of the camera.

    Speeds are in body lengths per second, NaN where the frame before does not show the same person.
    A jolt is the change of the background's speed from one step to the next, in longer sides of the
    picture per second, NaN for the first two frames: a steady pan has none.
    """
    out = np.full((len(scenes), 3), np.nan)
    seconds = np.diff(block.ticks) * float(block.time_base)
    shifts = [
        _background(
            block.pixels[k], block.pixels[k + 1], (*scenes[k].people, *scenes[k + 1].people)
        )
        for k in range(len(seconds))
    ]
    for index in range(1, len(scenes)):
        step, shift = seconds[index - 1], shifts[index - 1]
        out[index, :2] = _speeds(scenes[index - 1].people, scenes[index].people, shift) / step
        if index > 1:
            change = shift / step - shifts[index - 2] / seconds[index - 2]
            out[index, 2] = np.hypot(*change) / max(block.pixels.shape[1:3])
    return out


def _speeds(earlier: Sequence[Person], later: Sequence[Person], shift: _Floats) -> _Floats:
    """``(2,)`` way of joints and of the slower foot, body lengths."""
    now = later[0] if later else None
    before = next((one for one in earlier if now and same(one, now)), None)
    if now is None or before is None:
        return np.full(2, np.nan)
    length = (length_px(before.body) + length_px(now.body)) / 2
    joints = np.linalg.norm(pose(now.body) - pose(before.body), axis=1).mean()
    feet = [np.hypot(*(_foot(now, k) - _foot(before, k) - shift)) / length for k in (0, 1)]
    return np.array([joints, min(feet)])


def _foot(person: Person, side: int) -> _Floats:
    return np.asarray(person.body.points[list(FEET[side])].mean(axis=0))


def _background(before: Picture, after: Picture, people: Sequence[Person]) -> _Floats:
    """How far (x, y) the surroundings of `people` moved, pixels of the picture; NaN where nothing shows it."""
    scale = _SIDE_PX / max(before.shape[:2])
    planes = [_plane(picture, scale, people) for picture in (before, after)]
    if min(float(plane.std()) for plane in planes) < _LEAST_TEXTURE:
        return np.full(2, np.nan)
    window = cv2.createHanningWindow(planes[0].shape[::-1], cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(planes[0], planes[1], window)
    moved: _Floats = np.array(shift, np.float64) / scale
    return moved


def _plane(picture: Picture, scale: float, people: Sequence[Person]) -> npt.NDArray[np.float32]:
    """Small grey picture with the people painted over by its mean."""
    size = tuple(max(2, round(side * scale)) for side in picture.shape[1::-1])
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    plane = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = plane.mean()
    for person in people:
        box, wide = person.body.box, _MARGIN * length_px(person.body)
        left, top = (max(0, int((side - wide) * scale)) for side in (box.left, box.top))
        right, bottom = (max(0, int((side + wide) * scale) + 1) for side in (box.right, box.bottom))
        plane[top:bottom, left:right] = mean
    return plane
