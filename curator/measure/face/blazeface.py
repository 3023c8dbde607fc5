"""BlazeFace, full range: faces from about 4 % of the longer side of the picture, on any CPU."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import Weight
from curator.infer.boxes import Box, Picture, letterbox, merged
from curator.infer.litert import Net
from curator.measure.face.detection import Detection

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


class BlazeFace:
    """Detections with at least `min_confidence`.

    Pre- and post-processing as in MediaPipe's face_detection module: letterboxed to 192 px, values
    in [-1, 1], one anchor per cell of 4 px, overlapping boxes averaged by their confidence.
    """

    def __init__(self, path: Path, *, min_confidence: float) -> None:
        self._net = Net(path, wanted_by="face")
        self._least_logit = math.log(min_confidence / (1 - min_confidence))
        cells = (np.arange(_CELLS, dtype=np.float32) + 0.5) / _CELLS
        self._anchors = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)

    def __call__(self, picture: Picture) -> list[Detection]:
        """Possible faces, the most confident first."""
        side = self._net.side_px
        square, scale, margin = letterbox(picture, side)
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
            _detection(row, score) for row, score in merged(rows.astype(np.float64), confidence)
        ]


def _detection(row: npt.NDArray[np.float64], confidence: float) -> Detection:
    low, high = row[0] - row[1] / 2, row[0] + row[1] / 2
    eyes = row[3] - row[2]
    box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Detection(confidence, box, math.atan2(eyes[1], eyes[0]))
