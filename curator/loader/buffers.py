"""Memory for pictures that is used again: new pages cost more than what is written into them.

A window of 48 frames at 720p takes 133 MB. Fresh from the system, each of its pages is cleared and
mapped when it is first written, which takes up to half the time of decoding; so what a tensor
leaves behind is kept for the next one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Buffers"]

_KEPT_BYTES = 2**28
"""What waits for use, per process; more is given back to the system."""
_SMALL_BYTES = 2**20
"""Below it, memory is recycled by the allocator anyway."""


class Buffers:
    """Arrays whose memory comes back when the last array and tensor on it are gone."""

    def __init__(self) -> None:
        self._free: list[npt.NDArray[np.uint8]] = []

    def __reduce__(self) -> tuple[type[Buffers], tuple[()]]:
        return Buffers, ()

    def empty(self, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """An array of bytes with any content."""
        size = int(np.prod(shape))
        if size < _SMALL_BYTES:
            return np.empty(shape, np.uint8)
        fits = [k for k, block in enumerate(self._free) if size <= block.size <= 2 * size]
        best = min(fits, key=lambda k: self._free[k].size, default=None)
        block = np.empty(size, np.uint8) if best is None else self._free.pop(best)
        return np.asarray(_Lease(self, block, shape))

    def back(self, block: npt.NDArray[np.uint8]) -> None:
        """Keep a block for later; the oldest make room."""
        self._free.append(block)
        while len(self._free) > 1 and sum(one.size for one in self._free) > _KEPT_BYTES:
            self._free.pop(0)


class _Lease:
    """What every array on a block refers to in the end: when it goes, the block is free.

    An array on an array would not do: numpy lets views of it refer to the memory's owner directly.
    """

    def __init__(
        self, buffers: Buffers, block: npt.NDArray[np.uint8], shape: tuple[int, ...]
    ) -> None:
        self._buffers, self._block = buffers, block
        self.__array_interface__: dict[str, Any] = {
            "data": (block.ctypes.data, False),
            "shape": shape,
            "typestr": "|u1",
            "version": 3,
        }

    def __del__(self) -> None:
        self._buffers.back(self._block)
