"""How well the sharpest parts of the picture are focused, at the resolution the file claims."""

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
from curator.measure.picture import active
from curator.measure.pixels.focus import edge_sharpness
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Sharpness"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpness:
    """Width of the sharpest edges in native pixels, as a score from 0 to 1; more is sharper.

    On native-resolution patches (on the small plane when the picture is too small for patches) the
    luma gradient at scale 0.7 px is compared with the gradient at scale 2 px, at the ridges of the
    latter, in cells of 32 px; the score is taken from the sharpest quarter of the cells, so a face
    before a blurred background is sharp. Ratio r gives ``u = r^2 - 1`` and ``score = u / (u + 2)``.
    For a step edge blurred by a Gaussian of s px: s=0 0.68, s=0.5 0.62, s=1 0.49, s=1.5 0.36,
    s=2 0.26, s=4 0.09; fine texture and thin lines lie above 0.68.
    Typical: `score` 0.5..0.9 for footage in focus at its native size, below 0.3 visibly blurred,
    below 0.4 enlarged from a quarter of the width. `laplacian` (on the small plane, so it compares
    across resolutions) 20..60 soft, 200 and more crisp.
    What fools it: a sharp logo or subtitle over a blurred picture; sharpening halos raise it;
    motion blur lowers it only for edges across the motion. Grain does not read as sharp: the
    gradient is averaged along edges, and edges must stand out from the noise. A soft 4K film scores
    lower than its 1080p version: the score judges pixels, not viewing distance. No value where the
    picture has no edges (black, fog, plain wall).
    Source: re-blurring at edges after Zhuo and Sim, "Defocus map estimation from a single image",
    Pattern Recognition 44 (2011); variance of the Laplacian after Pech-Pacheco et al., ICPR 2000.
    Own code, no weights.
    """

    name: ClassVar[str] = "sharpness"
    version: ClassVar[int] = 2
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0025
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="score", unit="ratio", about="focus of the sharpest parts, native pixels"),
        SeriesSpec(
            name="laplacian", unit="luma^2", about="variance of the Laplacian of the small plane"
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    fps: float = 2.0
    """Frames judged per second."""

    @property
    def needs(self) -> Mapping[str, Need]:
        fps = Fraction(str(self.fps))
        return {
            "patch": FrameNeed(view=View.patch, fps=fps),
            "luma": FrameNeed(view=View.luma, fps=fps),
        }

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
        patches, luma = tile.frames["patch"], tile.frames["luma"]
        native, small = patches.pixels[patches.own], luma.pixels[luma.own]
        score = [
            edge_sharpness(crops) if len(crops) else edge_sharpness(plane[None])
            for crops, plane in zip(native, small, strict=True)
        ]
        laplacian = [_laplacian(plane) for plane in small]
        return {
            "score": luma.series(np.array(score, np.float32)),
            "laplacian": luma.series(np.array(laplacian, np.float32)),
        }


def _laplacian(plane: _Bytes) -> float:
    """Variance of the Laplacian inside the picture, bars left out."""
    inside = active(plane)
    if min(inside.shape) < 3:
        return 0.0
    response = cv2.Laplacian(inside, cv2.CV_16S)[1:-1, 1:-1]
    return float(cv2.meanStdDev(response)[1][0, 0]) ** 2
