"""Whether two fields of different times are woven into one picture."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["combed_share"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

_STEP = 6  # luma: smaller differences between lines may be grain
_CELL_ROWS, _CELL_COLUMNS = 8, 16
_MIN_PIXELS = 24  # of the 128 of a cell


def combed_share(crops: _Bytes) -> float:
    """Share of the cells of 16 x 8 px in ``(k, h, w)`` native crops that show a comb; NaN without crops."""
    if not len(crops):
        return float("nan")
    lines = crops.astype(np.int16)
    above, below = lines[:, 1:-1] - lines[:, :-2], lines[:, 1:-1] - lines[:, 2:]
    size = np.minimum(np.abs(above), np.abs(below))
    # A line of the other field: off from both its neighbours, to the same side, and they agree.
    agree = np.abs(above - below) < np.maximum(4, size // 2)
    tooth = ((above > 0) == (below > 0)) & (size > _STEP) & agree
    side = np.where(above > 0, np.int8(1), np.int8(-1)) * tooth
    # Four lines in turn: single thin lines and fine texture do not alternate for long.
    turns = side[:, :-1] * side[:, 1:] < 0
    comb = turns[:, :-2] & turns[:, 1:-1] & turns[:, 2:]
    k, height, width = comb.shape
    rows, columns = height // _CELL_ROWS, width // _CELL_COLUMNS
    cells = comb[:, : rows * _CELL_ROWS, : columns * _CELL_COLUMNS]
    counts = cells.reshape(k, rows, _CELL_ROWS, columns, _CELL_COLUMNS).sum(axis=(2, 4))
    return float((counts >= _MIN_PIXELS).mean())
