"""Text on the screen: how much of it, where, and whether it stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.infer.boxes import Picture
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_overlay.detector import DETECTOR, Line, TextFinder

__all__ = ["Text"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float32]
_CELLS = (9, 16)
_ABOUT = {
    "area": "share of the picture that lines of text cover",
    "largest": "share of the picture that the largest line covers",
    "bottom_area": "share of the lowest third that lines of text cover",
    "subtitle": "width of the widest line in the middle of the lowest quarter, of the picture's; 0 without",
    "ground": "share of the picture around the text that is of one flat colour",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Lines of text in the picture at 1 frame per second, found and not read.

    A network finds lines in any script, from 2 % to 20 % of the shorter side tall. `persistence`
    is the largest share of the clip's frames in which one place (of 9 x 16) has text: logos and
    banners 1, and subtitles too, line after line. `subtitle_share` is the share of frames with a
    line in the middle of the lowest quarter, and `subtitle_changes` how often that line comes, goes
    or is another one. `page_share` is the share of frames that are text on a flat ground: slides,
    slates, credits, title cards.
    Typical: `area` 0 for most footage (its median over a clip is; single frames reach 0.03),
    0.05..0.08 with a subtitle and a watermark, 0.1..0.15 slides, 0.01..0.1 credits and title cards;
    `ground` below 0.5 in camera footage, 0.7..1 on slides.
    What fools it: text in the scene is text (shirts, shop signs, toy blocks with letters 0.08); a
    lattice, a fence or a table's foot may be taken for a line, mostly in single frames, so prefer
    `area.median` and `persistence` to a maximum. Letters taller than a fifth of the picture, and
    below 8 px at 640 px, are missed. Slides with photographs have less flat ground.
    Source: Liao et al., "Real-time scene text detection with differentiable binarization", AAAI
    2020; PP-OCRv4's mobile detector (Baidu, Apache-2.0); own code around it. The share of the
    picture as a filter after VideoX-Fun (at most 0.02) and SpatialVID (at most 0.3).
    """

    name: ClassVar[str] = "text"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "overlay"
    cost: ClassVar[float] = 0.07
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="lines", unit="count", about="lines of text in view"),
        *(SeriesSpec(name=name, unit="ratio", about=about) for name, about in _ABOUT.items()),
        SeriesSpec(
            name="places",
            unit="ratio",
            about="share of each cell of a 9 x 16 grid that lines of text cover",
            shape=_CELLS,
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(
            name="persistence",
            unit="ratio",
            about="largest share of the frames in which text stands at one place",
        ),
        SignalSpec(
            name="subtitle_share", unit="ratio", about="share of the frames with a subtitle"
        ),
        SignalSpec(
            name="subtitle_changes",
            unit="count",
            about="how often the subtitle comes, goes or is another one",
        ),
        SignalSpec(
            name="page_share",
            unit="ratio",
            about="share of the frames that are text on a flat ground",
        ),
    )

    fps: float = 1.0
    """Frames judged per second."""
    max_side_px: int = 640
    """Longest side of the frames that are judged, pixels."""
    min_confidence: float = 0.6
    """Least confidence of the network in a line."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1:
            raise ValueError("a confidence lies between 0 and 1")

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour."""
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The detector."""
        return (DETECTOR,)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the network.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        return _Running(TextFinder(weights[DETECTOR.name], min_confidence=self.min_confidence))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Shares of the clip's frames."""
        places = clip.series.get("places")
        if places is None or not len(places):
            return {spec.name: Signal(None, absent="no-frames") for spec in self.signals}
        subtitle, area, ground = (
            clip.series[name].values.astype(np.float64) for name in ("subtitle", "area", "ground")
        )
        page = (area >= _PAGE_AREA) & (ground >= _PAGE_GROUND)
        stands = places.values.astype(np.float64) >= _COVERED
        return {
            "persistence": Signal(float(stands.mean(axis=0).max())),
            "subtitle_share": Signal(float((subtitle > 0).mean())),
            "subtitle_changes": Signal(float((np.abs(np.diff(subtitle)) > _OTHER_WIDTH).sum())),
            "page_share": Signal(float(page.mean())),
        }


_COVERED = 0.15  # of a cell: a line half as tall as a cell, on the border of two, still counts
_OTHER_WIDTH = 0.03  # of the picture: two letters
_PAGE_AREA = 0.003  # of the picture: "THE END" on a black screen is 0.005
_PAGE_GROUND = (
    0.65  # slides and titles 0.68..1; walls of one colour with people before them up to 0.5
)
_FLAT_PX, _FLAT_LEVELS = 5, 1  # grain and compression move more than one level within five pixels


class _Running:
    def __init__(self, find: TextFinder) -> None:
        self._find = find

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        pictures = block.pixels[block.own]
        numbers = np.zeros((len(pictures), len(_ABOUT) + 1), np.float32)
        places = np.zeros((len(pictures), *_CELLS), np.float16)
        for index, picture in enumerate(pictures):
            lines = self._find(picture)
            covered = _covered(picture, lines)
            numbers[index] = len(lines), *_row(picture, lines, covered)
            places[index] = cv2.resize(covered, _CELLS[::-1], interpolation=cv2.INTER_AREA)
        names = ("lines", *_ABOUT)
        out = {name: block.series(numbers[:, k]) for k, name in enumerate(names)}
        return {**out, "places": block.series(places.clip(0, 1))}


def _covered(picture: Picture, lines: Sequence[Line]) -> _Floats:
    """1 where a line is, 0 elsewhere, ``(h, w)``."""
    covered = np.zeros(picture.shape[:2], np.float32)
    for line in lines:
        cv2.fillPoly(covered, [np.round(line.corners).astype(np.int32)], 1.0)
    return covered


def _row(picture: Picture, lines: Sequence[Line], covered: _Floats) -> tuple[float, ...]:
    """One frame's numbers in the order of `_ABOUT`."""
    height, width = picture.shape[:2]
    areas = [float(cv2.contourArea(line.corners)) for line in lines]
    flat = _flat(picture)[covered == 0]
    return (
        float(covered.mean()),
        min(1.0, max(areas, default=0.0) / (height * width)),
        float(covered[height - max(1, height // 3) :].mean()),
        max((_subtitle_width(line, height, width) for line in lines), default=0.0),
        float(flat.mean()) if flat.size else 0.0,
    )


def _subtitle_width(line: Line, height: int, width: int) -> float:
    """The line's width over the picture's where a subtitle would stand; 0 elsewhere."""
    left, top, right, bottom = line.bounds
    left, right = max(0.0, left), min(float(width), right)
    wide = (right - left) / width
    below = (top + bottom) / 2 >= 0.75 * height
    middle = abs((left + right) / 2 / width - 0.5) <= 0.2
    long = right - left >= 3 * (bottom - top)
    return wide if below and middle and long and wide >= 0.1 else 0.0


def _flat(picture: Picture) -> _Bytes:
    """1 where the surroundings of a pixel are of one level, 0 elsewhere, ``(h, w)``."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    square = np.ones((_FLAT_PX, _FLAT_PX), np.uint8)
    ranges = cv2.subtract(cv2.dilate(grey, square), cv2.erode(grey, square))
    return np.asarray(ranges <= _FLAT_LEVELS, np.uint8)
