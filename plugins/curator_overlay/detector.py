"""Lines of text in a picture: PaddleOCR's detection network, and boxes from the map that it draws.

The network says of every pixel how likely it belongs to the shrunken core of a line of text
(differentiable binarisation). Cores are cut out, judged, and grown back to the size of their lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import Weight
from curator.infer.boxes import Picture
from curator.infer.onnx import open_session

__all__ = ["DETECTOR", "Line", "TextFinder"]

DETECTOR = Weight(
    name="ppocr-det",
    url="pypi://rapidocr-onnxruntime==1.4.4!/rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    sha256="d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    license="Apache-2.0",
    source="PaddleOCR PP-OCRv4 mobile text detection (Baidu), as ONNX in RapidOCR's wheel",
)

_Map: TypeAlias = npt.NDArray[np.float32]

_STEP_PX = 32  # the network halves its input five times
_MEAN = _SPREAD = 0.5
_CORE = 0.3  # probability from which a pixel belongs to a line
_GROW = 1.6  # a core is its line shrunk by area * 1.6 / perimeter on every side
_MIN_CORE_PX, _MIN_LINE_PX = 3.0, 5.0
_MAX_HEIGHT = (
    0.2  # of the shorter side: what is taller is a cup, a face or a fence taken for letters
)
_MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, as a rectangle that may lean; lengths are pixels of the picture."""

    corners: npt.NDArray[np.float32]
    """``(4, 2)`` x and y, in order around the rectangle."""
    confidence: float
    """Mean probability inside the core, in [0, 1]."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the upright rectangle around it."""
        left, top = self.corners.min(axis=0).tolist()
        right, bottom = self.corners.max(axis=0).tolist()
        return left, top, right, bottom


class TextFinder:
    """The network, loaded; lines below `min_confidence` are left out.

    Raises:
        MeasureError: ``extra-missing`` without onnxruntime, ``weights-unreadable`` when it is no network.
    """

    def __init__(self, path: Path, *, min_confidence: float) -> None:
        self._session = open_session(path, wanted_by="text", extra="overlay")
        self._input = self._session.get_inputs()[0].name
        self._min_confidence = min_confidence

    def __call__(self, picture: Picture) -> list[Line]:
        """Lines in a picture ``(h, w, 3)`` RGB, in no order that means anything."""
        chances = self._chances(picture)
        height, width = picture.shape[:2]
        stretch = np.array([width / chances.shape[1], height / chances.shape[0]], np.float32)
        return _lines(chances, stretch, self._min_confidence)

    def _chances(self, picture: Picture) -> _Map:
        """The network's map ``(h, w)``, sides rounded to multiples of 32 px."""
        height, width = (_rounded(side) for side in picture.shape[:2])
        fitted = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        # PaddleOCR reads pictures with OpenCV: blue comes first.
        planes = np.ascontiguousarray(fitted[..., ::-1].transpose(2, 0, 1))
        scaled = (planes.astype(np.float32) / 255 - _MEAN) / _SPREAD
        (chances,) = self._session.run(None, {self._input: scaled[None]})
        return np.asarray(chances[0, 0], np.float32)


def _rounded(side: int) -> int:
    return max(_STEP_PX, round(side / _STEP_PX) * _STEP_PX)


def _lines(chances: _Map, stretch: npt.NDArray[np.float32], least: float) -> list[Line]:
    cores = (chances > _CORE).astype(np.uint8)
    outlines, _ = cv2.findContours(cores, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    tallest, lines = _MAX_HEIGHT * min(chances.shape), []
    for outline in outlines[:_MAX_LINES]:
        centre, size, angle = cv2.minAreaRect(outline)
        if min(size) < _MIN_CORE_PX:
            continue
        grown = _grown(size)
        if not _MIN_LINE_PX <= min(grown) <= tallest:
            continue
        confidence = _inside(chances, cv2.boxPoints((centre, size, angle)).astype(np.float32))
        if confidence < least:
            continue
        corners = cv2.boxPoints((centre, grown, angle)).astype(np.float32)
        lines.append(Line(corners * stretch, confidence))
    return lines


def _grown(size: Sequence[float]) -> tuple[float, float]:
    """The line of a core: every side pushed out by area * 1.6 / perimeter."""
    width, height = size
    distance = width * height * _GROW / (2 * (width + height))
    return width + 2 * distance, height + 2 * distance


def _inside(chances: _Map, corners: npt.NDArray[np.float32]) -> float:
    """Mean probability inside a rectangle."""
    height, width = chances.shape
    limits = np.array([width - 1, height - 1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, limits).astype(int)
    inside = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillPoly(inside, [(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(chances[low[1] : high[1] + 1, low[0] : high[0] + 1], inside)[0])
