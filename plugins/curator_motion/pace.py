"""How fast the one followed moves from frame to frame: joints against the hips, feet against the ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import FrameBlock
from curator.infer.boxes import Picture
from curator_motion.people import Person, same
from curator_motion.posture import FEET, length_px, pose

__all__ = ["pace"]

_Floats: TypeAlias = npt.NDArray[np.float64]

_SIDE_PX = 160
_MARGIN = 0.15
_LEAST_TEXTURE = 2.0  # luma; below it a background shows no motion


def pace(block: FrameBlock, scenes: Sequence[Sequence[Person]]) -> _Floats:
    """``(n, 2)`` speeds of joints and of the slower foot, body lengths per second, at each frame of `block`.

    NaN where the frame before does not show the same person.
    """
    out = np.full((len(scenes), 2), np.nan)
    seconds = np.diff(block.ticks) * float(block.time_base)
    for index in range(1, len(scenes)):
        if not scenes[index]:
            continue
        now = scenes[index][0]
        before = next((one for one in scenes[index - 1] if same(one, now)), None)
        if before is None:
            continue
        length = (length_px(before.body) + length_px(now.body)) / 2
        shift = _background(block.pixels[index - 1], block.pixels[index], (before, now))
        steps = np.linalg.norm(pose(now.body) - pose(before.body), axis=1)
        feet = [np.linalg.norm(_foot(now, k) - _foot(before, k) - shift) / length for k in (0, 1)]
        out[index] = steps.mean() / seconds[index - 1], min(feet) / seconds[index - 1]
    return out


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
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    plane = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = plane.mean()
    for person in people:
        box, wide = person.body.box, _MARGIN * length_px(person.body)
        left, top = (max(0, int((side - wide) * scale)) for side in (box.left, box.top))
        right, bottom = (max(0, int((side + wide) * scale) + 1) for side in (box.right, box.bottom))
        plane[top:bottom, left:right] = mean
    return plane
