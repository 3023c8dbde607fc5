"""Interlaced fields that were woven into one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.pixels.fields import combed_share
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Combing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Combing:
    """Share of native-resolution cells (16 x 8 px) that show a comb, at 2 frames per second.

    A comb is a line off from both its neighbours to the same side while they agree, and four such
    lines in turn, left and right; a cell counts when it shows in 24 of its pixels. Where nothing
    moves there is no comb, so take the maximum or a high percentile over a clip. No value on frames
    without patches (below 128 px).
    Typical: 0 for progressive footage, whatever its texture (0.002 at most seen); 0.01..0.1 for
    woven footage with a moving person or hand, 0.3..0.6 when the camera moves.
    What fools it: interlaced footage in which little moves, or only slowly, reads 0 (see also
    `container.interlaced`, what the header says); scaling after weaving blurs combs away; striped
    clothes at exactly two lines read as combs.
    Source: comb detection by neighbouring lines as in deinterlacing filters (FFmpeg's idet, and
    isCombed of Tritical's TIVTC). Own code, no weights.
    """

    name: ClassVar[str] = "combing"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0003
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="share", unit="ratio", about="cells in which lines alternate"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"patch": FrameNeed(view=View.patch, fps=Fraction(2))}

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
        shares = [combed_share(crops) for crops in block.pixels[block.own]]
        return {"share": block.series(np.array(shares, np.float32))}
