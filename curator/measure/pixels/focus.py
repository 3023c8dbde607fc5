"""How sharp the sharpest edges of a picture are."""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.measure.picture import BLACK
from curator.measure.pixels.once import once

__all__ = ["edge_sharpness"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float32]

_FINE_PX, _COARSE_PX = 0.7, 2.0
_CELL_PX = 32
_MARGIN_PX = (
    8  # the filters reach 6 px, so ridges nearer to a crop's border than this are not judged
)
_MIN_RIDGE_PX = 5
_MIN_CELLS = 2
_FAINT = 0.75  # luma per px: below this an 8-bit ramp is a staircase
_HALF = 2.0  # value of u at which the score is one half


@once
def edge_sharpness(crops: _Bytes) -> float:
    """Score from 0 to 1 of ``(k, h, w)`` crops of one picture; NaN when it has no edges.

    `curator.measure.sharpness` says what the numbers mean.
    """
    if not len(crops) or min(crops.shape[1:]) < 2 * _MARGIN_PX + 8:
        return float("nan")
    # One tall picture: filters bleed over the seams, and the margins are not judged.
    canvas = crops.reshape(-1, crops.shape[2])
    plane = canvas.astype(np.float32)
    coarse_x, coarse_y = _gradient(cv2.GaussianBlur(plane, (13, 13), _COARSE_PX))
    coarse = np.asarray(cv2.magnitude(coarse_x, coarse_y), np.float32)
    at = np.flatnonzero((coarse >= cv2.dilate(coarse, _BOX)) & (coarse > _FAINT))
    at = at[_judged(crops, at)]
    if not len(at):
        return float("nan")
    strength = coarse.ravel()[at]
    noise = _noise(canvas)
    top = int(0.98 * (len(strength) - 1))
    relative = 0.6 * float(np.partition(strength, top)[top])
    strong = strength > max(_FAINT + 0.3 * noise, min(6.0, relative))
    at, strength = at[strong], strength[strong]
    x, y = _slopes(cv2.GaussianBlur(plane, (7, 7), _FINE_PX), at)
    # Along the coarse gradient noise has no sign, so it averages out over a cell.
    along = x * coarse_x.ravel()[at] + y * coarse_y.ravel()[at]
    rows, columns = np.divmod(at, canvas.shape[1])
    cells = rows // _CELL_PX * (canvas.shape[1] // _CELL_PX + 1) + columns // _CELL_PX
    return _sharpest(cells, strength, np.asarray(along / strength, np.float32))


def _sharpest(cells: npt.NDArray[np.intp], coarse: _Floats, fine: _Floats) -> float:
    """The score from gradients at ridges, each with the number of its cell."""
    if len(cells) < _MIN_RIDGE_PX:
        return float("nan")
    enough = np.bincount(cells) >= _MIN_RIDGE_PX
    if int(enough.sum()) < _MIN_CELLS:  # a few stray edges: all of them together
        cells, enough = np.zeros_like(cells), np.ones(1, np.bool_)
    ratios = np.bincount(cells, fine)[enough] / np.bincount(cells, coarse)[enough]
    excess = max(float(np.percentile(ratios, 75)), 1.0) ** 2 - 1
    return excess / (excess + _HALF)


def _judged(crops: _Bytes, at: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Which positions count: away from a crop's border and from black bars, whose edge is always sharp."""
    _, height, width = crops.shape
    lines, columns = np.divmod(at, width)
    which, rows = np.divmod(lines, height)
    lit = crops.max(axis=2) > BLACK, crops.max(axis=1) > BLACK
    judged = np.ones(len(at), np.bool_)
    for place, bright, side in zip((rows, columns), lit, (height, width), strict=True):
        first = bright.argmax(axis=1) + _MARGIN_PX
        last = side - bright[:, ::-1].argmax(axis=1) - _MARGIN_PX
        judged &= (place >= first[which]) & (place < last[which])
    return judged


def _gradient(plane: npt.ArrayLike) -> tuple[_Floats, _Floats]:
    """Central differences to the right and down, luma per px; 0 at the border."""
    values = np.asarray(plane, np.float32)
    x, y = np.zeros_like(values), np.zeros_like(values)
    # Several times faster than Sobel, which filters along both axes, and than numpy on short rows.
    cv2.addWeighted(values[:, 2:], 0.5, values[:, :-2], -0.5, 0, dst=x[:, 1:-1])
    cv2.addWeighted(values[2:], 0.5, values[:-2], -0.5, 0, dst=y[1:-1])
    return x, y


def _noise(canvas: _Bytes) -> float:
    """Standard deviation of the grain, luma: Immerkaer's filter, and the median, so that edges do not count."""
    response = cv2.convertScaleAbs(cv2.sepFilter2D(canvas, cv2.CV_16S, _IMMERKAER, _IMMERKAER))
    response = response[::2]  # neighbours tell the same, and counting costs more than filtering
    median = bisect_left(
        range(256), response.size / 2, key=lambda level: int(np.count_nonzero(response <= level))
    )
    return median / (6 * 0.6745)


def _slopes(plane: npt.ArrayLike, at: npt.NDArray[np.intp]) -> tuple[_Floats, _Floats]:
    """Central differences to the right and down at flat positions `at` inside the plane, luma per px."""
    values = np.asarray(plane, np.float32)
    flat, width = values.ravel(), values.shape[1]
    half = np.float32(0.5)
    return half * (flat[at + 1] - flat[at - 1]), half * (flat[at + width] - flat[at - width])


_BOX = np.ones((3, 3), np.uint8)
_IMMERKAER = np.array([1, -2, 1], np.float32)  # along rows and columns
