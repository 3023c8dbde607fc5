"""BlazePose's detector: where people are and how they lean, from hips and shoulders, on any CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import Weight
from curator.infer.boxes import Picture, Points, letterbox, merged
from curator.infer.litert import Net

__all__ = ["DETECTOR", "Finder", "Region"]

_Floats: TypeAlias = npt.NDArray[np.float32]

DETECTOR = Weight(
    name="blazepose-detector",
    url="pypi://mediapipe==0.10.21!/mediapipe/modules/pose_detection/pose_detection.tflite",
    sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    license="Apache-2.0",
    source="Google MediaPipe, BlazePose detector, model card of April 2021",
)

_LAYERS = ((28, 2), (14, 2), (7, 6))
"""Cells a side and anchors a cell: strides 8, 16 and three times 32 of 224 px, two anchors each."""
_MARGIN = 1.25


@dataclass(frozen=True, slots=True)
class Region:
    """An upright-making square around one person."""

    confidence: float
    """The detector's own, in [0, 1]."""
    centre: tuple[float, float]
    """Between the hips, pixels of the picture."""
    side: float
    """Pixels; the whole body fits, arms stretched out, and a quarter more."""
    tilt_radians: float
    """How far the body leans clockwise from head up."""

    @property
    def length(self) -> float:
        """Pixels from head to feet, were the body upright."""
        return self.side / _MARGIN

    @staticmethod
    def of(hips: Points, tip: Points, confidence: float) -> Region:
        """The square whose centre is `hips`, with `tip` where a circle round the body has its top."""
        dx, dy = float(tip[0] - hips[0]), float(tip[1] - hips[1])
        side = 2 * _MARGIN * math.hypot(dx, dy)
        return Region(confidence, (float(hips[0]), float(hips[1])), side, math.atan2(dx, -dy))

    def map_from(self, side_px: int) -> npt.NDArray[np.float64]:
        """``(2, 3)`` affine map from a square of `side_px` pixels in which the body is upright to the picture."""
        cos, sin = math.cos(self.tilt_radians), math.sin(self.tilt_radians)
        turn = np.array([[cos, -sin], [sin, cos]]) * (self.side / side_px)
        return np.column_stack([turn, np.array(self.centre) - turn @ np.full(2, side_px / 2)])


class Finder:
    """Regions with at least `min_confidence`.

    Pre- and post-processing as in MediaPipe's pose_detection module: letterboxed to 224 px, values in
    [-1, 1], overlapping boxes averaged by their confidence. Own code.
    """

    def __init__(self, path: Path, *, min_confidence: float) -> None:
        self._net = Net(path, wanted_by="pose", extra="motion")
        self._least_logit = math.log(min_confidence / (1 - min_confidence))
        self._anchors = _anchors()

    def __call__(self, picture: Picture) -> list[Region]:
        """Possible people, the most confident first."""
        side = self._net.side_px
        square, scale, margin = letterbox(picture, side)
        codes, logits = self._net(square.astype(np.float32) * np.float32(2 / 255) - 1)
        taken = logits[0, :, 0] >= self._least_logit
        # Rows: centre, size, then hips, top of the body's circle, shoulders, top of the upper body's.
        rows = codes[0, taken].reshape(-1, 6, 2) / side
        rows[:, 0] += self._anchors[taken]
        rows[:, 2:] += self._anchors[taken][:, None]
        rows[:, [0, 2, 3, 4, 5]] = (rows[:, [0, 2, 3, 4, 5]] * side - margin) / scale
        rows[:, 1] *= side / scale
        confidence = 1 / (1 + np.exp(-logits[0, taken, 0].astype(np.float64)))
        found = merged(rows.astype(np.float64), confidence)
        return [Region.of(row[2], row[3], score) for row, score in found]


def _anchors() -> _Floats:
    """``(2254, 2)`` centres in [0, 1], in the order of the network's outputs."""
    parts = []
    for cells, each in _LAYERS:
        line = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        parts.append(np.repeat(grid, each, axis=0))
    return np.concatenate(parts)
