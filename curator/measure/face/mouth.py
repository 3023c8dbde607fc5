"""The measure `mouth`: whether the mouth can be seen, or a hand, a cup, a microphone or a mask is before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.infer.boxes import Picture
from curator.measure.face.blazeface import BLAZEFACE, BlazeFace
from curator.measure.face.detection import Detection
from curator.measure.face.mesh import MESH, Mesh, Mesher
from curator.measure.face.shake import DIAGONALS, centre_of_mouth, nudge, pushed_share, shaken
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Mouth"]

_MAX_PLACES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mouth:
    """Whether the mouth of the largest face can be seen, or something is before it.

    The landmark network draws lips whether it sees them or not, and is as sure of a covered face as of
    a bare one. So it is put to the test: the picture is pushed about a little where the mouth should
    be (by 8 % of the width of the face, along two diagonals, back and forth), and the network looks
    again. Lips that it sees go along, lips that it guesses from eyes, nose and chin stay where they
    were. `visible` is the share of the push that the lips follow, the lesser of the two diagonals. It
    is NaN in frames without a face that the network confirms. Every frame is judged alone.

    Typical: 0.7..0.85 for people who talk, listen or laugh, 0.6..0.7 for mouths as wide open as they go;
    0..0.35 behind hands, cups, cards and masks, up to 0.46 behind a microphone, about 0.5 when half
    of the mouth is covered. Below 0.5, or without a face, are 99 % of frames in which something covers
    the mouth; below 0.5 is 1 in 1000 of those in which nothing does (20 people).
    What fools it: faces below 45 px in the judged frame, or out of focus by 3 % of their height, read
    low. Heads turned by 60 degrees and more are no face, or one whose lips are not followed. A mouth
    printed on a mask should count as one. It does not know what hides a mouth.
    Source: our own method, after the idea of asking what a network attends to by changing its input
    (Zeiler and Fergus, ECCV 2014). Weights of MediaPipe (Apache-2.0), own code around them.
    """

    name: ClassVar[str] = "mouth"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "face"
    cost: ClassVar[float] = 0.2
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="visible",
            unit="ratio",
            about="how far the lips of the largest face follow the picture: 0 hidden, from 0.5 on seen",
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    fps: float = 4.0
    """Frames judged per second."""
    max_side_px: int = 640
    """Longest side of the frames that are judged, pixels."""
    min_confidence: float = 0.6
    """Least confidence of the detector for a place to be looked at."""
    min_presence: float = 0.9
    """Least confidence of the landmark network for a face to count."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1 or not 0 <= self.min_presence <= 1:
            raise ValueError("confidences lie between 0 and 1")

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour."""
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The detector and the landmark network of `face`."""
        return (MESH, BLAZEFACE)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load both networks.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        spotter = BlazeFace(weights[BLAZEFACE.name], min_confidence=self.min_confidence)
        return _Running(spotter, Mesher(weights[MESH.name]), self.min_presence)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Nothing beyond the statistics that every series has."""
        return {}


class _Running:
    def __init__(self, spotter: BlazeFace, mesher: Mesher, min_presence: float) -> None:
        self._spotter = spotter
        self._mesher = mesher
        self._min_presence = min_presence

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        pictures = block.pixels[block.own]
        seen = np.full(len(pictures), np.nan, np.float32)
        for index, picture in enumerate(pictures):
            face = self._largest(picture)
            if face is not None:
                seen[index] = self._visible(picture, *face)
        return {"visible": block.series(seen)}

    def _largest(self, picture: Picture) -> tuple[Detection, Mesh] | None:
        """The largest place that the landmark network takes for a face."""
        places = sorted(self._spotter(picture), key=lambda one: -one.box.height)
        fitted = ((place, self._mesher(picture, place)) for place in places[:_MAX_PLACES])
        return next((pair for pair in fitted if pair[1].presence >= self._min_presence), None)

    def _visible(self, picture: Picture, place: Detection, mesh: Mesh) -> float:
        shares = []
        for diagonal in DIAGONALS:
            push = nudge(mesh, diagonal, place.tilt_radians)
            there, back = (
                centre_of_mouth(self._mesher(shaken(picture, mesh, sign * push), place))
                for sign in (1, -1)
            )
            shares.append(float((there - back) @ push / (2 * push @ push)))
        return min(1.0, max(0.0, min(shares) / pushed_share(mesh)))
