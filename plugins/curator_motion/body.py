"""The 33 points of a body: names, limbs, and the network that fits them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import Weight
from curator.infer.boxes import Box, Picture
from curator.infer.litert import Net
from curator_motion.detector import Region

__all__ = ["LANDMARKS", "NUM_POINTS", "Body", "Fitter"]

_Floats: TypeAlias = npt.NDArray[np.float64]

LANDMARKS = Weight(
    name="blazepose-full",
    url="pypi://mediapipe==0.10.21!/mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    license="Apache-2.0",
    source="Google MediaPipe, BlazePose GHUM 3D (full), model card of April 2021",
)

NUM_POINTS = 33
_ALL_POINTS = 39  # the last ones serve to find the region of the next frame
_HEAT = 64  # cells a side of a heat map
_WINDOW = 3  # cells to either side of a point in its heat map
_SURE = 0.5
_OTHER_SIDE = np.array(
    [0, 4, 5, 6, 1, 2, 3, *(k + 1 if k % 2 else k - 1 for k in range(7, 33)), *range(33, 39)]
)
"""The point on the other side of the body: nose, eyes (three each), then left and right in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One fitted person."""

    region: Region
    presence: float
    """The network's own word on whether there is a person, in [0, 1]."""
    points: _Floats
    """``(33, 2)`` pixels of the picture; points outside of it are where the network thinks they are."""
    visibility: _Floats
    """``(33,)`` in [0, 1]: in the picture and not hidden."""
    world: _Floats
    """``(33, 3)`` metres from between the hips: x to the right of the picture, y down, z away from the viewer."""
    next_region: Region
    """Where to look for the same person a moment later."""

    @property
    def box(self) -> Box:
        """Round the 33 points."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


class Fitter:
    """Fits the points of one person to a region.

    Pre- and post-processing as in MediaPipe's pose_landmark module: region of 256 px, values in
    [0, 1], points moved to the weighted mean of their heat map where that is sure. Own code.
    """

    def __init__(self, path: Path) -> None:
        self._net = Net(path, wanted_by="pose", extra="motion")

    def __call__(self, picture: Picture, region: Region) -> Body:
        """The person in `region`, or what the network makes of it."""
        return self._fit(picture, region, mirrored=False)

    def mirrored(self, picture: Picture, region: Region) -> Body:
        """The same as seen in a mirror, turned back: left is left again."""
        return self._fit(picture, region, mirrored=True)

    def _fit(self, picture: Picture, region: Region, *, mirrored: bool) -> Body:
        side = self._net.side_px
        back = region.map_from(side)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(picture, back, (side, side), flags=flags)
        shown = cut[:, ::-1] if mirrored else cut
        fitted = self._net(shown.astype(np.float32) * np.float32(1 / 255))
        out = {value.size: value for value in fitted}
        rows = out[_ALL_POINTS * 5].reshape(_ALL_POINTS, 5).astype(np.float64)
        local = _refined(rows[:, :2] / side, out[_HEAT**2 * _ALL_POINTS][0]) * side
        world = out[_ALL_POINTS * 3].reshape(_ALL_POINTS, 3).astype(np.float64)
        if mirrored:
            rows, local, world = rows[_OTHER_SIDE], local[_OTHER_SIDE], world[_OTHER_SIDE]
            local[:, 0] = side - 1 - local[:, 0]
            world[:, 0] *= -1
        flat = local @ back[:, :2].T + back[:, 2]
        return Body(
            region=region,
            presence=float(out[1].item()),
            points=flat[:NUM_POINTS],
            visibility=_sigmoid(rows[:NUM_POINTS, 3]),
            world=_turned(world[:NUM_POINTS], region.tilt_radians),
            next_region=Region.of(flat[NUM_POINTS], flat[NUM_POINTS + 1], region.confidence),
        )


def _refined(points: _Floats, heat: npt.NDArray[np.float32]) -> _Floats:
    """Points ``(39, 2)`` in shares of the region, moved to the centre of their heat nearby."""
    height, width, _ = heat.shape
    out = points.copy()
    cells = np.floor(points * (width, height)).astype(int)
    for k, (x, y) in enumerate(cells):
        if not (0 <= x < width and 0 <= y < height):
            continue
        left, top = max(0, x - _WINDOW), max(0, y - _WINDOW)
        patch = _sigmoid(heat[top : y + _WINDOW + 1, left : x + _WINDOW + 1, k].astype(np.float64))
        if patch.max() < _SURE:
            continue
        total = patch.sum()
        out[k, 0] = (patch.sum(axis=0) @ (left + np.arange(patch.shape[1]))) / total / width
        out[k, 1] = (patch.sum(axis=1) @ (top + np.arange(patch.shape[0]))) / total / height
    return out


def _turned(world: _Floats, tilt_radians: float) -> _Floats:
    """``(33, 3)`` as the picture shows them: the region was upright, the person need not be."""
    cos, sin = math.cos(tilt_radians), math.sin(tilt_radians)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(world @ turn.T)


def _sigmoid(values: _Floats) -> _Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80.0, 80.0))))
