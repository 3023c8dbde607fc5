"""Up to which spatial frequency a picture holds detail."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["detail_limit"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float64]

_LOW = slice(4, 13)  # cycles per 128 px: structure that any picture in focus has
_FIRST, _LAST = 8, 62  # where a limit is looked for
_SMOOTH = np.ones(5) / 5
_FALL = 0.1  # of the power at low frequencies, after the natural fall with 1 / f^2 is undone
_FAINT = 1e5  # luma^2: below this rounding to 8 bits has as much power at high frequencies
_MIN_CROPS = 2
_RANK = 60.0  # percentile over crops: some of them are honestly out of focus


def detail_limit(crops: _Bytes) -> float:
    """The frequency where detail ends, as a share of the highest that pixels can hold: 0 to 1.

    `crops` is ``(k, 128, 128)`` of one picture. NaN when fewer than two crops have structure. The
    better of the two directions counts, since motion blurs one of them.
    """
    if not len(crops):
        return float("nan")
    planes = crops.astype(np.float32)
    limits = [_limit(planes), _limit(planes.transpose(0, 2, 1))]
    found = [limit for limit in limits if limit is not None]
    return max(found) if found else float("nan")


def _limit(planes: npt.NDArray[np.float32]) -> float | None:
    """The limit along rows; None when nothing can be said."""
    size = planes.shape[2]
    centred = planes - planes.mean(axis=2, keepdims=True)
    lines = np.fft.rfft(centred * np.hanning(size).astype(np.float32), axis=2)
    power = np.square(np.abs(lines)).mean(axis=1)[:, : size // 2]
    # Natural pictures fall with 1 / f^2 in power; what is left is flat up to the limit.
    flat: _Floats = power * np.square(np.arange(size // 2))
    low: _Floats = flat[:, _LOW].mean(axis=1)
    usable = low > _FAINT
    if int(usable.sum()) < _MIN_CROPS:
        return None
    limits = [
        _first_below(one / level) for one, level in zip(flat[usable], low[usable], strict=True)
    ]
    return float(np.percentile(limits, _RANK) / (size // 2))


def _first_below(relative: _Floats) -> int:
    # The first crossing: noise and blocks of a codec fill the band behind it again.
    smooth = np.convolve(relative, _SMOOTH, "same")
    below = np.flatnonzero(smooth[_FIRST:_LAST] < _FALL)
    return int(below[0]) + _FIRST if len(below) else len(relative)
