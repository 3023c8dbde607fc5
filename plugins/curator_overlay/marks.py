"""Watermarks, logos and channel bugs: edges that stay where they are while the picture moves."""

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
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_overlay.looks import Changes, Floats, Planes, around

__all__ = ["Marks"]

_Mask: TypeAlias = npt.NDArray[np.bool_]

_CELLS = (9, 16)
_REACH = 4  # frames on both sides at 2 per second: 2 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Things that lie on the picture and not in it, seen at 2 frames per second by their staying put.

    `still` is the share of a frame's edges that keep place and direction for the 2 s before it, or
    after it if those are more: the background of a camera on a stand, whatever moves before it (and a
    cut on one side does not read as motion). A mark is a group of edges that stay on both sides while
    the picture around them keeps changing. Where the background stands still nothing can be told
    (`area` has no value): there a poster on the wall and a logo on the screen look alike. So this is
    for cameras that move; `text` finds written
    marks anywhere. `persistence` is the largest share of the frames that can tell, in which one
    place (of 9 x 16) has a mark; `corner_share` the same for the four corners; `x` and `y` say where
    the most lasting mark is.
    Typical: `still` 0..0.1 for cameras that travel, 0.1..0.25 for slow drifts, 0.3..1 for cameras on a
    stand or held still. For moving cameras `persistence` is 0..0.1 without a mark (0.3 where a slow
    shot follows a person who stays in the middle), 0.55..1 with one, also at 35 % opacity; `area`
    0.005..0.02 for a logo in a corner.
    What fools it: dashboards, helmets, one's own arms in a head camera and dirt on the lens stay put
    too, unless they touch the border. Marks that move, lie on flat dark parts of the picture or along
    its border, or whose surroundings are plain (sky), are missed.
    Source: own, after Dekel et al., "On the effectiveness of visible watermarks", CVPR 2017 (the
    gradients that many pictures share). Own code, no weights.
    """

    name: ClassVar[str] = "marks"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.006
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="area", unit="ratio", about="share of the picture that marks cover"),
        SeriesSpec(name="still", unit="ratio", about="share of the edges that stay for 2 s"),
        SeriesSpec(
            name="places",
            unit="flag",
            about="cells of a 9 x 16 grid: 1 with a mark, 0 without, 255 where nothing can be told",
            shape=_CELLS,
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(
            name="persistence",
            unit="ratio",
            about="largest share of the frames in which a mark stands at one place",
        ),
        SignalSpec(
            name="corner_share",
            unit="ratio",
            about="largest share of the frames in which a mark stands in one corner",
        ),
        SignalSpec(name="x", unit="share", about="place of the lasting mark, 0 left to 1 right"),
        SignalSpec(name="y", unit="share", about="place of the lasting mark, 0 top to 1 bottom"),
    )

    max_still: float = 0.15
    """Largest share of edges that stay, at which a mark can be told from the scene."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_still <= 1:
            raise ValueError("a share lies between 0 and 1")

    @property
    def needs(self) -> Mapping[str, Need]:
        """The small plane, with 2 s on both sides."""
        need = FrameNeed(view=View.luma, fps=Fraction(2), before=_REACH, after=_REACH)
        return {"luma": need}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """None."""
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Nothing is loaded."""
        assert not weights
        return _Running(self.max_still)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Shares of the frames that can tell."""
        places = clip.series.get("places")
        if places is None or not len(places):
            return {spec.name: Signal(None, absent="no-frames") for spec in self.signals}
        known = places.values[places.values[:, 0, 0] != _UNKNOWN]
        if len(known) < _LEAST_KNOWN:
            return {spec.name: Signal(None, absent="background-still") for spec in self.signals}
        share = known.astype(np.float64).mean(axis=0)
        corners = [known[:, rows, columns] for rows in _ENDS[0] for columns in _ENDS[1]]
        in_corner = max(float(corner.any(axis=(1, 2)).mean()) for corner in corners)
        return {
            "persistence": Signal(float(share.max())),
            "corner_share": Signal(in_corner),
            **_place(share),
        }


_UNKNOWN = 255
_LEAST_KNOWN = 4  # 2 s: a single frame in a shot that stands still is chance
_ENDS = ((slice(0, 3), slice(6, 9)), (slice(0, 5), slice(11, 16)))  # thirds of the picture
_STEP = 3.0  # luma, in half a second: a moving picture changes more, compression less
_EDGE = 4.0  # luma per px of the mean gradient: a logo at 35 % opacity has 10 and more
_ALONG, _ACROSS = (
    0.6,
    0.5,
)  # of the mean gradient: how much of it every frame has, how little across
_JOIN_PX, _RING_PX = 3, 5  # letters of one logo are joined; the ring around it is looked at
_RING_SHARE = 0.7
_LEAST_PX = 12  # of edges: smaller groups are chance
_LEAST_EDGES = 0.005  # of the picture: fewer tell nothing
_LARGEST = 0.15  # of the picture: what is larger is the scene


class _Running:
    def __init__(self, max_still: float) -> None:
        self._max_still = max_still

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["luma"]
        windows, slopes = around(block, _REACH), _slopes(block.pixels)
        stays, changes = _stays(slopes), Changes(block.pixels)
        area = np.full(len(windows), np.nan, np.float32)
        still = np.full(len(windows), np.nan, np.float32)
        places = np.full((len(windows), *_CELLS), _UNKNOWN, np.uint8)
        for index, window in enumerate(windows):
            still[index] = _still(stays, block.before + index)
            if still[index] <= self._max_still:
                covered = _marks(_lasting(slopes[:, window]), changes.keep(window, _STEP))
                area[index] = covered.mean()
                places[index] = _cells(covered)
        return {
            "area": block.series(area),
            "still": block.series(still),
            "places": block.series(places),
        }


def _slopes(planes: Planes) -> Floats:
    """``(2, n, h, w)`` luma per px to the right and down."""
    slopes = np.empty((2, *planes.shape), np.float32)
    for index, plane in enumerate(planes):
        slopes[0, index] = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=0.125)
        slopes[1, index] = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=0.125)
    return slopes


def _stays(slopes: Floats) -> list[float | None]:
    """For each frame, the share of edges that stay for 2 s from it on; None without edges or time."""
    x, y = slopes
    edges = np.count_nonzero(x * x + y * y > _EDGE**2, axis=(1, 2))
    found: list[float | None] = [None] * len(x)
    for first in range(len(x) - _REACH):
        run = slice(first, first + _REACH + 1)
        share = int(edges[run].sum()) / x[run].size
        if share >= _LEAST_EDGES:
            found[first] = min(1.0, float(_lasting(slopes[:, run]).mean() / share))
    return found


def _still(stays: Sequence[float | None], index: int) -> float:
    """Share of edges that stay for 2 s before or after a frame, the larger; NaN without edges or time."""
    sides = stays[index], stays[index - _REACH] if index >= _REACH else None
    return max((share for share in sides if share is not None), default=float("nan"))


def _lasting(slopes: Floats) -> _Mask:
    """``(h, w)`` where every frame of ``(2, n, h, w)`` has the edge that they have on average."""
    x, y = slopes.mean(axis=1).reshape(2, -1)
    # Few places have edges, and fewer still have them in the next frame: only they are looked at closely.
    at = np.flatnonzero(x * x + y * y > (0.99 * _EDGE) ** 2)
    x, y = x[at], y[at]
    size = np.hypot(x, y)
    kept = at, size, x / np.maximum(size, 1e-6), y / np.maximum(size, 1e-6)
    kept = _of(kept, size > _EDGE)
    for planes in slopes.swapaxes(0, 1):
        at, size, unit_x, unit_y = kept
        x, y = planes.reshape(2, -1).take(at, axis=1)
        along, across = x * unit_x + y * unit_y, np.abs(x * unit_y - y * unit_x)
        lasts = (along > _ALONG * size) & (across < _ACROSS * size)
        kept = _of(kept, lasts)
    lasting = np.zeros(slopes.shape[2:], np.bool_)
    lasting.flat[kept[0]] = True
    return lasting


def _of(
    columns: tuple[npt.NDArray[np.intp], Floats, Floats, Floats], rows: _Mask
) -> tuple[npt.NDArray[np.intp], Floats, Floats, Floats]:
    which = np.flatnonzero(rows)
    at, size, x, y = columns
    return at[which], size[which], x[which], y[which]


def _marks(edges: _Mask, moving: _Mask) -> Floats:
    """1 where a group of lasting edges lies in the midst of what moves, ``(h, w)``."""
    height, width = edges.shape
    joined = cv2.dilate(edges.astype(np.uint8), _square(_JOIN_PX))
    count, groups, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    covered = np.zeros((height, width), np.float32)
    for group in range(1, count):
        left, top, wide, tall = boxes[group, :4].tolist()
        inside = left > 1 and top > 1 and left + wide < width - 1 and top + tall < height - 1
        if not inside or wide * tall > _LARGEST * height * width:
            continue
        reach = _JOIN_PX + _RING_PX
        part = (
            slice(max(0, top - reach), top + tall + reach),
            slice(max(0, left - reach), left + wide + reach),
        )
        own = (groups[part] == group).astype(np.uint8)
        ring = (cv2.dilate(own, _square(_RING_PX)) - own).astype(np.bool_)
        if edges[part][own > 0].sum() >= _LEAST_PX and moving[part][ring].mean() >= _RING_SHARE:
            covered[part][own > 0] = 1
    return covered


def _square(reach: int) -> npt.NDArray[np.uint8]:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _cells(covered: Floats) -> npt.NDArray[np.uint8]:
    """1 for cells that a mark covers to a tenth."""
    shares = cv2.resize(covered, _CELLS[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(shares >= 0.1, np.uint8)


def _place(share: npt.NDArray[np.float64]) -> dict[str, Signal]:
    """Middle of the cells where a mark lasts longest; `share` is ``(9, 16)``."""
    if share.max() == 0:
        return {name: Signal(None, absent="no-marks") for name in ("x", "y")}
    rows, columns = np.nonzero(share == share.max())
    return {
        "x": Signal(float((columns.mean() + 0.5) / _CELLS[1])),
        "y": Signal(float((rows.mean() + 0.5) / _CELLS[0])),
    }
