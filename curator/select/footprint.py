"""What one clip looks like to the search for copies, and what mirroring makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.series import Series

__all__ = ["WINDOWS", "Footprint", "mirrored_bits"]

Bits: TypeAlias = npt.NDArray[np.uint8]
"""Hashes of 256 bits: the last axis has 32 bytes."""

WINDOWS = ((0.0, 0.0, 1.0), (0.05, 0.05, 0.9), (0.1, 0.1, 0.8), (0, 0, 0.9), (0.1, 0, 0.9), (0, 0.1, 0.9), (0.1, 0.1, 0.9))  # fmt: skip
"""The whole picture and its crops as `curator.measure.phash` takes them: left, top and side, as shares."""

_MIRRORED_WINDOWS = (0, 1, 2, 4, 3, 6, 5)
"""Which window each one becomes in the mirror."""

# Bits are signs by rows of 16 horizontal frequencies; the odd ones change sign in the mirror.
_ODD = np.packbits(np.tile(np.array([0, 1], np.bool_), 128))


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """The hashes and the trace of one clip. Times are seconds since the start of the clip.

    A picture of one tone has a hash of zeros, which is like nothing.
    """

    times: npt.NDArray[np.float32]
    """``(n,)`` about 8 per second."""
    hashes: Bits
    """``(n, 32)``"""
    trace: npt.NDArray[np.float16]
    """``(n, 6, 6)`` luma."""
    crop_times: npt.NDArray[np.float32]
    """``(m,)`` about one per second."""
    crops: Bits
    """``(m, 6, 32)``, in the order of `WINDOWS` without the first."""

    @staticmethod
    def of(series: Mapping[str, Series], start: float) -> Footprint:
        """From the series of `phash` inside a clip; copied, so that the whole video's can be let go."""
        dense, sparse = series["hash"], series["crops"]
        return Footprint(
            times=(dense.seconds - start).astype(np.float32),
            hashes=dense.values.astype(np.uint8),
            trace=series["trace"].values.astype(np.float16),
            crop_times=(sparse.seconds - start).astype(np.float32),
            crops=sparse.values.astype(np.uint8),
        )

    def mirrored(self) -> Footprint:
        """The footprint of the same clip seen in a mirror."""
        order = [window - 1 for window in _MIRRORED_WINDOWS[1:]]
        return Footprint(
            times=self.times,
            hashes=mirrored_bits(self.hashes),
            trace=np.ascontiguousarray(self.trace[:, :, ::-1]),
            crop_times=self.crop_times,
            crops=mirrored_bits(self.crops[:, order]),
        )


def mirrored_bits(bits: Bits) -> Bits:
    """Hashes of the mirrored pictures; no picture stays none."""
    turned: Bits = np.bitwise_xor(bits, _ODD)
    turned[~bits.any(axis=-1)] = 0
    return turned
