"""The path of a crop that follows its subject, as a quiet camera operator would.

*Size*: one for the whole clip. A crop that breathes with a detector's boxes teaches a model zooms
that nobody made; heads that come nearer fill more of the crop, as they fill more of a fixed shot.

*Path*: detections are cleaned of those that are elsewhere for a moment, and joined over time. The
crop may stray from the subject by a slack; within that tube it takes the path that moves least (a
taut string: still while it can be, straight where it cannot), so the jitter of a detector and small
movements of a head do not move it at all, and a clip whose subject stays about has a crop that
stands still. Corners are rounded by a Gaussian that looks both ways, so the crop is never late. All of
it stays inside the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.align.subject import Area
from curator.model.crop import CropPath
from curator.model.series import Series
from curator.model.span import Span
from curator.model.video import FrameTable

__all__ = ["Following", "followed", "still"]

_Floats: TypeAlias = npt.NDArray[np.float64]

_STEPS_PER_SECOND = 50
_LEAST_SIGMA = 0.1
"""Steps; a narrower Gaussian is none."""
_SIZE_QUANTILE = 0.9
"""Of the subject's sizes: nearly always it is inside, and one wrong box does not count."""
_NEIGHBOURS, _FEWEST_NEIGHBOURS = 9, 5
"""Samples around each that it is compared with: about a second of them."""
_ELSEWHERE = 0.5
"""Of the subject's size: what is so far from the way of its neighbours is something else."""
_GRAIN = 64
"""Boxes are given to 1/64 of a pixel, so that the last digits of a sum are in no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How a crop follows its subject."""

    aspect: float
    """Width over height."""
    margin: float
    """Around the subject on each side, as a share of the subject."""
    slack: float
    """How far the subject may be from the crop's middle before the crop moves, as a share of the crop's sides; never so far that it would be cut."""
    smooth_seconds: float
    """About how long the crop takes to change its speed."""


def followed(
    subject: Series, span: Span, table: FrameTable, area: Area, how: Following
) -> CropPath:
    """A box for every frame of `span`, around the subject and inside `area`.

    Args:
        subject: ``(n, 4)`` centre, width and height in pixels as shown; at least one sample.
        span: the clip; it has a frame at least.
        table: the video's frames.
        area: what is picture.
        how: the margins and the calm.
    """
    seen = _cleaned(np.asarray(subject.values, np.float64))
    times = subject.seconds[seen]
    places = np.asarray(subject.values, np.float64)[seen]
    subject_size = np.quantile(places[:, 2:], _SIZE_QUANTILE, axis=0)
    size = _size(subject_size, area, how)
    start, end = float(span.start), float(span.end)
    grid = np.linspace(start, end, max(2, ceil((end - start) * _STEPS_PER_SECOND) + 1))
    ticks = _frames(span, table)
    frame_times = ticks * float(table.time_base)
    corners = np.empty((len(ticks), 2))
    for axis, (low, high) in enumerate(((area.left, area.right), (area.top, area.bottom))):
        half = size[axis] / 2
        room = half - subject_size[axis] / 2
        # A subject that is larger than the picture allows is cut in any case: then half the calm.
        slack = min(how.slack * size[axis], max(room, how.slack * size[axis] / 2))
        target = np.interp(grid, times, places[:, axis])
        inside = low + half, max(low + half, high - half)
        tube = np.clip(target - slack, *inside), np.clip(target + slack, *inside)
        path = np.clip(_rounded(_taut(*tube), how.smooth_seconds * _STEPS_PER_SECOND / 2), *inside)
        corners[:, axis] = _placed(
            np.interp(frame_times, grid, path) - half, low, high - size[axis]
        )
    return _path(ticks, table, corners, size)


def still(span: Span, table: FrameTable, area: Area) -> CropPath:
    """The same box for every frame of `span`: `area`, on even pixels."""
    left, top = 2 * ceil(area.left / 2), 2 * ceil(area.top / 2)
    size = tuple(
        max(2.0, (far - near) // 2 * 2) for near, far in ((left, area.right), (top, area.bottom))
    )
    ticks = _frames(span, table)
    return _path(
        ticks, table, np.tile((float(left), float(top)), (len(ticks), 1)), (size[0], size[1])
    )


def _path(
    ticks: npt.NDArray[np.int64], table: FrameTable, corners: _Floats, size: tuple[float, float]
) -> CropPath:
    boxes = np.concatenate([corners, np.tile(size, (len(ticks), 1))], axis=1)
    return CropPath(boxes=Series(ticks, table.time_base, boxes))


def _frames(span: Span, table: FrameTable) -> npt.NDArray[np.int64]:
    return table.ticks[table.index_at(span.start) : table.index_at(span.end)]


def _size(subject: _Floats, area: Area, how: Following) -> tuple[float, float]:
    """Even sides of the wanted aspect around the subject, as large as the picture has room for."""
    wanted = subject * (1 + 2 * how.margin)
    height = max(wanted[1], wanted[0] / how.aspect)
    across, down = area.size
    height = min(height, down, across / how.aspect)
    even = (max(2.0, side // 2 * 2) for side in (height * how.aspect, height))
    width, height = even
    return width, height


def _cleaned(boxes: _Floats) -> npt.NDArray[np.bool_]:
    """Samples that are where their neighbours, on their way, lead to (a Theil-Sen line)."""
    width = min(len(boxes), _NEIGHBOURS)
    fine = np.ones(len(boxes), np.bool_)
    if width < _FEWEST_NEIGHBOURS:
        return fine
    sides = np.median(boxes[:, 2:], axis=0)
    limit = _ELSEWHERE * np.array([*sides, *sides])
    one, other = np.triu_indices(width, 1)
    for index, box in enumerate(boxes):
        first = min(max(0, index - width // 2), len(boxes) - width)
        around = boxes[first : first + width]
        slope = np.median((around[other] - around[one]) / (other - one)[:, None], axis=0)
        steps = np.arange(width)[:, None] - (index - first)
        here = np.median(around - slope * steps, axis=0)
        fine[index] = bool((np.abs(box - here) <= limit).all())
    return fine if fine.any() else np.ones(len(boxes), np.bool_)


def _placed(corners: _Floats, low: float, high: float) -> _Floats:
    """Corners on a fine grid; where the crop stands still, on even pixels: nothing is interpolated."""
    if np.ptp(corners) < 1 / _GRAIN:
        corners = np.full_like(corners, 2 * np.rint(corners.mean() / 2))
    placed = np.rint(corners * _GRAIN) / _GRAIN
    inside: _Floats = np.clip(placed, low, max(low, high))
    return inside


def _rounded(path: _Floats, sigma: float) -> _Floats:
    """A Gaussian mean; beyond its ends the path goes on as it does within, so it begins and ends where it was."""
    if sigma < _LEAST_SIGMA or np.ptp(path) == 0:
        return path
    reach = ceil(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(path, reach, mode="reflect", reflect_type="odd")
    smooth: _Floats = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return smooth


def _taut(lower: _Floats, upper: _Floats) -> _Floats:
    """The path between two bounds that moves least, and is straight where it moves; its ends are free."""
    index, value = _leave(lower, upper)
    bends = [(0, value)]
    while True:
        if index:
            bends.append((index, value))
        bend = _bend(lower, upper, index, value)
        if bend is None:
            break
        index, value = bend
    places = np.array([place for place, _ in bends])
    levels = np.array([level for _, level in bends])
    path: _Floats = np.interp(np.arange(len(lower)), places, levels)
    return path


def _leave(lower: _Floats, upper: _Floats) -> tuple[int, float]:
    """How long the path can stand still from its start, and where it stands."""
    highest, lowest = np.maximum.accumulate(lower), np.minimum.accumulate(upper)
    apart = np.flatnonzero(highest > lowest)
    if not len(apart):
        return len(lower) - 1, float(highest[-1] + lowest[-1]) / 2
    end = apart[0]
    if lower[end] > lowest[end - 1]:  # it must rise: so it waits as high as it may
        return int(np.argmin(upper[:end])), float(lowest[end - 1])
    return int(np.argmax(lower[:end])), float(highest[end - 1])


def _bend(lower: _Floats, upper: _Floats, index: int, value: float) -> tuple[int, float] | None:
    """Where a straight path from here must bend next; None when it can stand still to the end."""
    steps = np.arange(1, len(lower) - index)
    if not len(steps):
        return None
    least, most = (lower[index + 1 :] - value) / steps, (upper[index + 1 :] - value) / steps
    floor, ceiling = np.maximum.accumulate(least), np.minimum.accumulate(most)
    blocked = np.flatnonzero(floor > ceiling)
    end = blocked[0] if len(blocked) else len(steps)
    if not end:  # the bounds cross: there is no way but theirs
        return index + 1, float(lower[index + 1])
    if len(blocked) and least[end] > ceiling[end - 1]:
        turn = int(np.flatnonzero(most[:end] == ceiling[end - 1])[-1])
        return index + 1 + turn, float(upper[index + 1 + turn])
    if len(blocked):
        turn = int(np.flatnonzero(least[:end] == floor[end - 1])[-1])
        return index + 1 + turn, float(lower[index + 1 + turn])
    if floor[-1] <= 0 <= ceiling[-1]:
        return None
    if floor[-1] > 0:
        turn = int(np.flatnonzero(least == floor[-1])[-1])
        return index + 1 + turn, float(lower[index + 1 + turn])
    turn = int(np.flatnonzero(most == ceiling[-1])[-1])
    return index + 1 + turn, float(upper[index + 1 + turn])
