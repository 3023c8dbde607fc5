"""Logos and watermarks: edges that stay where they are from shot to shot of one video."""

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
from curator.measure.picture import BLACK
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_overlay.carried import DIRECTIONS, Box, carried, scenes_of
from curator_overlay.looks import Floats, Planes

__all__ = ["Logos"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

_PLACE = {
    "x": "middle of the mark, 0 left to 1 right",
    "y": "middle of the mark, 0 top to 1 bottom",
    "width": "width of the mark, of the picture's",
    "height": "height of the mark, of the picture's",
}
_LOOK = (18, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logos:
    """Marks that a video carries from scene to scene: station bugs, logos, watermarks, with letters or without.

    In every four seconds the edges that stay are noted, and what the picture looks like. Stretches
    that look different are scenes: other shots, or what a moving camera has left behind. A mark is a
    group of edges, running in all directions, that at least three successive scenes have at the same
    place, while what is around it changes; several runs of scenes are looked at, 3 to 17 long, so a
    compilation may change its mark, and one mark may come and go. `scenes` tells for each second how many
    scenes of the video have the mark that it has: 0 without one. `x`, `y`, `width` and `height` are the
    mark's box.
    Typical: 0 without a mark; 3 and more with one.
    What it cannot tell: a video of fewer than three scenes has no value. In one shot from a stand the
    logo stays, and so does the poster on the wall. `text` finds written marks there, `marks` those
    before a camera that moves.
    What fools it: what is part of the camera or of the format (a dashboard, a helmet, a frame drawn around
    every shot, the heading on every slide) is carried too, and was laid over the picture in a
    sense, and so are lines of letters of one size that all begin at the same column. Marks smaller than 5 % of the picture's width, along its border, within busy texture,
    or that jump about faster than once in eight seconds, are missed.
    Source: own, after Dekel et al., "On the effectiveness of visible watermarks", CVPR 2017 (gradients
    that many pictures share, which need no model of the mark). Own code, no weights.
    """

    name: ClassVar[str] = "logos"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.004
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="edges",
            unit="bits",
            about="edges that stay for four seconds: direction 1 to 32 at each place, 0 without; a PNG file",
            shape=(1,),
        ),
        SeriesSpec(
            name="look",
            unit="luma",
            about="small picture without its slow gradients, of four seconds together",
            shape=_LOOK,
        ),
        SeriesSpec(name="contrast", unit="luma", about="standard deviation of the picture"),
        SeriesSpec(
            name="scenes",
            unit="count",
            about="scenes of the video that have the same mark; 0 without one",
        ),
        *(SeriesSpec(name=name, unit="share", about=about) for name, about in _PLACE.items()),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        """The small plane, twice a second; once a second, and once in four, for where values stand."""
        return {
            "luma": FrameNeed(view=View.luma, fps=Fraction(2), before=_LEAST_FRAMES),
            "second": FrameNeed(view=View.luma, fps=Fraction(1)),
            "tile": FrameNeed(view=View.luma, fps=Fraction(1, 4)),
        }

    @property
    def weights(self) -> tuple[Weight, ...]:
        """None."""
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Nothing is loaded."""
        assert not weights
        return _Running()

    def gather(self, series: Mapping[str, Series]) -> Mapping[str, Series]:
        """The marks of the whole video."""
        return _marks(series)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Nothing that statistics do not say."""
        return {}


_LEAST_FRAMES = 4  # 2 s: what stays for less is chance
_EDGE = 3.0  # luma per px of the mean gradient: a logo at 20 % opacity has 4 and more
_ALONG, _ACROSS = 0.5, 0.75  # of the mean gradient: how much of it a frame has, how little across
_MOST = 0.8  # of the frames: one of eight may show another shot
_BLUR = 3.0  # px of the look: slower gradients are light
_CLIP = 10.0  # luma: a bright logo must not make two scenes alike
_LEAST_CONTRAST = 8.0  # luma: below is black, or a flat card
_LEAST_SCENES = 3


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        luma, second, slot = (tile.frames[name] for name in ("luma", "second", "tile"))
        begun = len(slot.ticks[slot.own])
        if not begun:
            return {"contrast": second.series(_contrast(second.pixels[second.own]))}
        planes = luma.pixels[luma.own]
        if len(planes) < _LEAST_FRAMES:  # the end of the video: what was before it helps
            planes = luma.pixels
        return {
            "contrast": second.series(_contrast(second.pixels[second.own])),
            "edges": slot.series(np.array([[_png(_staying(planes))]] * begun, dtype="S")),
            "look": slot.series(np.stack([_look(planes)] * begun)),
        }


def _contrast(planes: Planes) -> Floats:
    return np.array([plane.std() for plane in planes], np.float32)


def _staying(planes: Planes) -> _Bytes:
    """``(h, w)`` direction of the edges that nearly all planes have, 1 to `DIRECTIONS`; 0 elsewhere."""
    slopes = np.empty((2, *planes.shape), np.float32)
    for index, plane in enumerate(planes):
        slopes[0, index] = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=0.125)
        slopes[1, index] = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=0.125)
    mean = slopes.mean(axis=1).reshape(2, -1)
    at = np.flatnonzero((mean * mean).sum(axis=0) > _EDGE * _EDGE)
    mean = mean[:, at]
    size = np.hypot(*mean)
    x, y = slopes.reshape(2, len(planes), -1)[:, :, at]
    unit = mean / size
    stays = (x * unit[0] + y * unit[1] > _ALONG * size) & (
        np.abs(x * unit[1] - y * unit[0]) < _ACROSS * size
    )
    kept = stays.mean(axis=0) >= _MOST
    turns = np.arctan2(unit[1, kept], unit[0, kept]) / (2 * np.pi) * DIRECTIONS
    codes = np.zeros(planes.shape[1:], np.uint8)
    codes.flat[at[kept]] = np.floor(turns + 0.5).astype(np.int16) % DIRECTIONS + 1
    return codes


def _look(planes: Planes) -> npt.NDArray[np.float16]:
    """What most of the frames show, without its light and with bright spots held down."""
    size = _LOOK[::-1]
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    middle = np.median(small, axis=0).astype(np.float32)
    inside = _lit(middle)
    detail = np.zeros_like(middle)
    detail[inside] = middle[inside] - cv2.GaussianBlur(middle[inside], (0, 0), _BLUR)
    return np.asarray(np.clip(detail, -_CLIP, _CLIP), np.float16)


def _lit(small: Floats) -> tuple[slice, slice]:
    """The rows and columns between black bars, also where a mark lies on them: bars are alike in all scenes."""
    sides = []
    for axis in (1, 0):
        lit = np.flatnonzero(np.percentile(small, 80, axis=axis) > BLACK)
        sides.append(slice(int(lit[0]), int(lit[-1]) + 1) if len(lit) > 2 else slice(None))
    return sides[0], sides[1]


def _png(codes: _Bytes) -> bytes:
    done, data = cv2.imencode(".png", codes)
    assert done, "OpenCV always knows PNG"
    return bytes(data)  # it ends in 82: numpy strips NULs at the end of bytes


def _codes(png: bytes) -> _Bytes:
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def _marks(series: Mapping[str, Series]) -> dict[str, Series]:
    """Every second of a video with the mark that its four seconds have, if any."""
    edges, look, contrast = (series.get(name) for name in ("edges", "look", "contrast"))
    if edges is None or look is None or contrast is None:
        return {}
    tile = np.searchsorted(edges.ticks, contrast.ticks, side="right") - 1
    light = [contrast.values[tile == number] for number in range(len(edges))]
    tells = [len(some) > 0 and float(some.mean()) >= _LEAST_CONTRAST for some in light]
    scenes = scenes_of(look.values.reshape(len(look), -1).astype(np.float32), tells)
    rows = np.full((len(edges) + 1, 1 + len(_PLACE)), np.nan, np.float32)  # the last: before all
    if len(set(scenes) - {-1}) >= _LEAST_SCENES:
        codes = [_codes(png) for png in edges.values[:, 0].tolist()]
        marks = carried(codes, scenes)
        for number in np.flatnonzero(tells).tolist():
            mark = next((one for one in marks if one.on[number]), None)  # that of most scenes
            rows[number, 0] = 0 if mark is None else mark.scenes
            if mark is not None:
                rows[number, 1:] = _place(mark.box)
    values = rows[tile]
    return {
        name: Series(contrast.ticks, contrast.time_base, values[:, column].copy())
        for column, name in enumerate(("scenes", *_PLACE))
    }


def _place(box: Box) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
