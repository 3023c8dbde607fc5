"""How much grain lies on the flat parts of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.pixels.grain import grain_sigma
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Noise"]


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


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["patch"]
        sigmas = [grain_sigma(crops) for crops in block.pixels[block.own]]
        return {"sigma": block.series(np.array(sigmas, np.float32))}
