"""How much moves, and whether it is the camera or what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameBlock, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support

__all__ = ["Motion"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Index: TypeAlias = tuple[npt.NDArray[np.intp], ...]
_NAMES = ("energy", "camera", "subject", "zoom", "roll", "dx", "dy")
_UNITS = ("sides/s", "sides/s", "sides/s", "1/s", "deg/s", "sides/s", "sides/s")
_ABOUT = (
    "mean speed of all that moves",
    "mean speed that the camera's motion causes",
    "mean speed of what moves against the camera's motion",
    "growth of the picture, positive when zooming in or moving closer",
    "turn of the picture, positive clockwise",
    "speed of the picture's centre to the right",
    "speed of the picture's centre downwards",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Speed of the picture, camera apart from subject, from optical flow between frames at 8 per second.

    Flow is computed on the small plane brought to 160 px. A similarity (shift, turn, scale) is
    fitted to it by iteratively reweighted least squares, where the picture has texture; that is the
    camera, the rest is the subject. Speeds are in longer sides of the picture per second, so they
    compare across resolutions; directions are those of the stored picture. Turns and zooms read up
    to a fifth low. `camera_shake` is the RMS distance of the camera's path from its own 0.6 s mean,
    in thousandths of the longer side: a steady pan is no shake.
    Typical: `energy` below 0.005 nothing moves, 0.01..0.1 a talking head, 0.1..0.5 walking and
    sport, above 0.8 a whip pan; `camera_shake` below 0.3 tripod, 0.5..3 calm handheld, above 8
    violent.
    What fools it: a subject that fills the frame is taken for the camera; flat walls and black
    frames have no flow (they read as still); parallax of a moving camera reads partly as subject;
    repeated frames (10 fps in 30) lower the speeds a little and do not read as shake.
    Source: Kroeger et al., "Fast optical flow using dense inverse search", ECCV 2016 (OpenCV's
    implementation, Apache-2.0); similarity by IRLS after Odobez and Bouthemy, 1995. No weights.
    """

    name: ClassVar[str] = "motion"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0027
    series: ClassVar[tuple[SeriesSpec, ...]] = tuple(
        SeriesSpec(name=name, unit=unit, about=about, support=Support.pair)
        for name, unit, about in zip(_NAMES, _UNITS, _ABOUT, strict=True)
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(
            name="camera_shake",
            unit="permille",
            about="RMS jitter of the camera's path, of the side",
        ),
        SignalSpec(
            name="static_share",
            unit="ratio",
            about="share of the clip in which nothing moves at all",
        ),
        SignalSpec(
            name="camera_static_share", unit="ratio", about="share of the clip with a still camera"
        ),
    )

    static_below: float = 0.003
    """Speed, sides per second, below which something stands still."""

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"luma": FrameNeed(view=View.luma, fps=Fraction(8), before=1)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        energy, camera = clip.series.get("energy"), clip.series.get("camera")
        if energy is None or camera is None or len(energy) < _MIN_PAIRS:
            return {spec.name: Signal(None, absent="too-short") for spec in self.signals}
        if not np.isfinite(energy.values.astype(np.float64)).any():
            return {spec.name: Signal(None, absent="too-small") for spec in self.signals}
        shake = _shake(*(clip.series[name].values.astype(np.float64) for name in ("dx", "dy")))
        return {
            "camera_shake": Signal(1000 * shake),
            "static_share": Signal(_share_below(energy, self.static_below)),
            "camera_static_share": Signal(_share_below(camera, self.static_below)),
        }


_SIDE_PX = 160
_MIN_SIDE_PX = 24  # flow needs a few patches of 8 px
_GRID_PX = 8
_MIN_PAIRS = 4
_FPS = 8
_SMOOTH = 5  # samples, 0.6 s
_TEXTURE = 40.0  # luma^2 of gradient at which a point counts half
_ROUNDS = 3
_FAR_PX = 4  # nearer shifts are left to the flow
_MUCH = 4.0  # luma: a pan that far changes more than this
_EXPLAINS = 0.75  # a shift must leave at most this share of the difference


class _Running:
    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["luma"]
        values = np.full((len(block.ticks), len(_NAMES)), np.nan, np.float32)
        planes = [_small(plane) for plane in block.pixels]
        if len(planes) > 1 and min(planes[0].shape) >= _MIN_SIDE_PX:
            at, x, y = _grid(planes[0].shape)
            pairs = list(pairwise(planes))
            flow = np.array([self._between(*pair)[at].reshape(-1, 2) for pair in pairs], np.float64)
            weight = np.array([_texture(before, at) for before, _ in pairs])
            values[1:] = _speeds(x, y, flow, weight, max(planes[0].shape)) / _steps(block)
        own = values[block.own]
        return {name: block.series(own[:, k]) for k, name in enumerate(_NAMES)}

    def _between(self, before: _Bytes, after: _Bytes) -> npt.NDArray[np.float32]:
        """Flow ``(h, w, 2)`` in px; the same whatever was computed before."""
        # The search of the flow reaches about 10 px, a fast pan moves more: it begins at the pan's shift.
        start = np.zeros((*before.shape, 2), np.float32)
        shift = _shift(before, after)
        if any(shift):
            start[:] = shift
        flow = self._flow.calc(before, after, start)
        return np.asarray(flow, np.float32)


def _shift(before: _Bytes, after: _Bytes) -> tuple[int, int]:
    """Whole pixels (right, down) by which most of the picture moves, 0 where that explains little."""
    unmoved = cv2.mean(cv2.absdiff(before, after))[0]
    if unmoved < _MUCH:
        return 0, 0
    half = (before.shape[1] // 2, before.shape[0] // 2)
    small = [cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (before, after)]
    window = cv2.createHanningWindow(half, cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(small[0].astype(np.float32), small[1].astype(np.float32), window)
    dx, dy = round(2 * x), round(2 * y)
    height, width = before.shape
    if max(abs(dx), abs(dy)) < _FAR_PX or abs(dx) > width * 0.6 or abs(dy) > height * 0.6:
        return 0, 0
    old = before[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    new = after[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)]
    return (dx, dy) if cv2.mean(cv2.absdiff(old, new))[0] < _EXPLAINS * unmoved else (0, 0)


def _small(plane: _Bytes) -> _Bytes:
    height, width = plane.shape
    scale = _SIDE_PX / max(height, width)
    if scale >= 1:
        return plane
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def _steps(block: FrameBlock) -> _Floats:
    """Seconds from each sample to the next, ``(n - 1, 1)``."""
    return np.diff(block.ticks).astype(np.float64)[:, None] * float(block.time_base)


def _speeds(x: _Floats, y: _Floats, flow: _Floats, weight: _Floats, side: int) -> _Floats:
    """The seven numbers ``(n, 7)`` of n pairs at p points, per frame step, lengths in longer sides.

    x, y: ``(p,)`` places, px; flow: ``(n, p, 2)`` px; weight: ``(n, p)`` trust in it.
    """
    u, v = flow[..., 0], flow[..., 1]
    known = weight.sum(axis=1, keepdims=True) > 1e-3
    # Without any texture nothing can be seen to move: no weights would divide by zero.
    u, v, weight = np.where(known, u, 0), np.where(known, v, 0), np.where(known, weight, 1)
    turn, scale, dx, dy = _similarity(x, y, weight, u, v)
    camera_u, camera_v = dx + scale * x - turn * y, dy + turn * x + scale * y
    # Averages are over the whole picture: what has no texture lies still or moves with its surroundings.
    lengths = [
        np.hypot(u, v).mean(axis=1),
        np.hypot(camera_u, camera_v).mean(axis=1),
        np.hypot(u - camera_u, v - camera_v).mean(axis=1),
        dx[:, 0],
        dy[:, 0],
    ]
    total, camera, subject, right, down = np.stack(lengths) / side
    return np.stack([total, camera, subject, scale[:, 0], np.degrees(turn[:, 0]), right, down], 1)


@lru_cache(maxsize=4)
def _grid(shape: tuple[int, int]) -> tuple[_Index, _Floats, _Floats]:
    """Grid points of a picture: as an index, and their places around its centre, px."""
    height, width = shape
    rows = np.arange(_GRID_PX // 2, height, _GRID_PX)
    columns = np.arange(_GRID_PX // 2, width, _GRID_PX)
    x, y = np.meshgrid(columns - (width - 1) / 2, rows - (height - 1) / 2)
    return np.ix_(rows, columns), x.ravel(), y.ravel()


def _texture(plane: _Bytes, at: _Index) -> _Floats:
    """How far flow can be trusted at grid points, in [0, 1]: the energy of the gradient around them."""
    steps_x = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=0.125)
    steps_y = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=0.125)
    summed = cv2.boxFilter(
        cv2.multiply(steps_x, steps_x) + cv2.multiply(steps_y, steps_y), -1, (7, 7)
    )
    energy = np.asarray(summed)[at].ravel().astype(np.float64)
    return np.where(energy < _TEXTURE / 40, 0, energy / (energy + _TEXTURE))


def _similarity(
    x: _Floats, y: _Floats, weight: _Floats, u: _Floats, v: _Floats
) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    """Turn (rad), scale - 1, dx and dy (px), each ``(n, 1)``, that explain most of the flow ``(n, p)``.

    Points that do not follow lose their weight, round by round.
    """
    dx, dy = _median(u, weight), _median(v, weight)
    turn = scale = np.zeros_like(dx)
    for _ in range(_ROUNDS):
        rest = np.hypot(u - dx - scale * x + turn * y, v - dy - turn * x - scale * y)
        spread = np.maximum(0.1, 1.5 * _median(rest, weight))
        robust = weight / np.square(1 + np.square(rest / spread))
        robust /= robust.sum(axis=1, keepdims=True)
        cx, cy, cu, cv = (_sum(robust * one) for one in (x, y, u, v))
        px, py, pu, pv = x - cx, y - cy, u - cu, v - cv
        wx, wy = robust * px, robust * py
        inertia = _sum(wx * px + wy * py) + 1e-6
        scale, turn = _sum(wx * pu + wy * pv) / inertia, _sum(wx * pv - wy * pu) / inertia
        dx, dy = cu - scale * cx + turn * cy, cv - turn * cx - scale * cy
    return turn, scale, dx, dy


def _sum(values: _Floats) -> _Floats:
    return np.asarray(values.sum(axis=1, keepdims=True))


def _median(values: _Floats, weight: _Floats) -> _Floats:
    """Weighted median of each row, ``(n, 1)``."""
    order = np.argsort(values, axis=1, kind="stable")
    reached = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    middle = np.argmax(reached >= reached[:, -1:] / 2, axis=1)[:, None]
    return np.take_along_axis(values, np.take_along_axis(order, middle, axis=1), axis=1)


def _shake(dx: _Floats, dy: _Floats) -> float:
    """RMS distance of the path from its own running mean, in sides."""
    path = np.cumsum(np.nan_to_num(np.stack([dx, dy])), axis=1) / _FPS
    window = min(_SMOOTH, path.shape[1] - (path.shape[1] + 1) % 2)
    kernel = np.full(window, 1 / window)
    smooth = np.stack([np.convolve(line, kernel, mode="valid") for line in path])
    reach = window // 2
    rest = path[:, reach : path.shape[1] - reach] - smooth
    return float(np.sqrt((rest**2).sum(axis=0).mean()))


def _share_below(series: Series, bound: float) -> float:
    values = series.values.astype(np.float64)
    return float((values[np.isfinite(values)] < bound).mean())
