"""Layout ``parquet``: media are in the rows. One kind of file, loads everywhere, previews on the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from curator.pack.entry import Entry, media_name
from curator.pack.layout import Layout, Mask, Place, Thinned, embedded, write_rows
from curator.pack.rewrite import keep_rows
from curator.pack.schema import MEDIA_TYPE

__all__ = ["ParquetLayout"]


class ParquetLayout(Layout):
    """``data/train-0110.parquet``."""

    name: ClassVar[str] = "parquet"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"data/(?P<split>.+)-(?P<prefix>\w+)\.parquet")
    glob: ClassVar[str] = "data/*.parquet"

    def index(self, split: str, prefix: str) -> str:
        """``data/train-all.parquet`` while one file holds the split, else ``data/train-0110.parquet``."""
        return f"data/{split}-{prefix or 'all'}.parquet"

    def columns(self, rows: pa.Schema) -> pa.Schema:
        """The same."""
        return rows

    def placed(self, index: pa.Schema) -> dict[str, str]:
        """None."""
        del index
        return {}

    def place(self, value: Any, index: str) -> Place | None:
        """Nowhere else."""
        del value, index
        return None

    def write(
        self, folder: Path, index: str, groups: Iterable[Sequence[Entry]], rows: pa.Schema
    ) -> dict[str, tuple[str, ...]]:
        """One file, and no others."""
        media = [field.name for field in rows if field.type == MEDIA_TYPE]
        told = (
            [
                one.row()
                | {name: embedded(one.media.get(name), media_name(one.id, name)) for name in media}
                for one in group
            ]
            for group in groups
        )
        write_rows(folder / index, told, rows)
        return {}

    def thin(self, source: Path, target: Path, index: str, wanted: Mask) -> Thinned:
        """One file again."""
        ids = keep_rows(source / index, target / index, wanted)
        return Thinned(ids=ids, written=(index,))
