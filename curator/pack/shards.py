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
from curator.pack.schema import ShardSchema
from curator.pack.tree import Leaf, address, leaves, shard_limit

__all__ = [
    "ROW_GROUP_BYTES",
    "Shard",
    "shard_name",
    "write_shards",
    "write_table",
    "writer_settings",
]

ROW_GROUP_BYTES = 32 * 2**20
"""Media bytes per row group: below the 100 MB that the Hub's viewer asks for, and what a reader holds at once."""
_ROW_BYTES = 1024
"""What the other columns of a row are counted as."""
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
    """Write every sample below `folder`, and say where each one is.

    A split without samples has no file. Without any sample there is one file of no rows, so that
    the columns are still known.

    Raises:
        StoreError: ``split-name`` for a split that `datasets` would refuse, ``sample-too-large``.
    """
    (folder / "data").mkdir()
    written: list[Shard] = []
    splits = _by_split(samples)
    # Over all splits: a small split must not be one file that every addition to it rewrites.
    sizes = [_size(one) for held in splits.values() for one in held.values()]
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


def _by_split(samples: Iterable[Sample]) -> dict[str, dict[str, Sample]]:
    # One id is one content: of two urls with the same bytes the first by name speaks for both.
    splits: dict[str, dict[str, Sample]] = {}
    for sample in sorted(samples, key=lambda one: (one.id, one.url)):
        if not _SPLIT.fullmatch(sample.split):
            raise StoreError(
                f"'{sample.split}' cannot be the name of a split",
                reason="split-name",
                hint="use letters, digits and underscores",
            )
        splits.setdefault(sample.split, {}).setdefault(sample.id, sample)
    return splits


def _layout(held: Mapping[str, Sample], limit_bytes: int) -> Mapping[str, tuple[str, ...]]:
    found = leaves(
        (Leaf(address(one.fingerprint, one.id), one.id, _size(one)) for one in held.values()),
        limit_bytes=limit_bytes,
    )
    return {prefix: tuple(sorted(leaf.id for leaf in shard)) for prefix, shard in found.items()}


def _size(sample: Sample) -> int:
    paths = [path for path in (sample.video, sample.audio) if path is not None]
    paths += [*sample.videos.values(), *sample.tracks.values()]
    return _ROW_BYTES + sum(path.stat().st_size for path in paths)


def _write(path: Path, samples: Sequence[Sample], schema: ShardSchema) -> None:
    arrow = schema.arrow
    with pq.ParquetWriter(path, arrow, **writer_settings(arrow, schema.media)) as writer:
        for group in _groups(samples):
            writer.write_table(pa.Table.from_batches([schema.rows(group)]))


def _groups(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    group: list[Sample] = []
    held = 0
    for sample in samples:
        size = _size(sample)
        if group and held + size > ROW_GROUP_BYTES:
            yield group
            group, held = [], 0
        group.append(sample)
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
