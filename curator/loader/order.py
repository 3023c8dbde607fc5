"""In which order samples come, and who gives which: pure arithmetic on positions.

The order of an epoch is one sequence for all machines: it depends on the seed, the epoch and the
release alone. Ranks and workers take turns in it. So nothing is given twice, everybody gives the
same number but for one, and where a training stopped is one number, whatever it goes on with.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Order", "Share", "Uneven"]


class Uneven(enum.Enum):
    """What happens at the end of an epoch, when the samples do not fill a batch on every rank."""

    keep = "keep"
    """Every sample once: the last batch is smaller, and some ranks may give one batch fewer."""
    drop = "drop"
    """What does not fill a batch on every rank is left out; another epoch leaves out others."""
    pad = "pad"
    """Filled up with the first samples of the epoch's order, which so come twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Position in an epoch to number of a sample, for samples that lie in row groups."""

    groups: Sequence[int]
    """How many samples each row group holds, in the release's order."""
    shuffle: bool
    seed: int
    epoch: int
    pool: int
    """Samples shuffled together. Row groups come in random order; as many as hold this many samples are opened at once."""
    _last: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict, compare=False)
    _plan: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = field(
        default_factory=list, compare=False
    )

    def __len__(self) -> int:
        return sum(self.groups)

    def at(self, position: int) -> int:
        """The sample that comes at `position` of the epoch, from 0."""
        if not self.shuffle:
            return position
        _, bounds = self._pools()
        number = int(np.searchsorted(bounds, position, side="right")) - 1
        return int(self._pool(number)[position - int(bounds[number])])

    def _pool(self, number: int) -> npt.NDArray[np.int64]:
        """The samples of a pool, shuffled."""
        if number not in self._last:
            turns, bounds = self._pools()
            sizes = np.asarray(self.groups, np.int64)
            starts = np.cumsum(sizes) - sizes
            ends = np.cumsum(sizes[turns])
            held = turns[(ends > bounds[number]) & (ends <= bounds[number + 1])]
            samples = [np.arange(starts[g], starts[g] + sizes[g]) for g in held if sizes[g]]
            while len(self._last) > 1:  # positions go up: those before are done
                self._last.pop(next(iter(self._last)))
            random = np.random.default_rng([self.seed, self.epoch, 1, number])
            self._last[number] = random.permutation(np.concatenate(samples))
        return self._last[number]

    def _pools(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Row groups in the epoch's order, and the positions at which pools begin (and the last ends)."""
        if not self._plan:
            random = np.random.default_rng([self.seed, self.epoch, 0])
            turns = random.permutation(len(self.groups)).astype(np.int64)
            bounds, held, total = [0], 0, 0
            for size in np.asarray(self.groups, np.int64)[turns]:
                held, total = held + int(size), total + int(size)
                if held >= self.pool:
                    bounds.append(total)
                    held = 0
            if held:
                bounds.append(total)
            self._plan.append((turns, np.asarray(bounds, np.int64)))
        return self._plan[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One worker of one rank."""

    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1
    batch: int = 1
    """Samples in a batch."""
    uneven: Uneven = Uneven.keep

    @property
    def stride(self) -> int:
        """Positions that one batch of every rank takes."""
        return self.ranks * self.batch

    def batches(
        self, total: int, start: int = 0, given: int = 0
    ) -> Iterator[tuple[int, list[int]]]:
        """What this worker gives of `total` samples, of which the first `start` are done.

        Batch ``k`` of a rank comes from worker ``k mod workers``, which is the order in which
        PyTorch's `DataLoader` asks. The first `given` batches of this worker are left out.

        Yields:
            Where the epoch stands once every rank has given its batch, and the positions in it.
        """
        end = self._end(total, start)
        first = start + (self.worker + given * self.workers) * self.stride
        for block in range(first, end, self.workers * self.stride):
            stop = min(block + self.stride, end)
            positions = [p % total for p in range(block + self.rank, stop, self.ranks)]
            if positions:
                yield min(stop, total), positions

    def count(self, total: int, start: int = 0) -> int:
        """Batches that the whole rank gives."""
        end = self._end(total, start)
        full, rest = divmod(end - start, self.stride)
        return full + (rest > self.rank)

    def _end(self, total: int, start: int) -> int:
        left = total - start
        if self.uneven is Uneven.drop:
            return start + left // self.stride * self.stride
        if self.uneven is Uneven.pad and left:
            return start + -(-left // self.stride) * self.stride
        return total
