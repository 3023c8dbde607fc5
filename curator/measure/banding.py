"""Steps in skies and walls that should be smooth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.pixels.bands import banded_share
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Banding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Banding:
    """Share of the picture that is banded, on native-resolution patches, at 1 frame per second.

    A plateau is a place where nearly all pixels equal their neighbours. Where a region of 64 px has
    plateaus of similar size 1 to 4 luma steps apart, their pixels count: by 0.25 when the nearest is
    one step away, up to 1 for four. Grain and dither hide bands and there are then no plateaus. No value on frames
    without patches (below 128 px).
    Typical: 0..0.02 footage with grain or texture, 0.03..0.1 common for compressed video with plain
    walls and skies in steps of 1, above 0.2 large surfaces in visible steps.
    What fools it: flat graphics in neighbouring shades; 8-bit slopes without dither have steps of 1
    that few screens show (they count a quarter).
    Source: after Tandon et al., "CAMBI: contrast-aware multiscale banding index", PCS 2021, on one
    scale and a histogram per region. Own code, no weights.
    """

    name: ClassVar[str] = "banding"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0008
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="share", unit="ratio", about="picture made of steps, weighed by contrast"),
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
        shares = [banded_share(crops) for crops in block.pixels[block.own]]
        return {"share": block.series(np.array(shares, np.float32))}
