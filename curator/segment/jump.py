"""How unlike its predecessor a frame is, once movement and a change of light are explained away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["jumps", "luminance", "signatures"]

_Pixels = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]

_ROWS, _COLUMNS = 9, 16
"""Cells of a signature: each is the mean of 3 x 3 pixels of the thumbnail."""
_REACH = (3, 5)
"""Furthest displacement searched, thumbnail pixels (vertical, horizontal): a tenth of the picture."""
_BLOCKS = (3, 6)
"""Blocks that move on their own: 9 x 8 pixels each."""
_CALM = 0.1
"""Below this the unaligned jump is reported: no cut is that small, and the search is the cost."""
_BATCH = 32
"""Frames aligned at once: what they need stays in the processor's cache."""
_BLACK = 24.0
"""Grey levels: rows and columns that never exceed it are bars."""
_FLOOR = 4.0
"""Grey levels added to the contrast, so that noise in a flat picture is no jump."""


def luminance(pixels: _Pixels) -> _Floats:
    """``(n, h, w, 3)`` RGB to ``(n, h, w)`` luma, grey levels 0..255."""
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.asarray(pixels.astype(np.float32) @ weights, dtype=np.float32)


def signatures(thumbs: _Pixels) -> _Pixels:
    """``(n, 27, 48, 3)`` thumbnails to ``(n, 9, 16, 3)``: means of 3 x 3 pixels."""
    sums = np.full((len(thumbs), _ROWS, _COLUMNS, 3), 4, dtype=np.uint16)  # 4 / 9 rounds
    for y in range(3):
        for x in range(3):
            sums += thumbs[:, y::3, x::3]
    return np.asarray(sums // 9, dtype=np.uint8)


def jumps(thumbs: _Pixels) -> _Floats:
    """``(n - 1,)`` what is new in each frame, as a share of the contrast of the flatter of the two.

    Black bars are left out, the frame before is brought to the same brightness and contrast, each
    of its blocks may move, and what is left of the difference is divided by the mean deviation of
    the picture. A still camera gives 0.01, a fast pan 0.2, a cut 0.4 to 2. A change in a small
    part of the picture (a pointer, a caption) counts for nothing.
    """
    luma = luminance(thumbs)
    picture = _picture(luma)
    size = picture.sum(axis=(1, 2))
    before, before_contrast = _centred(luma[:-1], picture, size)
    after, after_contrast = _centred(luma[1:], picture, size)
    share = size / luma[0].size
    # The floor is spread over the whole frame: a caption on black is no picture of its own.
    scale = np.minimum(before_contrast, after_contrast) + _FLOOR / share
    # A change of light scales the picture. Beyond these bounds it is a fade, not a light.
    gain = np.clip((after_contrast + _FLOOR) / (before_contrast + _FLOOR), 0.6, 1.6)
    before *= gain[:, None, None]
    out = (np.abs(after - before) * picture).sum(axis=(1, 2)) / (size * scale)
    moved = np.flatnonzero(out > _CALM)
    for i in range(0, len(moved), _BATCH):
        some = moved[i : i + _BATCH]
        left = _aligned(before[some], after[some], picture[some]) / (size[some] * scale[some])
        out[some] = left * _breadth(luma[some + 1] - luma[some])
    return np.asarray(out, dtype=np.float32)


def _picture(luma: _Floats) -> _Floats:
    """``(n - 1, h, w)`` 1 where a pair of frames shows the picture, 0 in black bars around it."""
    bright = luma > _BLACK
    lit = bright[1:] | bright[:-1]
    rows, columns = np.asarray(lit.any(axis=2)), np.asarray(lit.any(axis=1))
    dark = ~np.asarray(rows.any(axis=1))
    inside = (rows[:, :, None] & columns[:, None, :]) | dark[:, None, None]
    return inside.astype(np.float32)


def _centred(luma: _Floats, picture: _Floats, size: _Floats) -> tuple[_Floats, _Floats]:
    """The frames less their mean, 0 in the bars, and ``(n,)`` their mean deviation."""
    means = (luma * picture).sum(axis=(1, 2)) / size
    centred = (luma - means[:, None, None]) * picture
    return centred, np.abs(centred).sum(axis=(1, 2)) / size


def _breadth(difference: _Floats) -> _Floats:
    """``(n,)`` 0 for a change in less than about a tenth of the frame, 1 from a sixth on."""
    absolute = np.abs(difference)
    mean = absolute.mean(axis=(1, 2))
    square = (absolute * absolute).mean(axis=(1, 2))
    return np.asarray(np.clip((mean * mean / (square + 1.0) - 0.1) / 0.07, 0.0, 1.0))


def _aligned(before: _Floats, after: _Floats, picture: _Floats) -> _Floats:
    """``(n,)`` sum of the absolute difference after moving each block of `before` to where it fits best."""
    n, height, width = after.shape
    up, left = _REACH
    padded = np.pad(before, ((0, 0), (up, up), (left, left)), mode="edge")
    rows, columns = _BLOCKS
    # A product with 0/1 columns sums runs of pixels many times faster than `sum` over a short axis.
    runs = np.kron(np.eye(columns), np.ones((width // columns, 1))).astype(np.float32)
    best = np.full((n, rows, columns), np.inf, dtype=np.float32)
    difference = np.empty_like(after)
    for y in range(2 * up + 1):
        for x in range(2 * left + 1):
            np.subtract(padded[:, y : y + height, x : x + width], after, out=difference)
            np.abs(difference, out=difference)
            np.multiply(difference, picture, out=difference)
            blocks = (difference @ runs).reshape(n, rows, height // rows, columns)
            np.minimum(best, blocks.sum(axis=2), out=best)
    return np.asarray(best.sum(axis=(1, 2)), dtype=np.float32)
