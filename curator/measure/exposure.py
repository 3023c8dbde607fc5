"""How much of the picture is lost in black or white."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.pixels.ends import lost_shares
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Exposure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Shares of the picture that are clipped to black and to white, at 2 frames per second.

    Judged on the small plane inside black bars. A picture that is black altogether is all dark.
    The margins (3 luma steps of 219) allow for compression ripples.
    Typical: `dark` below 0.02 and `bright` below 0.03 for a well lit scene; night footage and
    silhouettes 0.2..0.6 dark; blown windows and skies 0.05..0.3 bright.
    What fools it: black clothes and studio backdrops are honestly dark; white slides and paper are
    honestly bright; footage that was lifted after clipping (grey blacks) reads as unclipped.
    Source: shares of the histogram's ends, as in any camera's zebra pattern; no code or weights of
    others.
    """

    name: ClassVar[str] = "exposure"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0005
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="dark", unit="ratio", about="share of the picture clipped to black"),
        SeriesSpec(name="bright", unit="ratio", about="share of the picture clipped to white"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="clipped", unit="ratio", about="mean share lost in black or white"),
        SignalSpec(name="worst", unit="ratio", about="largest share lost in one frame"),
    )

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"luma": FrameNeed(view=View.luma, fps=Fraction(2))}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        dark, bright = clip.series.get("dark"), clip.series.get("bright")
        if dark is None or bright is None or not len(dark):
            return {spec.name: Signal(None, absent="no-frames") for spec in self.signals}
        lost = np.minimum(dark.values.astype(np.float64) + bright.values.astype(np.float64), 1.0)
        return {"clipped": Signal(float(lost.mean())), "worst": Signal(float(lost.max()))}


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["luma"]
        shares = [lost_shares(plane) for plane in block.pixels[block.own]]
        both = np.array(shares, np.float32).reshape(-1, 2)
        return {"dark": block.series(both[:, 0]), "bright": block.series(both[:, 1])}
