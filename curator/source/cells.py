"""Videos inside Parquet tables: told from other tables by their columns, and read one cell at a time.

A cell has an address like a member of an archive, ``cell://COLUMN/ROW/NAME.mp4::URL.parquet``: rows
count from 0 and have leading zeros, so that videos in the order of their addresses are in the order
of the file, and reading one after the other decodes each row group once. Bytes are never read to
find out what a table holds, and of a row group no more than a page is in memory.
"""

from __future__ import annotations

import json
import posixpath
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem

from curator.source.address import is_local, is_video, local_path, open_address

__all__ = ["Cells", "cell_address", "media_columns", "num_without_bytes", "open_cells"]

_NAMES = re.compile(r"(video|clip|film|movie)s?([._].*)?|mp4|mov|mkv|webm|avi", re.IGNORECASE)
"""What a column of bytes is called where no features say that it holds videos."""
_BUFFER_BYTES = 1 << 20
_RECENT_BYTES = 1 << 27
"""Cells that were passed are kept for a moment: two threads do not always ask in order."""
_OPEN_TABLES = 4


def media_columns(schema: pa.Schema) -> tuple[str, ...]:
    """The columns that hold videos, the main one first; none for other tables.

    What `datasets` wrote says it itself. Else it is a struct of ``bytes`` and ``path``, or bytes,
    under a name that says so: ``video``, ``clip_left``, ``mp4``.
    """
    held = [field.name for field in schema if _is_media(field.type)]
    features = _features(schema)
    if features:
        held = [name for name in held if features.get(name, {}).get("_type") == "Video"]
    else:
        held = [name for name in held if _NAMES.fullmatch(name)]
    return tuple(sorted(held, key=lambda name: (name != "video", held.index(name))))


def num_without_bytes(metadata: pq.FileMetaData, group: int, column: str) -> int | None:
    """How many cells of a row group have no bytes; None when the file does not say."""
    part = metadata.row_group(group)
    for index in range(part.num_columns):
        found = part.column(index)
        if found.path_in_schema in (column, f"{column}.bytes"):
            said = found.statistics
            return said.null_count if said is not None and said.has_null_count else None
    return None


def cell_address(table: str, column: str, row: int, name: str | None) -> str:
    """The address of a cell; `name` is what the table calls it."""
    shown = quote(posixpath.basename(name or "")) or f"{row:08d}.mp4"
    if not is_video(shown):
        shown += ".mp4"
    return f"cell://{quote(column)}/{row:08d}/{shown}::{table}"


def open_cells(table: str) -> Cells:
    """The cells of a table, in its present state. Raises as `open_address`."""
    fs, path = open_address(table)
    return Cells(_table(table, fs.ukey(path)))


class Cells(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A table as a file system: ``COLUMN/ROW/NAME``; sizes are not known before a cell is read."""

    protocol = "cell"
    cachable = False

    def __init__(self, table: _Table) -> None:
        super().__init__()
        self._table = table

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """A file without a size."""
        column, row = self._place(path)
        self._table.check(column, row)
        return {"name": self._strip_protocol(path), "size": None, "type": "file"}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: ARG002, FBT001, FBT002 - fsspec's
        """Nothing lies beside a cell."""
        return []

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:  # noqa: ARG002 - fsspec's
        """The bytes of one cell."""
        column, row = self._place(path)
        return pa.BufferReader(self._table.read(column, row))

    def _place(self, path: str) -> tuple[str, int]:
        parts = self._strip_protocol(path).strip("/").split("/")
        if len(parts) != 3 or not parts[1].isdecimal():
            raise FileNotFoundError(path)
        return unquote(parts[0]), int(parts[1])


@lru_cache(maxsize=_OPEN_TABLES)
def _table(url: str, state: str) -> _Table:  # noqa: ARG001 - another state is another table
    return _Table(url)


class _Table:
    """One open table; threads share it."""

    def __init__(self, url: str) -> None:
        self._url = url
        opened = _opened(url)
        self._columns = media_columns(opened.schema_arrow)
        self._starts = [0]
        for group in range(opened.metadata.num_row_groups):
            self._starts.append(self._starts[-1] + opened.metadata.row_group(group).num_rows)
        self._cursors = {name: _Cursor(url, name) for name in self._columns}

    def check(self, column: str, row: int) -> None:
        if column not in self._columns or row >= self._starts[-1]:
            raise FileNotFoundError(f"{self._url} has no row {row} of a column '{column}'")

    def read(self, column: str, row: int) -> pa.Buffer:
        self.check(column, row)
        group = next(i for i, start in enumerate(self._starts) if start > row) - 1
        found = self._cursors[column].read(group, row - self._starts[group])
        if found is None:
            raise FileNotFoundError(f"row {row} of '{column}' in {self._url} is empty")
        return found


class _Cursor:
    """Reads the cells of one column forwards; back only by reading the row group again."""

    def __init__(self, url: str, column: str) -> None:
        self._url, self._column = url, column
        self._guard = threading.Lock()
        self._file: pq.ParquetFile | None = None
        self._group, self._next = -1, 0
        self._cells: Iterator[pa.Buffer | None] = iter(())
        self._recent: OrderedDict[int, pa.Buffer | None] = OrderedDict()

    def read(self, group: int, row: int) -> pa.Buffer | None:
        with self._guard:
            if group == self._group and row in self._recent:
                return self._recent[row]
            if group != self._group or row < self._next:
                self._begin(group)
            try:
                while self._next <= row:
                    self._recent[self._next] = next(self._cells)
                    self._next += 1
                    self._forget()
            except pa.ArrowException as error:
                self._group = -1
                raise OSError(f"not Parquet: {error}") from error
            except BaseException:
                self._group = -1  # where it stopped is not known
                raise
            return self._recent[row]

    def _begin(self, group: int) -> None:
        self._file = self._file or _opened(self._url)
        self._group, self._next = group, 0
        self._recent.clear()
        self._cells = _cells(self._file, group, self._column)

    def _forget(self) -> None:
        def held() -> int:
            return sum(cell.size for cell in self._recent.values() if cell is not None)

        while len(self._recent) > 1 and held() > _RECENT_BYTES:
            self._recent.popitem(last=False)


def _cells(file: pq.ParquetFile, group: int, column: str) -> Iterator[pa.Buffer | None]:
    is_struct = pa.types.is_struct(file.schema_arrow.field(column).type)
    wanted = f"{column}.bytes" if is_struct else column
    batches = file.iter_batches(
        batch_size=1, row_groups=[group], columns=[wanted], use_threads=False
    )
    for batch in batches:
        held = batch.column(0)
        for cell in held.field("bytes") if is_struct else held:
            yield cell.as_buffer() if cell.is_valid else None


def _opened(url: str) -> pq.ParquetFile:
    try:
        if is_local(url):
            return pq.ParquetFile(local_path(url), buffer_size=_BUFFER_BYTES)
        fs, path = open_address(url)
        file = fs.open(path, "rb", block_size=_BUFFER_BYTES)
        return pq.ParquetFile(file, buffer_size=_BUFFER_BYTES)
    except pa.ArrowException as error:
        raise OSError(f"not Parquet: {error}") from error


def _is_media(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
    parts = {part.name: part.type for part in kind}
    return {"bytes", "path"} <= parts.keys() and _is_media(parts["bytes"])


def _features(schema: pa.Schema) -> dict[str, Any]:
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}
