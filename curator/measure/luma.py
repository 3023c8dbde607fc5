"""How bright the picture is, and how far its tones reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Luma"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Luma:
    """Brightness and contrast of the whole picture, bars included, at 4 frames per second.

    Unit: luma 0..255, where 0 is black and 255 is white; footage stored in limited range (16..235)
    is stretched, so the two kinds compare. Blacker than black is 0.
    Typical: mean 60..160, contrast 35..75; night scenes have a mean below 40, fog, flat (log)
    footage and blank cards a contrast below 25.
    What fools it: letterbox bars pull the mean down and push the contrast up (`exposure` ignores
    them); HDR transfer curves read as flat.
    Source: first and second moments and percentiles of the histogram, as in any textbook; no code
    or weights of others.
    """

    name: ClassVar[str] = "luma"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0003
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="mean", unit="luma", about="mean brightness of the picture"),
        SeriesSpec(name="contrast", unit="luma", about="standard deviation of brightness"),
        SeriesSpec(name="p01", unit="luma", about="brightness of the darkest hundredth"),
        SeriesSpec(name="p99", unit="luma", about="brightness that one pixel in a hundred exceeds"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"luma": FrameNeed(view=View.luma, fps=Fraction(4))}

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
        block = tile.frames["luma"]
        facts = np.array([_facts(frame) for frame in block.pixels[block.own]], np.float32)
        facts = facts.reshape(-1, 4)
        return {spec.name: block.series(facts[:, k]) for k, spec in enumerate(Luma.series)}


def _facts(frame: npt.NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Mean, standard deviation, 1st and 99th percentile of one stored picture."""
    counts = cv2.calcHist([frame], [0], None, [256], [0, 256]).ravel()
    share = np.cumsum(counts) / frame.size
    low, high = np.searchsorted(share, (0.01, 0.99))
    mean = float(counts @ _FULL) / frame.size
    variance = float(counts @ (_FULL - mean) ** 2) / frame.size
    return mean, variance**0.5, float(_FULL[low]), float(_FULL[min(high, 255)])


# Stored values on the 0..255 scale; the small plane is limited range by contract.
_FULL = np.clip((np.arange(256, dtype=np.float64) - 16) * (255 / 219), 0, 255)
