"""Shards written again with fewer rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curator.pack.schema import MEDIA_TYPE
from curator.pack.table import writer_settings

__all__ = ["keep_rows", "plain_columns"]


def plain_columns(schema: pa.Schema) -> list[str]:
    """The columns that hold no media, so that reading them is cheap."""
    return [field.name for field in schema if field.type != MEDIA_TYPE]


def keep_rows(
    source: Path, target: Path, wanted: Callable[[pa.Table], pa.Array | pa.ChunkedArray]
) -> tuple[str, ...]:
    """Copy the rows of a shard that are wanted, one row group at a time; the ids of those that stay.

    Args:
        wanted: given the plain columns of a row group, says which rows stay.
    """
    kept: list[str] = []
    target.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetFile(source) as file:
        schema = file.schema_arrow
        plain = plain_columns(schema)
        media = [name for name in schema.names if name not in plain]
        with pq.ParquetWriter(target, schema, **writer_settings(schema, media)) as writer:
            for group in range(file.num_row_groups):
                mask = wanted(file.read_row_group(group, columns=plain))
                if not any(mask.to_pylist()):
                    continue
                rows = file.read_row_group(group).filter(mask)
                kept += rows.column("id").to_pylist()
                writer.write_table(rows)
            if not kept:
                writer.write_table(schema.empty_table())
    return tuple(sorted(kept))
