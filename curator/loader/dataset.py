"""The data sets that PyTorch reads: by number, or as a stream that several machines share.

Needs PyTorch to be imported: `curator.load` imports it when it is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from curator.errors import LoaderError
from curator.loader.arena import Arena
from curator.loader.collate import collate as padded
from curator.loader.order import Order, Share, Uneven
from curator.loader.samples import Samples

__all__ = ["ReleaseDataset", "Sample", "Stream", "Transform"]

Sample: TypeAlias = dict[str, Any]
"""One window: tensors by track, ``id``, ``start_seconds`` ..."""
Transform: TypeAlias = Callable[[Sample], Any]

_STATE_FORMAT = 1


class ReleaseDataset(Dataset[Any]):
    """The samples of one split, by number; every item is one window of one sample.

    Items depend on the seed, the epoch and the sample alone: not on workers, ranks, or what was
    read before. Safe to fork and to pickle.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        digest: str,
        split: str,
        transform: Transform | None,
        drop_short: bool,
    ) -> None:
        self._samples, self._transform = samples, transform
        self._identity = {"release": digest, "split": split, "drop_short": drop_short}
        self._rows = samples.long_enough() if drop_short else None
        # Shared memory: workers that live on through epochs see the new number.
        self._epoch = _shared(0)

    def __len__(self) -> int:
        return len(self._samples.rows) if self._rows is None else len(self._rows)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.read(index % len(self), epoch=int(self._epoch))

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The items of a batch, as `DataLoader` asks for them: their pictures lie side by side."""
        if any(not -len(self) <= index < len(self) for index in indices):
            raise IndexError(f"samples {indices} of {len(self)}")
        return self.read_batch([k % len(self) for k in indices], epoch=int(self._epoch))

    @property
    def tracks(self) -> tuple[str, ...]:
        """The tracks that samples come with."""
        return self._samples.wanted.tracks

    @property
    def ids(self) -> list[str]:
        """Ids of the samples, in order."""
        ids: list[str] = self._samples.rows.column(["id"]).column("id").to_pylist()
        return ids if self._rows is None else [ids[row] for row in self._rows]

    def set_epoch(self, epoch: int) -> None:
        """Other random windows; workers that are running see it too."""
        self._epoch[0] = epoch

    def read(self, index: int, *, epoch: int) -> Any:
        """Sample `index` with the window it has in `epoch`.

        Raises:
            MediaError: ``clip-damaged`` or ``clip-unknown``, with the sample's id.
        """
        return self.read_batch([index], epoch=epoch)[0]

    def read_batch(self, indices: Sequence[int], *, epoch: int) -> list[Any]:
        """Several samples; in a worker their pictures lie side by side, where `collate` finds them."""
        samples = self._samples
        begun = [samples.begin(self._row(index), epoch=epoch) for index in indices]
        beside = _core_to_spare()
        if get_worker_info() is None or len(begun) == 1:
            return [self._item(samples.finish(one, beside=beside), {}) for one in begun]
        arena = Arena([samples.shapes(one) for one in begun])
        items = []
        for number, one in enumerate(begun):
            arrays = samples.finish(one, arena.room(number), beside=beside)
            items.append(self._item(arrays, arena.slots))
        return items

    def _row(self, index: int) -> int:
        return index if self._rows is None else int(self._rows[index])

    def _item(self, arrays: Mapping[str, Any], own: Mapping[int, torch.Tensor]) -> Any:
        sample = {name: _tensor(value, own) for name, value in arrays.items()}
        return sample if self._transform is None else self._transform(sample)

    def stream(
        self,
        *,
        batch_size: int | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        epoch: int = 0,
        pool: int = 1024,
        uneven: str = "keep",
        rank: int | None = None,
        ranks: int | None = None,
        collate: Callable[[list[Any]], Any] = padded,
    ) -> Stream:
        """A stream of the same windows in a random order that all ranks and workers share.

        Args:
            batch_size: samples in a batch; give `DataLoader` ``batch_size=None`` then. None gives
                single samples.
            shuffle: another order in every epoch; False is the release's own.
            seed: of the order; None takes that of the data set.
            epoch: the first one; later `Stream.set_epoch`.
            pool: samples that are shuffled together. Row groups come in random order, and as many
                as hold this many samples are in use at once.
            uneven: what happens when samples do not fill a batch on every rank at the end of an
                epoch: ``keep`` gives each sample once (ranks may differ by a batch), ``drop``
                leaves the rest out, ``pad`` fills up with samples that so come twice.
            rank: this process; None asks `torch.distributed`, else ``RANK``, else 0.
            ranks: processes in all; None likewise, else ``WORLD_SIZE``, else 1.
            collate: how samples become a batch.

        Raises:
            LoaderError: ``stream-option``.
        """
        if batch_size is not None and batch_size < 1:
            raise _option(f"batch_size must be at least 1, not {batch_size}")
        if uneven not in Uneven.__members__:
            raise _option(f"uneven must be one of {', '.join(Uneven.__members__)}, not '{uneven}'")
        here, total = _place(rank, ranks)
        share = Share(rank=here, ranks=total, batch=batch_size or 1, uneven=Uneven[uneven])
        return Stream(
            self,
            share=share,
            shuffle=shuffle,
            seed=self._samples.seed if seed is None else seed,
            epoch=epoch,
            pool=pool,
            collate=None if batch_size is None else collate,
        )

    @property
    def identity(self) -> Mapping[str, Any]:
        """What the numbers of samples depend on."""
        return self._identity

    @property
    def groups(self) -> list[int]:
        """How many samples each row group holds."""
        sizes = self._samples.rows.groups
        if self._rows is None:
            return sizes
        ends = np.searchsorted(self._rows, np.cumsum(sizes))
        return [int(size) for size in np.diff(ends, prepend=0)]


class Stream(IterableDataset[Any]):
    """The windows of a release in one order that all ranks and workers share.

    Each sample comes once in an epoch, whatever the number of ranks and workers, and every batch is
    the same for any number of workers. Each item carries ``position``: where the epoch stands once
    every rank has had its item.
    """

    def __init__(
        self,
        data: ReleaseDataset,
        *,
        share: Share,
        shuffle: bool,
        seed: int,
        epoch: int,
        pool: int,
        collate: Callable[[list[Any]], Any] | None,
    ) -> None:
        self._data, self._share, self._collate = data, share, collate
        self._shuffle, self._seed, self._pool = shuffle, seed, pool
        # Epoch, position at which it begins, and whether workers have read: shared with workers.
        self._shared = _shared(epoch, 0, 0)
        self._given = 0
        """Batches that this process gave since that position."""

    @property
    def epoch(self) -> int:
        """The number of the epoch."""
        return int(self._shared[0])

    def __len__(self) -> int:
        """Items that this rank gives from where the epoch begins."""
        return self._share.count(len(self._data), int(self._shared[1]))

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch: another order and other windows. The one that was resumed goes on."""
        if epoch != self.epoch:
            self._begin(epoch, 0)

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        epoch, start = self.epoch, int(self._shared[1])
        order = Order(
            groups=self._data.groups,
            shuffle=self._shuffle,
            seed=self._seed,
            epoch=epoch,
            pool=self._pool,
        )
        share = self._share
        if info is not None:
            self._shared[2] = 1
            share = _of_worker(share, info.id, info.num_workers)
        given, self._given = self._given, 0
        for number, (stand, positions) in enumerate(share.batches(len(order), start, given)):
            samples = self._data.read_batch([order.at(p) for p in positions], epoch=epoch)
            item = samples[0] if self._collate is None else self._collate(samples)
            if isinstance(item, dict):
                item["position"] = stand
            self._given = given + number + 1
            yield item
        self._given = 0

    def state_dict(self, after: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Where the epoch stands, to go on from with any number of ranks and workers.

        Args:
            after: the last item that was used; needed when `DataLoader` has workers, which read
                ahead. Without it: after the last item that this process gave.

        Raises:
            LoaderError: ``state-needs-item`` without `after` where workers have read,
                ``state-of-singles`` when `after` was put together from single samples.
        """
        info = get_worker_info()
        start, given = int(self._shared[1]), self._given
        if after is not None:
            start, given = _position(after), 0
        elif info is None and int(self._shared[2]):
            raise LoaderError(
                "workers have read ahead: where the epoch stands, only the last item says",
                reason="state-needs-item",
                hint="stream.state_dict(after=batch), or torchdata's StatefulDataLoader",
            )
        workers = 1 if info is None else info.num_workers
        return {
            **self._identity,
            "epoch": self.epoch,
            "position": start,
            "given": given,
            "workers": workers,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; the next iteration gives what comes after it.

        Raises:
            LoaderError: ``state-of-another-stream``: of another release, split, seed or order.
        """
        other = [name for name, value in self._identity.items() if state.get(name) != value]
        if other:
            raise LoaderError(
                f"the state is of a stream with another {' and '.join(other)}",
                reason="state-of-another-stream",
                hint="make the stream with the options that it had when the state was taken",
            )
        start, given, workers = (int(state[name]) for name in ("position", "given", "workers"))
        if workers == 1:
            total = len(self._data)
            start, given = min(total, start + given * self._share.stride), 0
        self._begin(int(state["epoch"]), start)
        self._given = given

    @property
    def _identity(self) -> dict[str, Any]:
        """What the order depends on, but for the epoch."""
        order = {"shuffle": self._shuffle, "seed": self._seed, "pool": self._pool}
        return {"format": _STATE_FORMAT, **self._data.identity, **order}

    def _begin(self, epoch: int, start: int) -> None:
        self._shared[0], self._shared[1], self._shared[2] = epoch, start, 0
        self._given = 0


def _tensor(value: Any, own: Mapping[int, torch.Tensor]) -> Any:
    """An array as a tensor on the same memory; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    slot = own.get(value.ctypes.data)
    if slot is not None and slot.shape == value.shape:
        return slot
    return torch.from_numpy(value if value.flags.writeable else value.copy())


def _core_to_spare() -> bool:
    """Whether this machine has more cores than processes that decode."""
    info = get_worker_info()
    workers = 1 if info is None else info.num_workers
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # as torchrun says
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) > workers * ranks


def _shared(*numbers: int) -> torch.Tensor:
    """Numbers that worker processes see change."""
    tensor = torch.tensor(numbers, dtype=torch.int64)
    shared: torch.Tensor = tensor.share_memory_()  # type: ignore[no-untyped-call]
    return shared


def _of_worker(share: Share, worker: int, workers: int) -> Share:
    return Share(
        rank=share.rank,
        ranks=share.ranks,
        worker=worker,
        workers=workers,
        batch=share.batch,
        uneven=share.uneven,
    )


def _position(item: Mapping[str, Any]) -> int:
    position = item["position"]
    if isinstance(position, int):
        return position
    raise LoaderError(
        "single samples of several workers were put together: the batch is no stretch of the epoch",
        reason="state-of-singles",
        hint="let the stream make batches: stream(batch_size=8) and DataLoader(stream, batch_size=None)",
    )


def _place(rank: int | None, ranks: int | None) -> tuple[int, int]:
    """This process among all."""
    if (rank is None) != (ranks is None):
        raise _option("rank and ranks go together")
    if rank is None or ranks is None:
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if not 0 <= rank < ranks:
        raise _option(f"rank {rank} of {ranks}")
    return rank, ranks


def _option(message: str) -> LoaderError:
    return LoaderError(message, reason="stream-option", hint="see docs/how-to/load.md")
