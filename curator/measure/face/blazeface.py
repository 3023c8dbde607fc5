"""BlazeFace, full range: faces from about 4 % of the longer side of the picture, on any CPU."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import Weight
from curator.measure.face.detection import Box, Detection, Picture
from curator.measure.face.litert import Net

__all__ = ["BLAZEFACE", "BlazeFace"]

_Floats: TypeAlias = npt.NDArray[np.float32]

BLAZEFACE = Weight(
    name="blazeface-full-range",
    url="pypi://mediapipe==0.10.21!/mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
    sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    license="Apache-2.0",
    source="Google MediaPipe, BlazeFace (full range, sparse), model card of March 2022",
)

_CELLS = 48
_SAME_FACE = 0.3


class BlazeFace:
    """Detections with at least `min_confidence`.

    Pre- and post-processing as in MediaPipe's face_detection module: letterboxed to 192 px, values
    in [-1, 1], one anchor per cell of 4 px, overlapping boxes averaged by their confidence.
    """

    def __init__(self, path: Path, *, min_confidence: float) -> None:
        self._net = Net(path)
        self._least_logit = math.log(min_confidence / (1 - min_confidence))
        cells = (np.arange(_CELLS, dtype=np.float32) + 0.5) / _CELLS
        self._anchors = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)

    def __call__(self, picture: Picture) -> list[Detection]:
        """Possible faces, the most confident first."""
        side = self._net.side_px
        square, scale, margin = _letterbox(picture, side)
        codes, logits = self._net(square.astype(np.float32) * np.float32(2 / 255) - 1)
        taken = logits[0, :, 0] >= self._least_logit
        # Rows: centre, size, then six key points, of which the first two are the eyes.
        rows = codes[0, taken].reshape(-1, 8, 2) / side
        rows[:, 0] += self._anchors[taken]
        rows[:, 2:] += self._anchors[taken][:, None]
        rows[:, [0, 2, 3]] = (rows[:, [0, 2, 3]] * side - margin) / scale
        rows[:, 1] *= side / scale
        confidence = 1 / (1 + np.exp(-logits[0, taken, 0].astype(np.float64)))
        return [
            _detection(row, score) for row, score in _merged(rows.astype(np.float64), confidence)
        ]


def _letterbox(picture: Picture, side: int) -> tuple[Picture, float, npt.NDArray[np.float32]]:
    """The whole picture in a black square; the scale and the margin (x, y) in pixels that undo it."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = cv2.resize(
        picture, size, interpolation=way
    )
    return square, scale, np.array([left, top], np.float32)


def _merged(
    rows: npt.NDArray[np.float64], confidence: npt.NDArray[np.float64]
) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Weighted non-maximum suppression: each face is the mean of the boxes that overlap its best."""
    out = []
    order = np.argsort(-confidence, kind="stable")
    while len(order):
        near = _overlaps(rows[order[0]], rows[order]) > _SAME_FACE
        near[0] = True
        group = order[near]
        weight = confidence[group] / confidence[group].sum()
        out.append((np.tensordot(weight, rows[group], axes=1), float(confidence[order[0]])))
        order = order[~near]
    return out


def _overlaps(
    best: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    low = np.maximum(best[0] - best[1] / 2, rows[:, 0] - rows[:, 1] / 2)
    high = np.minimum(best[0] + best[1] / 2, rows[:, 0] + rows[:, 1] / 2)
    both = np.clip(high - low, 0, None).prod(axis=1)
    either = best[1].prod() + rows[:, 1].prod(axis=1) - both
    shares: npt.NDArray[np.float64] = both / np.maximum(either, 1e-9)
    return shares


def _detection(row: npt.NDArray[np.float64], confidence: float) -> Detection:
    low, high = row[0] - row[1] / 2, row[0] + row[1] / 2
    eyes = row[3] - row[2]
    box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Detection(confidence, box, math.atan2(eyes[1], eyes[0]))
