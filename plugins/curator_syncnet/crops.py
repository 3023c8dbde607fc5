"""The largest face of each frame as the network wants it: 224 px, the mouth in the middle of the lower half."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.infer.boxes import Box, Picture, overlap
from curator.measure.face.blazeface import BlazeFace
from curator.measure.face.mesh import Mesher

__all__ = ["AROUND", "SIDE_PX", "Cropper", "crop"]

_Floats: TypeAlias = npt.NDArray[np.float64]

SIDE_PX = 224
AROUND = 6
"""Frames to either side whose median places are taken, as published (13 in all)."""
_EVERY = 5
_SAME_FACE = 0.3
_WIDER = 0.4
_GREY = 110


class Cropper:
    """Cuts faces out of consecutive frames.

    The published pipeline finds faces with S3FD in every frame; here BlazeFace looks at every fifth,
    a mesh is fitted for the same box (hairline to chin), and places between are on the way.
    """

    def __init__(self, spotter: BlazeFace, mesher: Mesher, min_presence: float) -> None:
        self._spotter = spotter
        self._mesher = mesher
        self._min_presence = min_presence

    def places(self, pictures: Picture) -> _Floats:
        """``(n, 3)`` x, y and half the longer side of the face's box, px; NaN without a face."""
        if not len(pictures):
            return np.empty((0, 3))
        looks = [*range(0, len(pictures) - 1, _EVERY), len(pictures) - 1]
        found = [self._face(pictures[index]) for index in looks]
        out = np.full((len(pictures), 3), np.nan)
        for k, index in enumerate(looks):
            out[index] = _place(found[k])
            if k + 1 == len(looks):
                break
            steps = looks[k + 1] - index
            for step in range(1, steps):
                out[index + step] = _between(found[k], found[k + 1], step / steps)
        return _steady(out)

    def _face(self, picture: Picture) -> Box | None:
        best = max(self._spotter(picture), key=lambda one: one.box.height, default=None)
        if best is None:
            return None
        mesh = self._mesher(picture, best)
        return mesh.box if mesh.presence >= self._min_presence else None


def crop(picture: Picture, place: _Floats) -> Picture:
    """``(224, 224, 3)`` BGR: 1.4 half sides to the left and right, 1 above, 1.8 below, grey beyond the edge."""
    x, y, half = place.tolist()
    left, right = int(x - half * (1 + _WIDER)), int(x + half * (1 + _WIDER))
    top, bottom = int(y - half), int(y + half * (1 + 2 * _WIDER))
    height, width = picture.shape[:2]
    out = np.full((max(1, bottom - top), max(1, right - left), 3), _GREY, np.uint8)
    a, b, c, d = max(0, top), min(height, bottom), max(0, left), min(width, right)
    if a < b and c < d:
        out[a - top : b - top, c - left : d - left] = picture[a:b, c:d, ::-1]
    return np.asarray(cv2.resize(out, (SIDE_PX, SIDE_PX)), np.uint8)


def _place(box: Box | None) -> tuple[float, float, float]:
    if box is None:
        return (np.nan, np.nan, np.nan)
    return (*box.centre, max(box.width, box.height) / 2)


def _between(one: Box | None, other: Box | None, way: float) -> _Floats:
    """On the way; the nearer one when they are not the same face."""
    if one is None or other is None or overlap(one, other) < _SAME_FACE:
        return np.array(_place(one if way <= 0.5 else other))
    return (1 - way) * np.array(_place(one)) + way * np.array(_place(other))


def _steady(places: _Floats) -> _Floats:
    """Median of the 13 frames around each, of those that have a face; frames without stay without."""
    out = places.copy()
    for index in np.flatnonzero(np.isfinite(places[:, 0])).tolist():
        near = places[max(0, index - AROUND) : index + AROUND + 1]
        out[index] = np.median(near[np.isfinite(near[:, 0])], axis=0)
    return out
