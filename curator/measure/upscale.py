"""How much smaller the picture once was than the file claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.pixels.spectrum import detail_limit
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Upscale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscale:
    """The frequency where detail ends, and the size that would hold it, at 1 frame per second.

    Power spectra of native-resolution patches, with the natural fall of 1 / f^2 undone, are flat up
    to the frequency where detail was cut off by scaling, a lens or an encoder; `limit` is where they
    first fall to a tenth, as a share of the highest frequency that the pixels can hold. `height_px`
    is the limit times the stored height. No value on frames without patches (below 128 px) or with
    fewer than two patches that have structure (walls, fog, black, slides).
    Typical: `limit` 0.8..1 for footage at its native size, 0.55..0.75 enlarged 2 times, 0.4..0.55
    3 times, 0.3..0.4 4 times: an enlarged picture keeps a little more than its true size, as
    filters are not ideal. Faces from phones with noise reduction 0.5..0.7.
    What fools it: defocus and strong noise reduction are no enlargement but leave as little; grain
    or sharp text added after scaling hides it; enlarging by less than 1.3 is not seen; pixels
    repeated (nearest neighbour) have sharp edges and read as native.
    Source: spectral cut-off as in upscaling detection (Katsavounidis et al., "Native resolution
    detection of video sequences", SMPTE 2015). Own code, no weights.
    """

    name: ClassVar[str] = "upscale"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0008
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="limit", unit="ratio", about="where detail ends, of what the pixels can hold"
        ),
        SeriesSpec(name="height_px", unit="px", about="height that would hold the detail"),
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
        limits = [detail_limit(crops) for crops in block.pixels[block.own]]
        limit = np.array(limits, np.float32)
        height = limit * np.float32(tile.video.video.height_px)
        return {"limit": block.series(limit), "height_px": block.series(height)}
