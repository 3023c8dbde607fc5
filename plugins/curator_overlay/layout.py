"""Pictures that were laid out and not filmed: slides, drawings, and screens split in two."""

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
from curator.measure.picture import BLACK, black_edges
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_overlay.looks import Changes, Planes, around

__all__ = ["Layout"]

_REACH = 2  # frames on both sides at 2 per second: 1 s
_LEAST_FRAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Flat areas, few colours, and straight seams between two moving pictures, on the small plane.

    `flat` is the share of the picture (without black bars) in which luma is exactly one level over
    5 x 5 px: a lens, a sensor and a lamp leave gradients, a drawing program does not. `colours` is
    the number of colours that share the picture as evenly (exponential of the entropy, in steps of
    8 levels). `seam` is the share of the picture's height or width along which a straight seam runs
    at one place for 2 s, where the pictures on both sides move; `split_share` is the share of frames
    whose seam is longer than half. All at 2 frames per second (`colours` at 1).
    Typical (medians of clips): `flat` 0..0.2 for camera footage, 0.7..0.95 for slides, slates, credits
    and vector graphics (0.4 on slides with photographs); `colours` 10..200 for footage, 1..5 for the
    former. `seam` 0.05..0.5 for one picture, 0.55..1 for two side by side, a portrait video on a
    blurred ground, or a banner across the picture.
    What fools it: rendered animation has light and texture, and is none of these (ask `relevance`);
    a black screen is flat and has one colour; heavy compression flattens; a sea horizon or a wall's
    corner before a camera that stands still is a seam. A seam in parts with little contrast
    is shorter than it is; a picture in a picture has no seam across the whole.
    Source: own. Own code, no weights.
    """

    name: ClassVar[str] = "layout"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.002
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="flat", unit="ratio", about="share of the picture without any gradient"),
        SeriesSpec(name="seam", unit="ratio", about="length of the longest seam, of the side along it"),
        SeriesSpec(name="colours", unit="count", about="colours that share the picture as evenly"),
    )  # fmt: skip
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(
            name="split_share",
            unit="ratio",
            about="share of the frames that are split by a seam longer than half",
        ),
    )

    @property
    def needs(self) -> Mapping[str, Need]:
        """The small plane: luma with 1 s on both sides, and colour."""
        luma = FrameNeed(view=View.luma, fps=Fraction(2), before=_REACH, after=_REACH)
        return {
            "luma": luma,
            "grey": FrameNeed(view=View.luma, fps=Fraction(1)),
            "chroma": FrameNeed(view=View.chroma, fps=Fraction(1)),
        }

    @property
    def weights(self) -> tuple[Weight, ...]:
        """None."""
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Nothing is loaded."""
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """How much of the clip is split."""
        seam = clip.series.get("seam")
        known = np.zeros(0) if seam is None else seam.values.astype(np.float64)
        known = known[np.isfinite(known)]
        if not len(known):
            return {"split_share": Signal(None, absent="too-short")}
        return {"split_share": Signal(float((known > _SPLIT).mean()))}


_SPLIT = 0.5
_MOVES = 2.0  # luma in half a second
_MOVING_SHARE = 0.02  # of the picture on each side
_STEP = 3  # luma that a seam adds to what the texture beside it does
_EDGE_SHARE = 0.06  # a seam this near to the border is a frame around the picture


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        luma, chroma = tile.frames["luma"], tile.frames["chroma"]
        grey = tile.frames["grey"]
        flat = [_flat(plane) for plane in luma.pixels[luma.own]]
        seams = _Seams(luma.pixels)
        pairs = zip(grey.pixels[grey.own], chroma.pixels[chroma.own], strict=True)
        colours = [_colours(*pair) for pair in pairs]
        return {
            "flat": luma.series(np.array(flat, np.float32)),
            "seam": luma.series(
                np.array([seams.longest(window) for window in around(luma, _REACH)], np.float32)
            ),
            "colours": chroma.series(np.array(colours, np.float32)),
        }


def _inside(plane: Planes) -> tuple[slice, slice]:
    """The rows and columns of a ``(h, w)`` plane between black bars."""
    top, bottom, left, right = black_edges(plane)
    height, width = plane.shape
    rows, columns = slice(top, height - bottom), slice(left, width - right)
    lit = plane[rows, columns] > BLACK
    # White letters on a black ground have no bars: the ground goes on between and beside them.
    ends = (lit[0], top), (lit[-1], bottom), (lit[:, 0], left), (lit[:, -1], right)
    picture = all(line.mean() > 0.5 for line, bar in ends if bar)
    return (rows, columns) if picture else (slice(None), slice(None))


def _flat(plane: Planes) -> float:
    picture = np.ascontiguousarray(plane[_inside(plane)])
    square = np.ones((5, 5), np.uint8)
    return float((cv2.dilate(picture, square) == cv2.erode(picture, square)).mean())


def _colours(plane: Planes, chroma: npt.NDArray[np.uint8]) -> float:
    """Exponential of the entropy of colours; 1 for a picture of one colour."""
    height, width = chroma.shape[:2]
    luma = cv2.resize(plane, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.int32)
    codes = (luma >> 3) << 10 | (chroma[..., 0] >> 3).astype(np.int32) << 5 | chroma[..., 1] >> 3
    counts = np.bincount(codes.ravel())
    shares = counts[counts > 0] / codes.size
    return float(np.exp(-(shares * np.log(shares)).sum()))


class _Seams:
    """Seams in windows of planes; what windows share is worked out once."""

    def __init__(self, planes: Planes) -> None:
        self._planes = planes
        self._pictures: dict[tuple[int, ...], _Pictures] = {}
        """By where they lie between black bars: nearly always at one place."""

    def longest(self, window: slice) -> float:
        """Length of the longest seam that all planes have; NaN where there are too few of them."""
        planes = self._planes[window]
        if len(planes) < _LEAST_FRAMES:
            return float("nan")
        rows, columns = _inside(planes.max(axis=0))
        place = (*rows.indices(planes.shape[1]), *columns.indices(planes.shape[2]))
        if place not in self._pictures:
            self._pictures[place] = _Pictures(self._planes[:, rows, columns])
        return self._pictures[place].longest(window)


class _Pictures:
    """Planes without their bars."""

    def __init__(self, pictures: Planes) -> None:
        self._changes = Changes(pictures)
        self._upright = _Steps(pictures)
        self._level = _Steps(pictures.transpose(0, 2, 1))

    def longest(self, window: slice) -> float:
        moving = self._changes.keep(window, _MOVES)
        return max(self._upright.longest(window, moving), self._level.longest(window, moving.T))


class _Steps:
    """Steps along upright lines of ``(n, h, w)`` pictures."""

    def __init__(self, pictures: Planes) -> None:
        self._pictures = pictures
        self._known: dict[int, npt.NDArray[np.float64]] = {}

    def longest(self, window: slice, moving: npt.NDArray[np.bool_]) -> float:
        """Length of the longest upright seam, as a share of the height; 0 unless both sides move."""
        width = self._pictures.shape[2]
        if width < _LEAST_WIDTH:
            return 0.0
        indices = range(len(self._pictures))[window]
        along = np.min([self._along(index) for index in indices], axis=0)
        edge = max(0, int(_EDGE_SHARE * width) - _BESIDE)
        along[:edge] = along[len(along) - edge :] = 0
        place = int(along.argmax())
        # Entry 0 speaks of the seam before column 5.
        sides = moving[:, : place + _BESIDE], moving[:, place + _BESIDE :]
        if any(side.mean() < _MOVING_SHARE for side in sides):
            return 0.0
        return float(along[place])

    def _along(self, index: int) -> npt.NDArray[np.float64]:
        if index not in self._known:
            self._known[index] = _upright(np.ascontiguousarray(self._pictures[index]))
        return self._known[index]


_BESIDE = 5
_LEAST_WIDTH = 48


def _upright(picture: Planes) -> npt.NDArray[np.float64]:
    """For each column from 5 on, the share of rows with a step before it that texture does not explain.

    Both differences across the seam, and that of what lies 1 px off it (a thin line has none), must
    exceed twice those within the pictures on its sides.
    """
    wide = picture.astype(np.int16)
    steps = np.abs(wide[:, 2:] - wide[:, :-2])  # entry k: columns k and k + 2
    near = np.maximum(steps[:, :-7], steps[:, 7:])
    across = np.minimum(steps[:, 3:-4], steps[:, 4:-3])
    apart = np.abs(wide[:, 6:-3] - wide[:, 3:-6])
    exceeds = np.minimum(across, apart) > 2 * near + _STEP
    return np.asarray(exceeds.mean(axis=0), np.float64)
