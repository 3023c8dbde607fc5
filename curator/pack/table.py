"""How Parquet files are written: every setting is fixed, so the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["write_table", "writer_settings"]

_CATEGORIES = ("url", "source", "license", "attribution", "split", "fingerprint")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table without media, with the same fixed settings."""
    with pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=3) as writer:
        writer.write_table(table)


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
