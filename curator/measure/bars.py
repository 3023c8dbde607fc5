"""Borders that are not picture: letterbox, pillarbox and frames of one colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Bars"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Levels: TypeAlias = npt.NDArray[np.int16]
_SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Widths of uniform borders as shares of the displayed height or width, at 2 frames per second.

    Lines of one flat colour, from the edge inwards, up to a line that differs from them over at
    least half of its length: a bar ends in a straight edge, the margin of a slide or a clear sky
    does not. Black lines that fade into a dark picture have no value: such a frame cannot tell.
    The signals are the least over the clip, since real bars stay. Resolution: 1 / 320 of the
    longer side.
    Typical: 0; 16:9 in 4:3 has 0.125 at top and bottom; 2.39:1 in 16:9 has 0.128; 9:16 in 16:9 has
    0.34 at left and right.
    What fools it: bars with a logo, subtitle or blurred copy of the picture in them are not flat;
    a black stage that the light leaves sharply is a bar.
    Source: as FFmpeg's cropdetect, with a test of the inner edge and persistence. Own code, no
    weights.
    """

    name: ClassVar[str] = "bars"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.001
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        *(SeriesSpec(name=side, unit="ratio", about=f"border at the {side}") for side in _SIDES),
        SeriesSpec(name="area", unit="ratio", about="share of the frame that is border"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        *(
            SignalSpec(name=f"{side}_always", unit="ratio", about=f"least border at the {side}")
            for side in _SIDES
        ),
        SignalSpec(
            name="area_always", unit="ratio", about="share of the frame that is always border"
        ),
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
        least = {side: _least(clip.series.get(side)) for side in _SIDES}
        if all(series is None or not len(series) for series in clip.series.values()):
            absent = Signal(None, absent="no-frames")
            return {spec.name: absent for spec in self.signals}
        if any(value is None for value in least.values()):
            absent = Signal(None, absent="too-dark")
            return {spec.name: absent for spec in self.signals}
        sides = {side: value for side, value in least.items() if value is not None}
        signals = {f"{side}_always": Signal(value) for side, value in sides.items()}
        return {**signals, "area_always": Signal(_area(*(sides[side] for side in _SIDES)))}


_BLACK = 30  # stored luma
_FLAT = 12  # luma: range along a line of a bar; compression leaves ripples
_SAME = 3  # luma: how much lines of one bar differ
_STEP = 10  # luma: how much the picture differs from the bar
_EDGE_SHARE = 0.5


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["luma"]
        turn = tile.video.video.rotation_degrees // 90
        values = np.full((len(block.pixels[block.own]), 5), np.nan, np.float32)
        for row, plane in zip(values, block.pixels[block.own], strict=True):
            row[:4] = _borders(np.ascontiguousarray(np.rot90(plane, -turn)) if turn else plane)
            row[4] = _area(*row[:4].tolist())
        return {spec.name: block.series(values[:, k]) for k, spec in enumerate(Bars.series)}


def _borders(plane: _Bytes) -> tuple[float, float, float, float]:
    """Top, bottom, left and right border as shares; NaN where the frame cannot tell."""
    height, width = plane.shape
    top, bottom = _pair(plane, axis=0)
    inner = plane[_lines(top, height) : height - _lines(bottom, height)]
    if not len(inner):
        return float("nan"), float("nan"), float("nan"), float("nan")
    left, right = _pair(inner, axis=1)
    return top / height, bottom / height, left / width, right / width


def _pair(plane: _Bytes, *, axis: int) -> tuple[float, float]:
    """Borders at both ends of an axis, in lines across it."""
    across = 1 - axis
    darkest = plane.min(axis=across).astype(np.int16)
    brightest = plane.max(axis=across).astype(np.int16)
    lines = plane if axis == 0 else plane.T
    first = _border(lines, darkest, brightest)
    return first, _border(lines[::-1], darkest[::-1], brightest[::-1])


def _border(lines: _Bytes, darkest: _Levels, brightest: _Levels) -> float:
    """Flat lines before the picture begins, or NaN when that cannot be seen."""
    level = (int(darkest[0]) + int(brightest[0])) / 2
    flat = (brightest - darkest <= _FLAT) & (np.abs((darkest + brightest) / 2 - level) <= _SAME)
    black = int(brightest[0]) <= _BLACK
    if black:
        flat |= brightest <= _BLACK
    if flat.all():
        return float("nan")
    first = int(np.argmin(flat))
    if first == 0:
        return 0.0
    # The line at the edge may be a blend of bar and picture, so the next one is looked at too.
    last = (int(darkest[first - 1]) + int(brightest[first - 1])) / 2
    beyond = np.abs(lines[first : first + 2].astype(np.int16) - last) > _STEP
    if beyond.mean(axis=1).max() >= _EDGE_SHARE:
        return float(first)
    return float("nan") if black else 0.0


def _lines(border: float, height: int) -> int:
    return 0 if np.isnan(border) else min(int(border), height)


def _area(top: float, bottom: float, left: float, right: float) -> float:
    return 1 - (1 - top - bottom) * (1 - left - right)


def _least(series: Series | None) -> float | None:
    if series is None:
        return None
    known = np.asarray(series.values, np.float64)
    known = known[np.isfinite(known)]
    return float(known.min()) if len(known) else None
