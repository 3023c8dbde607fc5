"""Samples to files, in any layout: which samples are written together, and in which order.

The same samples give the same bytes: rows are sorted by id, every writer setting is fixed,
and nothing of the machine or the clock enters a file. Memory is bounded by one row group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from curator.errors import StoreError
from curator.model.outcome import Sample
from curator.pack.entry import Entry
from curator.pack.layout import Layout
from curator.pack.layouts import PARQUET
from curator.pack.schema import ShardSchema
from curator.pack.tree import Leaf, address, leaves, shard_limit

__all__ = [
    "ROW_GROUP_BYTES",
    "Shard",
    "shard_name",
    "write_entries",
    "write_shards",
]

ROW_GROUP_BYTES = 32 * 2**20
"""Media bytes per row group: below the 100 MB that the Hub's viewer asks for, and what a reader holds at once."""
_SPLIT = re.compile(r"\w+(\.\w+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Samples that are written together."""

    path: str
    """Of its index, inside the release, with ``/``."""
    split: str
    ids: tuple[str, ...]
    """Sorted."""
    media: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other files that hold media of a sample, by its id."""


def shard_name(split: str, prefix: str) -> str:
    """``data/train-all.parquet`` while one file holds the split, else ``data/train-0110.parquet``."""
    return PARQUET.index(split, prefix)


def write_shards(
    folder: Path,
    samples: Iterable[Sample],
    *,
    schema: ShardSchema,
    shard_mib: int,
    layout: Layout = PARQUET,
) -> tuple[Shard, ...]:
    """Write every sample below `folder`, and say where each one is. As `write_entries`."""
    entries = (schema.entry(one) for one in samples)
    return write_entries(folder, entries, schema=schema.arrow, shard_mib=shard_mib, layout=layout)


def write_entries(
    folder: Path,
    entries: Iterable[Entry],
    *,
    schema: pa.Schema,
    shard_mib: int,
    layout: Layout = PARQUET,
) -> tuple[Shard, ...]:
    """Write every entry below `folder`, and say where each one is.

    A split without samples has no file. Without any sample there is one index of no rows, so that
    the columns are still known.

    Raises:
        StoreError: ``split-name`` for a split that `datasets` would refuse, ``sample-too-large``.
    """
    written: list[Shard] = []
    splits = _by_split(entries)
    # Over all splits: a small split must not be one file that every addition to it rewrites.
    sizes = [one.size_bytes for held in splits.values() for one in held.values()]
    limit = shard_limit(sizes, most_bytes=shard_mib * 2**20)
    for split, held in sorted(splits.items()):
        for prefix, ids in _shards(held, limit, layout.most_samples).items():
            path, groups = layout.index(split, prefix), _groups([held[one] for one in ids])
            media = layout.write(folder, path, groups, schema)
            written.append(Shard(path=path, split=split, ids=ids, media=media))
    if not written:
        empty = Shard(path=layout.index("train", ""), split="train", ids=())
        layout.write(folder, empty.path, (), schema)
        written.append(empty)
    return tuple(written)


def _by_split(entries: Iterable[Entry]) -> dict[str, dict[str, Entry]]:
    # One id is one content: of two urls with the same bytes the first by name speaks for both.
    splits: dict[str, dict[str, Entry]] = {}
    for sample in sorted(entries, key=lambda one: (one.id, one.url)):
        if not _SPLIT.fullmatch(sample.split):
            raise StoreError(
                f"'{sample.split}' cannot be the name of a split",
                reason="split-name",
                hint="use letters, digits and underscores",
            )
        splits.setdefault(sample.split, {}).setdefault(sample.id, sample)
    return splits


def _shards(
    held: Mapping[str, Entry], limit_bytes: int, most_samples: int | None
) -> Mapping[str, tuple[str, ...]]:
    found = leaves(
        (Leaf(address(one.fingerprint, one.id), one.id, one.size_bytes) for one in held.values()),
        limit_bytes=limit_bytes,
        most_samples=most_samples,
    )
    return {prefix: tuple(sorted(leaf.id for leaf in shard)) for prefix, shard in found.items()}


def _groups(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    group: list[Entry] = []
    held = 0
    for entry in entries:
        size = entry.size_bytes
        if group and held + size > ROW_GROUP_BYTES:
            yield group
            group, held = [], 0
        group.append(entry)
        held += size
    if group:
        yield group
