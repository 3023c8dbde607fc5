"""How much grain lies on the flat parts of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Noise"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviation of grain, in stored luma steps, at 1 frame per second.

    A filter that cancels linear slopes is run over native-resolution patches; blocks of 16 px are
    ranked by its response and the flattest fifth is taken, so texture does not count. Blocks at
    black or white are left out. No value on frames without patches (below 128 px) or blocks.
    Typical: 0..1 clean or strongly compressed, 2..4 visible grain, above 6 strong noise.
    What fools it: fine texture all over the frame (grass, water, crowds) reads as grain; blurred
    (scaled up, denoised) grain reads low, since its frequency is too low for the filter.
    Source: Immerkaer, "Fast noise variance estimation", CVIU 64 (1996), with block ranking. Own
    code, no weights.
    """

    name: ClassVar[str] = "noise"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0005
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="sigma", unit="luma", about="standard deviation of grain on flat parts"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"patch": FrameNeed(view=View.patch, fps=Fraction(1))}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {}


_BLOCK_PX = 16
_FLATTEST = 20  # percent
_MIN_BLOCKS = 8
_BLACK, _WHITE = 20, 231  # stored luma: nearer to the ends grain is clipped
_RANK_BIAS = 0.93  # the flattest fifth of pure Gaussian noise reads 7 % low
_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["patch"]
        sigmas = [_sigma(crops) for crops in block.pixels[block.own]]
        return {"sigma": block.series(np.array(sigmas, np.float32))}


def _sigma(crops: _Bytes) -> float:
    """Grain of ``(k, 128, 128)`` crops of one picture; NaN when nothing is between black and white."""
    if not len(crops):
        return float("nan")
    rows = crops.reshape(-1, crops.shape[2])
    response = cv2.convertScaleAbs(cv2.filter2D(rows, cv2.CV_16S, _MASK))
    size = (rows.shape[1] // _BLOCK_PX, rows.shape[0] // _BLOCK_PX)
    level = cv2.resize(rows, size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(response.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    usable = mean[(level > _BLACK) & (level < _WHITE)]
    if len(usable) < _MIN_BLOCKS:
        return float("nan")
    return float(np.percentile(usable, _FLATTEST)) * float(np.sqrt(np.pi / 2)) / 6 / _RANK_BIAS
