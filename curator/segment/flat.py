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
    """Whether `luma` is a single colour where `other`, or itself, shows a picture; bars are left out."""
    picture = (luma > _BLACK) | (other > _BLACK)
    if not picture.any():
        return True
    deviation = float(luma[picture].std())
    return deviation < _DEVIATION and deviation < _SHARE * float(other[picture].std()) + 1.0
