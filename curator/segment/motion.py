"""How much of a change of picture the movement of the camera leaves unexplained.

A pan, a tilt, a zoom or a turn moves what was seen before; a dissolve brings what was not there.
So two pictures are moved towards the one in the middle between them, by the same way from both
sides: first by whole cells, then by displacement, zoom and turn, fitted robustly.
Source: direct registration by Gauss-Newton steps (Bergen et al., ECCV 1992), symmetric in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["unexplained"]

_Floats = npt.NDArray[np.float32]

_REACH = (4, 7)
"""Furthest displacement searched, cells (vertical, horizontal): under half of the picture."""
_STEPS = 4
_LEAST_OVERLAP = 0.35
"""Share of the picture that both must show; a smaller part always looks alike somewhere."""
_STIFF = np.diag([1.0, 1.0, 20.0, 20.0]).astype(np.float32)
"""Holds the parameters where they are in a picture too flat to say."""
_MOST_STRETCH = 0.5
"""Largest zoom and turn from either side to the middle."""
_BATCH = 64
"""Pictures fitted at once: what they need stays in the processor's cache."""


def unexplained(before: _Floats, middle: _Floats, after: _Floats, picture: _Floats) -> _Floats:
    """``(n,)`` what is left where they overlap: both root mean square differences, added up.

    A steady movement leaves little. A mixture, half and half, leaves about half of the difference
    between `before` and `after` on either side, wherever they are moved. Both sides move by one and
    the same way because a chance likeness does not lie in opposite directions.

    Args:
        before: ``(n, rows, columns, channels)``, luma first.
        middle: What the others are to look like, same shape.
        after: As long after `middle` as `before` is before it, same shape.
        picture: ``(n, rows, columns, 1)``, 1 in a rectangle, 0 in black bars around it.
    """
    out = np.zeros(len(before), dtype=np.float32)
    for i in range(0, len(before), _BATCH):
        part = slice(i, i + _BATCH)
        out[part] = _unexplained(before[part], middle[part], after[part], picture[part, ..., 0])
    return out


def _unexplained(before: _Floats, middle: _Floats, after: _Floats, picture: _Floats) -> _Floats:
    frame = _Frame(picture)
    way = np.zeros((len(before), 4), dtype=np.float32)
    way[:, :2] = _shift(before[..., 0], middle[..., 0], after[..., 0], picture)
    least = np.full(len(before), np.inf, dtype=np.float32)
    for _ in range(_STEPS):
        normal_a, side_a, error_a = frame.fit(before, middle, way)
        normal_b, side_b, error_b = frame.fit(after, middle, -way)
        least = np.minimum(least, error_a + error_b)
        step = np.linalg.solve(normal_a + normal_b + _STIFF, side_a - side_b)[..., 0]
        way = way + step.astype(np.float32)
        way[:, 2:] = np.clip(way[:, 2:], -_MOST_STRETCH, _MOST_STRETCH)
    last = frame.error(before, middle, way) + frame.error(after, middle, -way)
    return np.asarray(np.minimum(least, last), dtype=np.float32)


def _shift(before: _Floats, middle: _Floats, after: _Floats, picture: _Floats) -> _Floats:
    """``(n, 2)`` rows and columns from `middle` to the same thing in `before`, whole cells of luma."""
    n, height, width = before.shape
    least = _LEAST_OVERLAP * picture.sum(axis=(1, 2))
    best = np.full(n, np.inf, dtype=np.float32)
    out = np.zeros((n, 2), dtype=np.float32)
    for y in range(-_REACH[0], _REACH[0] + 1):
        for x in range(-_REACH[1], _REACH[1] + 1):
            there = (slice(None), _part(y, height), _part(x, width))
            here = (slice(None), _part(-y, height), _part(-x, width))
            both = picture[there] * picture[here]
            count = both.sum(axis=(1, 2))
            error = _root(before[there] - middle[here], both) + _root(
                after[here] - middle[there], both
            )
            better = (error < best * np.sqrt(np.maximum(count, 1.0))) & (count >= least)
            best[better] = error[better] / np.sqrt(count[better])
            out[better] = y, x
    return out


def _part(shift: int, length: int) -> slice:
    return slice(max(0, shift), length + min(0, shift))


def _root(difference: _Floats, weight: _Floats) -> _Floats:
    square = np.einsum("nyx,nyx,nyx->n", difference, difference, weight)
    return np.asarray(np.sqrt(square), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Moved:
    pixels: _Floats
    inside: _Floats
    """``(n, rows, columns)`` 1 where the moved picture shows something."""


class _Frame:
    """Moves pictures inside their black bars."""

    def __init__(self, picture: _Floats) -> None:
        n, self._height, self._width = picture.shape
        rows, columns = np.asarray(picture.any(axis=2)), np.asarray(picture.any(axis=1))
        self._top, self._left = (
            one.argmax(axis=1)[:, None, None].astype(np.float32) for one in (rows, columns)
        )
        self._bottom, self._right = (
            (one.shape[1] - 1 - one[:, ::-1].argmax(axis=1))[:, None, None].astype(np.float32)
            for one in (rows, columns)
        )
        self._picture = picture
        self._least = _LEAST_OVERLAP * picture.sum(axis=(1, 2))
        self._row = np.arange(self._height, dtype=np.float32)[:, None]
        self._column = np.arange(self._width, dtype=np.float32)[None, :]
        self._up = self._row - (self._height - 1) / 2
        self._across = self._column - (self._width - 1) / 2
        self._first = np.arange(n)[:, None, None] * (self._height * self._width)

    def fit(
        self, source: _Floats, target: _Floats, way: _Floats
    ) -> tuple[_Floats, _Floats, _Floats]:
        """Normal equations of the next step, ``(n, 4, 4)`` and ``(n, 4, 1)``, and the error so far."""
        moved = self._move(source, way)
        rest = target - moved.pixels
        n = len(rest)
        down, right = np.gradient(moved.pixels, axis=(1, 2))
        up, across = self._up[..., None], self._across[..., None]
        ways = (down, right, down * up + right * across, down * across - right * up)
        slopes = np.stack(ways, axis=-1).reshape(n, -1, 4)
        size = np.abs(rest)
        total = (size * moved.inside[..., None]).sum(axis=(1, 2, 3))
        usual = total / np.maximum(rest.shape[-1] * moved.inside.sum(axis=(1, 2)), 1.0)
        # Large rests weigh less, so that a small object in front has no say.
        weight = moved.inside[..., None] / np.maximum(size, usual[:, None, None, None] + 1e-3)
        weighted = (slopes * weight.reshape(n, -1, 1)).transpose(0, 2, 1)
        return weighted @ slopes, weighted @ rest.reshape(n, -1, 1), self._error(rest, moved)

    def error(self, source: _Floats, target: _Floats, way: _Floats) -> _Floats:
        """``(n,)`` root mean square difference in the overlap; infinite where that is too small."""
        moved = self._move(source, way)
        return self._error(target - moved.pixels, moved)

    def _error(self, rest: _Floats, moved: _Moved) -> _Floats:
        count = moved.inside.sum(axis=(1, 2))
        square = np.einsum("nyxc,nyxc,nyx->n", rest, rest, moved.inside) / np.maximum(count, 1.0)
        square[count < self._least] = np.inf
        return np.asarray(np.sqrt(square), dtype=np.float32)

    def _move(self, source: _Floats, way: _Floats) -> _Moved:
        """`source` looked at `way` (rows, columns, zoom, turn) from each cell, bilinear."""
        down, right, zoom, turn = (way[:, k, None, None] for k in range(4))
        y = self._row + down + zoom * self._up + turn * self._across
        x = self._column + right + zoom * self._across - turn * self._up
        inside = (y > self._top - 0.5) & (y < self._bottom + 0.5) & (self._picture > 0)
        inside &= (x > self._left - 0.5) & (x < self._right + 0.5)
        y, x = np.clip(y, self._top, self._bottom), np.clip(x, self._left, self._right)
        y0 = np.minimum(y.astype(np.int64), self._height - 2)
        x0 = np.minimum(x.astype(np.int64), self._width - 2)
        fy, fx = (y - y0)[..., None], (x - x0)[..., None]
        cells = source.reshape(-1, source.shape[-1])
        at = self._first + y0 * self._width + x0
        upper = cells[at] * (1 - fx) + cells[at + 1] * fx
        lower = cells[at + self._width] * (1 - fx) + cells[at + self._width + 1] * fx
        pixels = (upper * (1 - fy) + lower * fy).astype(np.float32)
        return _Moved(pixels, inside.astype(np.float32))
