"""Pictures of one colour: what fades begin and end with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["is_flat"]

_BLACK = 24.0
_DEVIATION = 7.0
"""Standard deviation below which a picture may be one colour, grey levels."""
_SHARE = 0.3
"""It must also be this much flatter than what it fades to."""


def is_flat(luma: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
    """Whether `luma` ``(rows, columns)`` is a single colour where `other`, or itself, shows a picture."""
    lit = (luma > _BLACK) | (other > _BLACK)
    if not lit.any():
        return True
    rows, columns = _inside(np.any(lit, axis=1)), _inside(np.any(lit, axis=0))
    deviation = float(luma[rows, columns].std())
    return deviation < _DEVIATION and deviation < _SHARE * float(other[rows, columns].std()) + 1.0


def _inside(lit: npt.NDArray[np.bool_]) -> slice:
    """The lit rows (or columns); next to a bar one is left out, for it may be partly bar."""
    first, last = int(np.argmax(lit)), len(lit) - int(np.argmax(lit[::-1]))
    inner = slice(first + (first > 0), last - (last < len(lit)))
    return inner if inner.start < inner.stop else slice(first, last)
