"""The measure `glimpse`: whether anybody may be in view from head to feet, at a glance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.infer.boxes import Picture
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_motion.body import LANDMARKS, Fitter
from curator_motion.detector import DETECTOR, Finder, Region
from curator_motion.people import close, gap
from curator_motion.posture import length_px, shares

__all__ = ["Glimpse", "in_view"]

_STEPS = np.linspace(-0.5, 0.5, 21)
"""From head to feet, in body lengths from between the hips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """Whether anybody may be in view from head to feet: a quick look for what `pose` then looks at closely.

    One frame per second, the networks of `pose`, but one fit for each candidate whose body, as the
    detector sees it, lies in the picture for half of its length, and a second one, to the mirror image, only
    where that says more than the candidates before. Nobody is followed, and doubts count for the person:
    what `pose` keeps must not be missed here. A value speaks of the time from its frame to the next one
    looked at: it is the larger of both frames' own, so a body that is missed in one of them is not lost.

    Typical: `inside` 0.8..1 where somebody stands free, 0.3..0.7 for upper bodies and for people behind
    tables, 0 for talking heads, crowds of distant people and pictures without anybody. With a bound of
    0.66 it lets through 99 % of the frames that `pose` calls whole (`pose.inside` from 0.75), and in mixed
    footage a third of all seconds.
    What fools it: whatever fools `pose`, and more often: machines and animals pass now and then. So it
    saves work before `pose` (an eighth of its cost) and does not replace it.
    Source: Bazarevsky et al., "BlazePose", 2020; Grishchenko et al., "BlazePose GHUM Holistic", 2022.
    Weights of MediaPipe (Apache-2.0); own code around them.
    """

    name: ClassVar[str] = "glimpse"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "motion"
    cost: ClassVar[float] = 0.04
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="inside",
            unit="ratio",
            about="largest share of anybody's shoulders, elbows, wrists, hips, knees and ankles that are in the picture and not hidden, in this frame or the next that is looked at",
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    fps: float = 1.0
    """Looks per second."""
    max_side_px: int = 640
    """Longest side of the frames that are looked at, pixels."""
    min_confidence: float = 0.2
    """Least confidence of the detector for a place to be looked at."""
    min_in_view: float = 0.5
    """Least share of a body's length, as the detector sees it, that is in the picture."""
    min_presence: float = 0.5
    """Least confidence of the landmark network for a person to count."""
    max_mirror_gap: float = 0.06
    """Largest distance between the points fitted to the picture and to its mirror image, in body lengths."""
    min_height: float = 0.1
    """Least height of a body that counts, were it upright, as a share of the picture's height."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1 or not 0 <= self.min_presence <= 1:
            raise ValueError("confidences lie between 0 and 1")

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour, with the one after."""
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px, after=1)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Those of `pose`."""
        return (DETECTOR, LANDMARKS)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load both networks.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        finder = Finder(weights[DETECTOR.name], min_confidence=self.min_confidence)
        return _Running(self, finder, Fitter(weights[LANDMARKS.name]))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Nothing: the statistics of the series say it all."""
        return {}


class _Running:
    def __init__(self, glimpse: Glimpse, finder: Finder, fitter: Fitter) -> None:
        self._glimpse = glimpse
        self._finder = finder
        self._fitter = fitter

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        seen = np.array([self._most(picture) for picture in block.pixels], np.float32)
        next_too = np.maximum(seen, np.append(seen[1:], np.float32(0)))
        return {"inside": block.series(next_too[block.own])}

    def _most(self, picture: Picture) -> float:
        """How much of the most complete person is in one picture."""
        most = 0.0
        for region in self._finder(picture):
            if self._worth(region, picture):
                most = max(most, self._share(picture, region, most))
        return most

    def _worth(self, region: Region, picture: Picture) -> bool:
        height = picture.shape[0]
        return (
            region.length >= self._glimpse.min_height * height
            and in_view(region, picture) >= self._glimpse.min_in_view
        )

    def _share(self, picture: Picture, region: Region, most: float) -> float:
        """Share of the joints in view of whoever is in `region`; 0 for nobody, or for less than `most`."""
        size = picture.shape[:2]
        body = self._fitter(picture, region)
        if body.presence >= self._glimpse.min_presence and not close(region, body.next_region):
            body = self._fitter(picture, body.next_region)
        share = shares(body, size)[0]
        counts = (
            body.presence >= self._glimpse.min_presence
            and share > most
            and length_px(body) >= self._glimpse.min_height * size[0]
        )
        if not counts:
            return 0.0
        mirrored = self._fitter.mirrored(picture, body.region)
        return share if gap(body, mirrored, size) <= self._glimpse.max_mirror_gap else 0.0


def in_view(region: Region, picture: Picture) -> float:
    """Share of the line from head to feet, as the detector sees them, that lies in the picture."""
    height, width = picture.shape[:2]
    way = region.length * _STEPS
    x = region.centre[0] - way * math.sin(region.tilt_radians)
    y = region.centre[1] + way * math.cos(region.tilt_radians)
    return float(np.mean((x >= 0) & (x < width) & (y >= 0) & (y < height)))
