"""Samples to Parquet files that `datasets.load_dataset` opens with video, audio and splits.

The same samples give the same bytes: rows are sorted by id, every writer setting is fixed here,
and nothing of the machine or the clock enters a file. Memory is bounded by one row group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import StoreError
from curator.model.outcome import Sample
from curator.pack.entry import Entry, media_name
from curator.pack.schema import MEDIA_TYPE, ShardSchema
from curator.pack.tree import Leaf, address, leaves, shard_limit

__all__ = [
    "ROW_GROUP_BYTES",
    "Shard",
    "shard_name",
    "write_entries",
    "write_shards",
    "write_table",
    "writer_settings",
]

ROW_GROUP_BYTES = 32 * 2**20
"""Media bytes per row group: below the 100 MB that the Hub's viewer asks for, and what a reader holds at once."""
_LARGEST_MEDIA_BYTES = 2**31 - 2**20
"""Arrow's ``binary`` counts bytes in 32 bits."""
_SPLIT = re.compile(r"\w+(\.\w+)*")
_CATEGORIES = ("url", "source", "license", "attribution", "split", "fingerprint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file of samples."""

    path: str
    """Inside the release, with ``/``."""
    split: str
    ids: tuple[str, ...]
    """Sorted."""


def shard_name(split: str, prefix: str) -> str:
    """``data/train-all.parquet`` while one file holds the split, else ``data/train-0110.parquet``."""
    return f"data/{split}-{prefix or 'all'}.parquet"


def write_shards(
    folder: Path, samples: Iterable[Sample], *, schema: ShardSchema, shard_mib: int
) -> tuple[Shard, ...]:
    """Write every sample below `folder`, and say where each one is. As `write_entries`."""
    entries = (schema.entry(one) for one in samples)
    return write_entries(folder, entries, schema=schema.arrow, shard_mib=shard_mib)


def write_entries(
    folder: Path, entries: Iterable[Entry], *, schema: pa.Schema, shard_mib: int
) -> tuple[Shard, ...]:
    """Write every entry below `folder`, and say where each one is.

    A split without samples has no file. Without any sample there is one file of no rows, so that
    the columns are still known.

    Raises:
        StoreError: ``split-name`` for a split that `datasets` would refuse, ``sample-too-large``.
    """
    (folder / "data").mkdir()
    written: list[Shard] = []
    splits = _by_split(entries)
    # Over all splits: a small split must not be one file that every addition to it rewrites.
    sizes = [one.size_bytes for held in splits.values() for one in held.values()]
    limit = shard_limit(sizes, most_bytes=shard_mib * 2**20)
    for split, held in sorted(splits.items()):
        for prefix, ids in _layout(held, limit).items():
            shard = Shard(path=shard_name(split, prefix), split=split, ids=ids)
            _write(folder / shard.path, [held[one] for one in ids], schema)
            written.append(shard)
    if not written:
        empty = Shard(path=shard_name("train", ""), split="train", ids=())
        _write(folder / empty.path, [], schema)
        written.append(empty)
    return tuple(written)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table without media, with the same fixed settings."""
    with pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=3) as writer:
        writer.write_table(table)


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


def _layout(held: Mapping[str, Entry], limit_bytes: int) -> Mapping[str, tuple[str, ...]]:
    found = leaves(
        (Leaf(address(one.fingerprint, one.id), one.id, one.size_bytes) for one in held.values()),
        limit_bytes=limit_bytes,
    )
    return {prefix: tuple(sorted(leaf.id for leaf in shard)) for prefix, shard in found.items()}


def _write(path: Path, entries: Sequence[Entry], schema: pa.Schema) -> None:
    media = [field.name for field in schema if field.type == MEDIA_TYPE]
    with pq.ParquetWriter(path, schema, **writer_settings(schema, media)) as writer:
        for group in _groups(entries):
            rows = [one.row() | {name: _cell(one, name) for name in media} for one in group]
            batch = pa.RecordBatch.from_pylist(rows, schema=schema)
            writer.write_table(pa.Table.from_batches([batch]))


def _cell(entry: Entry, column: str) -> dict[str, object] | None:
    path = entry.media.get(column)
    if path is None:
        return None
    name, size = media_name(entry.id, column), path.stat().st_size
    if size > _LARGEST_MEDIA_BYTES:
        raise StoreError(
            f"{name} takes {size} bytes, more than a Parquet cell holds",
            reason="sample-too-large",
            hint="lower segment.seconds.max or sample.video.height",
        )
    return {"bytes": path.read_bytes(), "path": name}


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


def writer_settings(arrow: pa.Schema, media: Sequence[str]) -> dict[str, object]:
    """How shards are written, for `pq.ParquetWriter`; `media` are the columns that hold files."""
    plain = [name for name in arrow.names if name not in media]
    # Media is compressed already, and its statistics would be whole clips.
    compression = dict.fromkeys(plain, "zstd")
    for name in media:
        compression |= {f"{name}.bytes": "none", f"{name}.path": "zstd"}
    return {
        "compression": compression,
        "use_dictionary": [name for name in plain if name in _CATEGORIES],
        "write_statistics": plain,
        "write_batch_size": 8,
        "store_schema": True,
    }
