"""One stretch of shared memory for the pictures of a batch: decoded where they are sent from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from curator.loader.lending import BLOCKS
from curator.loader.samples import Room

__all__ = ["Arena"]


class Arena:
    """Room for the pictures of a batch in a worker, for each track one array that holds all of them.

    Args:
        shapes: of each sample, by track, the array that it will ask for.
    """

    def __init__(self, shapes: Sequence[Mapping[str, tuple[int, ...]]]) -> None:
        self._wholes: dict[str, torch.Tensor] = {}
        self.slots: dict[int, torch.Tensor] = {}
        """Address to the tensor that lies there."""
        tracks = dict.fromkeys(track for one in shapes for track in one)
        for track in tracks:
            sides = zip(*(one[track] for one in shapes if track in one), strict=True)
            largest = tuple(max(side) for side in sides)
            if 0 not in largest:
                self._wholes[track] = BLOCKS.lend((len(shapes), *largest), per_batch=len(tracks))

    def room(self, number: int) -> Room:
        """Makes the arrays of sample `number` of the batch: corners of its part, the rest of which is zero."""
        return partial(self._room, number)

    def _room(self, number: int, track: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        if track not in self._wholes:
            return np.empty(shape, np.uint8)
        part = self._wholes[track][number]
        for axis, side in enumerate(shape):
            part.narrow(axis, side, part.shape[axis] - side).zero_()
            part = part.narrow(axis, 0, side)
        self.slots[part.data_ptr()] = part
        array: npt.NDArray[np.uint8] = part.numpy()
        return array
