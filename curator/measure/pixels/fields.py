"""Whether two fields of different times are woven into one picture."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.measure.pixels.once import once

__all__ = ["combed_share"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Mask: TypeAlias = npt.NDArray[np.bool_]

_STEP = 6  # luma: smaller differences between lines may be grain
_CELL_ROWS, _CELL_COLUMNS = 8, 16
_MIN_PIXELS = 24  # of the 128 of a cell


@once
def combed_share(crops: _Bytes) -> float:
    """Share of the cells of 16 x 8 px in ``(k, h, w)`` native crops that show a comb; NaN without crops."""
    if not len(crops):
        return float("nan")
    k, _, width = crops.shape
    high, low = _teeth(crops)
    # Four lines in turn: single thin lines and fine texture do not alternate for long.
    turns = (high[:, :-1] & low[:, 1:]) | (low[:, :-1] & high[:, 1:])
    comb = turns[:, :-2] & turns[:, 1:-1] & turns[:, 2:]
    rows, columns = comb.shape[1] // _CELL_ROWS, width // _CELL_COLUMNS
    cells = comb[:, : rows * _CELL_ROWS, : columns * _CELL_COLUMNS]
    if np.count_nonzero(cells) < _MIN_PIXELS:  # nearly always
        return 0.0
    counts = cells.reshape(k, rows, _CELL_ROWS, columns, _CELL_COLUMNS).sum(axis=(2, 4))
    return float((counts >= _MIN_PIXELS).mean())


def _teeth(crops: _Bytes) -> tuple[_Mask, _Mask]:
    """Lines brighter and lines darker than both their neighbours, which agree: of the other field. ``(k, h - 2, w)``."""
    above, line, below = crops[:, :-2], crops[:, 1:-1], crops[:, 2:]
    brighter, darker = np.maximum(above, below), np.minimum(above, below)
    # Differences that would be negative are none: bytes do not hold them. One of the two is none.
    over, under = line - np.minimum(line, brighter), darker - np.minimum(line, darker)
    size, apart = over | under, brighter - darker
    tooth = (size > _STEP) & ((apart < 4) | (apart < size // 2))
    high = over > under
    return tooth & high, tooth & ~high
