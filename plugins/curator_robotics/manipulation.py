"""The measure `manipulation`: something at work before a background that stays where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameBlock, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_robotics.change import MIN_SIDE_PX, anchored, cells, changed, flat, textured
from curator_robotics.sway import steadied
from curator_robotics.work import idle, state_change, work_runs

__all__ = ["Manipulation"]

_Floats: TypeAlias = npt.NDArray[np.float32]
_Mask: TypeAlias = npt.NDArray[np.bool_]

_FPS = 8
_REACH = 4
_LEAST_SECONDS = 0.35
"""Frames are compared with those half a second away; where frames are rarer or missing, at least this far."""
_STILL_CAMERA = 0.6
"""Share of the edges that stay from which on no sway is looked for."""
_LOOK = (27, 48)
_NAMES = ("moving", "background", "x", "y", "flat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manipulation:
    """How much of the picture something moves over, and how much of the background stays put.

    Every frame is compared with the frames half a second before and after it, in cells of 1/40 of
    the longer side. `background` is the share of cells with edges that have not changed: near 1 for
    a camera on a stand whatever moves before it, near 0 when the camera moves, because no edge is
    where it was. (A camera motion fitted to the whole picture is led astray by an arm that fills
    half of it.) The sway of a camera held still by hand, up to 2 % of the longer side in half a second,
    is taken out first. `moving` is the share of all cells that changed: the arm, the hand and what they
    carry. Both are taken from the side, before or after, on which more of the background stayed,
    so a cut half a second away does no harm. `x` and `y` are the middle of what moves. `flat` is the
    share of blocks without any grain: drawings, slides and credits consist of them.
    Nothing here knows what moves: a walker, a flag and a gripper look alike. Ask other measures who
    is in the picture.

    Typical: a robot arm or hands at a table `moving` 0.05..0.5 and `background` above 0.5; juggling
    and dancing the same; a talking head 0.03..0.2; slides and an empty room 0; a pan over a table
    `background` below 0.3 (toys 0.05..0.2). `flat` 0..0.3 for footage, 0.5..0.9 for slides, credits and
    vector graphics. `state_change` 0.1..0.35 after 4 s of work, 0.02..0.07 after 2 s, 0.01..0.06 for
    walkers and jugglers, 0.1..0.2 for people who shift their place, 0 where everything was put back;
    absent where less than half of the picture is ever still.
    What fools it: an arm that rests in view at the end and not at the beginning is a change of
    state; soft shadows move with the arm; slow motion of untextured things; flicker that differs
    over the picture. Under 0.5 s next to both ends of the video it sees one side only.
    Source: own. The least length of idleness that parts two moves follows openpi's filter for
    DROID (7 idle steps of 15 per second, 0.47 s). No weights.
    """

    name: ClassVar[str] = "manipulation"
    version: ClassVar[int] = 2
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.01
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="moving", unit="ratio", about="share of the picture that changed"),
        SeriesSpec(
            name="background", unit="ratio", about="share of the edges that stayed where they were"
        ),
        SeriesSpec(name="x", unit="share", about="middle of what moves, 0 left to 1 right"),
        SeriesSpec(name="y", unit="share", about="middle of what moves, 0 top to 1 bottom"),
        SeriesSpec(name="flat", unit="ratio", about="share of the picture without any grain"),
        SeriesSpec(
            name="look",
            unit="luma",
            about="the picture in few cells, to compare its states",
            shape=_LOOK,
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="idle_share", unit="ratio", about="share of the clip without any motion"),
        SignalSpec(name="idle_longest_seconds", unit="s", about="longest stretch without motion"),
        SignalSpec(
            name="moves",
            unit="count",
            about="stretches of motion, parted by 0.47 s of stillness or more",
        ),
        SignalSpec(
            name="state_change",
            unit="ratio",
            about="share of the picture that looks different when it is last still than at first",
        ),
    )

    idle_below: float = 0.004
    """Share of the picture in motion below which nothing is at work."""

    @property
    def needs(self) -> Mapping[str, Need]:
        need = FrameNeed(view=View.luma, fps=Fraction(_FPS), before=_REACH, after=_REACH)
        return {"luma": need}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        moving, look = clip.series.get("moving"), clip.series.get("look")
        if moving is None or look is None or not np.isfinite(moving.values.astype(float)).any():
            return {spec.name: Signal(None, absent="nothing-compared") for spec in self.signals}
        share, longest = idle(moving, self.idle_below, clip.span)
        change = state_change(look)
        return {
            "idle_share": Signal(share),
            "idle_longest_seconds": Signal(longest),
            "moves": Signal(float(len(work_runs(moving, self.idle_below)))),
            "state_change": Signal(None, absent="not-settled")
            if change is None
            else Signal(change),
        }


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["luma"]
        own = range(*block.own.indices(len(block.ticks)))
        values = np.full((len(own), len(_NAMES)), np.nan, np.float32)
        if block.pixels.size and min(block.pixels.shape[1:]) >= MIN_SIDE_PX:
            desk, pairs = _Desk([cells(plane) for plane in block.pixels]), _pairs(block)
            rows = [desk.row(index, pairs[index]) for index in own]
            values[:, :-1] = np.array(rows, np.float32).reshape(len(own), len(_NAMES) - 1)
            values[:, -1] = [flat(block.pixels[index]) for index in own]
        looks = [_look(plane) for plane in block.pixels[block.own]]
        out = {name: block.series(values[:, k]) for k, name in enumerate(_NAMES)}
        return {**out, "look": block.series(np.array(looks, np.uint8).reshape(-1, *_LOOK))}


def _pairs(block: FrameBlock) -> list[tuple[int | None, int | None]]:
    """For every frame the one half a second before it and the one after, as far as there are any."""
    seconds = (block.ticks - block.ticks[0]) * float(block.time_base)
    before = np.searchsorted(seconds, seconds - _LEAST_SECONDS, side="right") - 1
    after = np.searchsorted(seconds, seconds + _LEAST_SECONDS, side="left")
    return [
        (
            int(max(i, k - _REACH)) if i >= 0 else None,
            int(min(j, k + _REACH)) if j < len(seconds) else None,
        )
        for k, (i, j) in enumerate(zip(before, after, strict=True))
    ]


class _Desk:
    """Planes of a tile next to each other; what several frames ask is worked out once."""

    def __init__(self, planes: list[_Floats]) -> None:
        self._planes = planes
        self._changes: dict[tuple[int, int], _Mask] = {}

    def row(self, index: int, others: tuple[int | None, int | None]) -> tuple[float, ...]:
        """Values of one frame in the order of the names, without `flat`."""
        best: tuple[float, ...] = (np.nan,) * (len(_NAMES) - 1)
        edges = textured(self._planes[index])
        for other in others:
            if other is None:
                continue
            change, stays = self._compare(edges, index, other)
            if np.isnan(best[0]) or stays > best[1]:
                best = (float(change.mean()), stays, *_middle(change))
        return best

    def _compare(self, edges: _Mask, index: int, other: int) -> tuple[_Mask, float]:
        """Cells that changed, and the share of the edges that stayed."""
        plane, there = self._planes[index], self._planes[other]
        change = self._change(min(index, other), max(index, other))
        stays = anchored(edges, change)
        if stays >= _STILL_CAMERA or np.isnan(stays):
            return change, stays
        # An arm before half of the picture or a hand that sways: the second shows when it is undone.
        steady = steadied(plane, there)
        if steady is None:
            return change, stays
        second = changed(plane, steady)
        again = anchored(edges, second)
        return (second, again) if again > stays else (change, stays)

    def _change(self, before: int, after: int) -> _Mask:
        if (before, after) not in self._changes:
            self._changes[before, after] = changed(self._planes[before], self._planes[after])
        return self._changes[before, after]


def _middle(change: _Mask) -> tuple[float, float]:
    rows, columns = np.nonzero(change)
    if not len(rows):
        return np.nan, np.nan
    height, width = change.shape
    return (float(columns.mean()) + 0.5) / width, (float(rows.mean()) + 0.5) / height


def _look(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    small = cv2.resize(plane, _LOOK[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
