"""How much of a picture lies at the ends of the scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curator.measure.picture import active

__all__ = ["lost_shares"]

_DARK = 19  # stored luma; black is 16
_BRIGHT = 232  # white is 235


def lost_shares(plane: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Shares of a ``(h, w)`` plane, inside its black bars, that are clipped to black and to white."""
    picture = active(plane)
    dark = np.count_nonzero(picture <= _DARK) / picture.size
    return dark, np.count_nonzero(picture >= _BRIGHT) / picture.size
