"""How the media of a release lie: in its rows, beside them as files, or in tar files.

A release is a set of shards. Whatever the layout, a shard has an *index*: a Parquet file with a row
for each of its samples. Layouts differ in what stands in the columns of media, and in what other
files there are. Everybody else works with rows as docs/reference/sample-schema.md tells them, and
asks the layout where the bytes are.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import StoreError
from curator.pack.entry import Entry, media_name
from curator.pack.schema import MEDIA_TYPE, with_features
from curator.pack.table import writer_settings

__all__ = ["Layout", "Mask", "Place", "ShardFile", "Thinned", "embedded", "write_rows"]

Mask = Callable[[pa.Table], "pa.Array | pa.ChunkedArray"]
"""Given rows without media, says which are wanted."""
_LARGEST_MEDIA_BYTES = 2**31 - 2**20
"""Arrow's ``binary`` counts bytes in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stretch of a file of the release."""

    path: str
    offset: int = 0
    size: int | None = None
    """None: to the end of the file."""

    def read(self, folder: Path) -> bytes | None:
        """The bytes; None where the file is not there."""
        try:
            with (folder / self.path).open("rb") as file:
                file.seek(self.offset)
                return file.read(-1 if self.size is None else self.size)
        except FileNotFoundError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinned:
    """A shard with fewer rows."""

    ids: tuple[str, ...]
    """Of those that stay, sorted."""
    written: tuple[str, ...]
    """Files that were written: the index, and what else holds samples of this shard alone."""


class Layout(ABC):
    """One way. `pattern` has the groups ``split`` and ``prefix``."""

    name: ClassVar[str]
    """As in the recipe."""
    pattern: ClassVar[re.Pattern[str]]
    """Paths of indices."""
    glob: ClassVar[str]
    """The same for file systems."""
    tables: ClassVar[bool] = True
    """Whether `datasets` reads a release of it as tables."""
    most_samples: ClassVar[int | None] = None
    """Of one shard."""

    @abstractmethod
    def index(self, split: str, prefix: str) -> str:
        """Path of a shard's index; `prefix` is empty while one shard holds all of a split."""

    @abstractmethod
    def columns(self, rows: pa.Schema) -> pa.Schema:
        """What the index has, where rows have these columns."""

    @abstractmethod
    def placed(self, index: pa.Schema) -> dict[str, str]:
        """Media columns of rows whose bytes are elsewhere: name to the index's column."""

    @abstractmethod
    def place(self, value: Any, index: str) -> Place | None:
        """Where the bytes are that a value of such a column of the index at path `index` stands for; None for none."""

    @abstractmethod
    def write(
        self, folder: Path, index: str, groups: Iterable[Sequence[Entry]], rows: pa.Schema
    ) -> dict[str, tuple[str, ...]]:
        """Write a shard, a row group for each group; other files that hold media of a sample, by its id."""

    @abstractmethod
    def thin(self, source: Path, target: Path, index: str, wanted: Mask) -> Thinned:
        """Write a shard of the release in `source` to `target` again with the rows that are wanted."""

    def companions(self, index: str) -> tuple[str, ...]:
        """Files that `thin` reads besides the index."""
        del index
        return ()

    def differences(self, folder: Path, index: str) -> Iterator[str]:
        """What a shard's other files hold that its index does not tell, in words.

        Raises:
            OSError, pa.ArrowException: when they cannot be read.
        """
        del folder, index
        return iter(())

    def data_files(self, split: str) -> str:
        """Pattern of what `datasets` loads as a split."""
        return f"data/{split}-*.parquet"

    def features(self, index: pa.Schema) -> pa.Schema:
        """The columns as `datasets` shows them."""
        return index

    def is_index(self, path: str) -> bool:
        """Whether a path inside a release is that of an index."""
        return self.pattern.fullmatch(path) is not None

    def indices(self, folder: Path) -> dict[str, list[str]]:
        """Paths of all indices in a folder, by split."""
        found: dict[str, list[str]] = {}
        for file in sorted(folder.glob(self.glob)):
            path = file.relative_to(folder).as_posix()
            told = self.pattern.fullmatch(path)
            if told is not None:
                found.setdefault(told["split"], []).append(path)
        return found

    def rows(self, index: pa.Schema) -> pa.Schema:
        """The columns of rows, where the index has these."""
        media = {own: name for name, own in self.placed(index).items()}
        fields = [
            pa.field(media[one.name], MEDIA_TYPE) if one.name in media else one for one in index
        ]
        return with_features(fields)

    def open(self, folder: Path, index: str) -> ShardFile:
        """A shard whose rows have their media."""
        return ShardFile(self, folder, index)


class ShardFile:
    """Rows of one shard as they are documented, whatever the layout; as `pyarrow.parquet.ParquetFile`."""

    def __init__(self, layout: Layout, folder: Path, index: str) -> None:
        self._layout, self._folder, self._index = layout, folder, index
        self._file = pq.ParquetFile(folder / index)
        own: pa.Schema = self._file.schema_arrow
        self._placed = layout.placed(own)
        self.schema_arrow: pa.Schema = layout.rows(own) if self._placed else own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def num_row_groups(self) -> int:
        """How many groups of rows there are."""
        return int(self._file.num_row_groups)

    def read_row_group(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of one group; media are read where they are asked for."""
        names = list(columns) if columns is not None else self.schema_arrow.names
        own = dict.fromkeys(["id", *(self._placed.get(name, name) for name in names)])
        return self._with_media(self._file.read_row_group(number, columns=list(own)), names)

    def iter_batches(self, batch_size: int) -> Iterator[pa.RecordBatch]:
        """All rows, a few at a time."""
        for number in range(self.num_row_groups):
            table = self._file.read_row_group(number)
            for start in range(0, table.num_rows, batch_size):
                part = table.slice(start, batch_size)
                yield from self._with_media(part, self.schema_arrow.names).to_batches()

    def _with_media(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        if not self._placed:
            return table.select(names)
        ids = table.column("id").to_pylist()
        arrays = {
            name: self._media(name, ids, table.column(self._placed[name]))
            if name in self._placed
            else table.column(name)
            for name in names
        }
        schema = pa.schema(
            [self.schema_arrow.field(name) for name in names], self.schema_arrow.metadata
        )
        return pa.table(arrays, schema=schema)

    def _media(self, name: str, ids: Sequence[str], values: pa.ChunkedArray) -> pa.Array:
        cells = []
        for sample, value in zip(ids, values.to_pylist(), strict=True):
            place = self._layout.place(value, self._index)
            data = None if place is None else place.read(self._folder)
            told = {"bytes": data, "path": media_name(sample, name)}
            cells.append(None if place is None else told)
        return pa.array(cells, MEDIA_TYPE)


def write_rows(
    path: Path, groups: Iterable[Sequence[Mapping[str, Any]]], schema: pa.Schema
) -> None:
    """Write an index, a row group for each group of rows."""
    media = [field.name for field in schema if field.type == MEDIA_TYPE]
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, schema, **writer_settings(schema, media)) as writer:
        for rows in groups:
            batch = pa.RecordBatch.from_pylist(list(rows), schema=schema)
            writer.write_table(pa.Table.from_batches([batch]))


def embedded(path: Path | None, name: str) -> dict[str, object] | None:
    """A cell that holds a file.

    Raises:
        StoreError: ``sample-too-large`` for media of 2 GiB and more.
    """
    if path is None:
        return None
    size = path.stat().st_size
    if size > _LARGEST_MEDIA_BYTES:
        raise StoreError(
            f"{name} takes {size} bytes, more than a Parquet cell holds",
            reason="sample-too-large",
            hint="lower segment.seconds.max or sample.video.height",
        )
    return {"bytes": path.read_bytes(), "path": name}
