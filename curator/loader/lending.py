"""Shared memory that worker processes lend to the process that trains, and use again when it is done.

A batch of four windows of 48 frames at 720p takes 530 MB. Fresh from the system, each of its pages
is cleared and mapped when it is first written, which takes as long as decoding half of the frames.
So a worker keeps its blocks. Whoever receives a tensor on one notes where it came from, and tells
the worker, by a number in memory that both see, once nothing there uses it any more.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

__all__ = ["BLOCKS", "Blocks", "shared_empty"]

_BATCHES = 5
"""What `DataLoader` has of a worker at once: two ahead, one in use, one in the making; and one more."""
_MOST_BLOCKS = 64
_FREE, _LENT, _AWAY = 0, 1, 2
"""Nobody has it; it is in use here, or went away as part of something else; another process has it and will say."""


class Blocks:
    """The blocks of one worker process."""

    def __init__(self) -> None:
        self._blocks: list[torch.UntypedStorage] = []
        self._process = 0
        self._away: torch.Tensor | None = None
        """For each block what is known of it: `_FREE`, `_LENT` or `_AWAY`."""

    def lend(self, shape: tuple[int, ...], *, per_batch: int = 1) -> torch.Tensor:
        """An uninitialised tensor of bytes; it goes to another process without a copy.

        Args:
            shape: of the tensor.
            per_batch: how many such tensors a batch has.
        """
        if self._away is None or self._process != os.getpid():
            # What a process inherits when it is forked belongs to the one that made it.
            self._blocks, self._process = [], os.getpid()
            self._away = torch.zeros(_MOST_BLOCKS, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]
        number = self._fitting(prod(shape), min(_MOST_BLOCKS, per_batch * _BATCHES))
        if number is None:
            return shared_empty(shape, torch.uint8)
        self._away[number] = _LENT
        tensor = torch.empty(0, dtype=torch.uint8).set_(self._blocks[number], 0, shape)  # type: ignore[call-overload]
        # Not as_subclass: that would be a view, and no view of it would have it as its base.
        lent: _Lent = torch.Tensor._make_subclass(_Lent, tensor)  # noqa: SLF001
        lent.away, lent.number = self._away, number
        return lent

    def _fitting(self, size: int, most: int) -> int | None:
        """A block that nobody uses and that is not far too large, made if there are fewer than `most`."""
        assert self._away is not None, "`lend` has made it"
        idle = [k for k, block in enumerate(self._blocks) if _users(block) == 1]
        free = [k for k in idle if int(self._away[k]) == _FREE]
        fits = [k for k in free if size <= self._blocks[k].nbytes() < 2 * size]
        if fits:
            return min(fits, key=lambda k: self._blocks[k].nbytes())
        if len(self._blocks) < most:
            self._blocks.append(_shared(size))
            return len(self._blocks) - 1
        # A block that never went away whole may have gone in parts, of which nothing is heard again.
        for number in idle:
            if int(self._away[number]) != _AWAY:
                self._blocks[number] = _shared(size)
                return number
        return None


def _users(block: torch.UntypedStorage) -> int:
    """References in this process: one is that of the list, another that of a tensor, sent or not yet."""
    count: int = torch._C._storage_Use_Count(block._cdata)  # noqa: SLF001
    return count


BLOCKS = Blocks()
"""Those of this process."""


class _Lent(torch.Tensor):
    """A tensor on a block; what is made of it is a plain tensor."""

    away: torch.Tensor
    number: int
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # noqa: SLF001

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., torch.Tensor], tuple[Any, ...]]:
        """On its way into another process; a second time as a copy, since only one can give the block back."""
        plain = self.as_subclass(torch.Tensor)
        if int(self.away[self.number]) != _LENT:
            return torch.from_numpy, (plain.numpy().copy(),)
        self.away[self.number] = _AWAY
        return _arrive, (plain, self.away, self.number)


class _Borrowed:
    """The blocks of other processes that this one has tensors on."""

    def __init__(self) -> None:
        self._held: list[tuple[StorageWeakRef, torch.Tensor, int]] = []
        self._process = 0
        self._lock = threading.Lock()

    def add(self, tensor: torch.Tensor, away: torch.Tensor, number: int) -> None:
        """Note a tensor, and give back what is not used any more."""
        with self._lock:
            if self._process != os.getpid():  # a fork must not give back what its parent has
                self._held, self._process = [], os.getpid()
            kept = []
            for one in self._held:
                if one[0].expired():  # type: ignore[no-untyped-call]
                    one[1][one[2]] = _FREE
                else:
                    kept.append(one)
            place = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
            self._held = [*kept, (place, away, number)]


_BORROWED = _Borrowed()


def _arrive(tensor: torch.Tensor, away: torch.Tensor, number: int) -> torch.Tensor:
    _BORROWED.add(tensor, away, number)
    return tensor


def shared_empty(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """An uninitialised tensor in fresh memory that goes to another process without a copy."""
    empty = torch.empty(0, dtype=dtype)
    return empty.set_(_shared(prod(shape) * empty.element_size()), 0, shape)  # type: ignore[call-overload,no-any-return]


def _shared(size: int) -> torch.UntypedStorage:
    # As torch's own default_collate does: Tensor.share_memory_ would copy what is still nothing.
    made: torch.UntypedStorage = torch.UntypedStorage._new_shared(size, device="cpu")  # type: ignore[no-untyped-call]  # noqa: SLF001
    return made
