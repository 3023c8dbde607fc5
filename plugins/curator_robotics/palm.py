"""MediaPipe's palm detector: palms from about a twentieth of the longer side of the picture, on any CPU."""

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

__all__ = ["PALM", "Palm", "Palms"]

_Floats: TypeAlias = npt.NDArray[np.float32]

PALM = Weight(
    name="palm-detection-full",
    url="pypi://mediapipe==0.10.21!/mediapipe/modules/palm_detection/palm_detection_full.tflite",
    sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    license="Apache-2.0",
    source="Google MediaPipe Hands, palm detection (full), model card of October 2021",
)

_GRIDS = ((24, 2), (12, 6))
"""Cells along a side and anchors in each cell: strides of 8 and three times 16 px, two anchors each."""
_WRIST, _MIDDLE = 0, 2


@dataclass(frozen=True, slots=True, eq=False)
class Palm:
    """A place that may be the palm of a hand."""

    confidence: float
    centre: Points
    """``(2,)`` pixels."""
    side: float
    """Of its box, pixels."""
    turn_radians: float
    """From upright (fingers up) to where the fingers point; positive is clockwise."""


class Palms:
    """Detections with at least `min_confidence`, the most confident first.

    Pre- and post-processing as in MediaPipe's palm_detection module: letterboxed to 192 px, values
    in [0, 1], overlapping boxes averaged by their confidence.
    """

    def __init__(self, path: Path, *, min_confidence: float, wanted_by: str) -> None:
        self._net = Net(path, wanted_by=wanted_by, extra="robotics")
        self._least_logit = math.log(min_confidence / (1 - min_confidence))
        self._anchors = np.concatenate([_anchors(*grid) for grid in _GRIDS])

    def __call__(self, picture: Picture) -> list[Palm]:
        """Possible palms."""
        side = self._net.side_px
        square, scale, margin = letterbox(picture, side)
        codes, logits = self._net(square.astype(np.float32) * np.float32(1 / 255))
        taken = logits[0, :, 0] >= self._least_logit
        # Rows: centre, size, then seven key points, of which the first is the wrist.
        rows = codes[0, taken].reshape(-1, 9, 2).astype(np.float64)
        anchors = self._anchors[taken] * side
        rows[:, 0] += anchors
        rows[:, 2:] += anchors[:, None]
        places = [0, *range(2, 9)]
        rows[:, places] = (rows[:, places] - margin) / scale
        rows[:, 1] /= scale
        confidence = 1 / (1 + np.exp(-logits[0, taken, 0].astype(np.float64)))
        return [_palm(row, score) for row, score in merged(rows, confidence)]


def _anchors(cells: int, each: int) -> _Floats:
    """Centres ``(cells * cells * each, 2)`` as shares of the side, row by row."""
    at = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    grid = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    return np.repeat(grid, each, axis=0)


def _palm(row: Points, confidence: float) -> Palm:
    fingers = row[2 + _MIDDLE] - row[2 + _WRIST]
    turn = math.atan2(fingers[0], -fingers[1])
    return Palm(confidence, row[0], float(row[1].max()), turn)
