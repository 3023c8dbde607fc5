"""One stretch of shared memory for the pictures of a batch: decoded where they are sent from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from curator.loader.lending import BLOCKS

__all__ = ["Arena"]


class Arena:
    """Room for the pictures of `count` samples in a worker, one after another for each track.

    The first sample says the shape. One of another shape has an array of its own, and `collate`
    then copies as it does without an arena.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._wholes: dict[str, torch.Tensor] = {}
        self._used: dict[str, int] = {}
        self.slots: dict[int, torch.Tensor] = {}
        """Address to the tensor that lies there."""

    def room(self, track: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """An array of bytes with any content."""
        whole = self._wholes.get(track)
        if whole is None and 0 not in shape:
            whole = self._wholes[track] = BLOCKS.lend((self._count, *shape))
        number = self._used.get(track, 0)
        if whole is None or whole.shape[1:] != shape or number == self._count:
            return np.empty(shape, np.uint8)
        self._used[track] = number + 1
        slot = whole[number]
        self.slots[slot.data_ptr()] = slot
        array: npt.NDArray[np.uint8] = slot.numpy()
        return array
