"""Rows of a release's shards, one at a time: media as stretches of a file, the rest by row group.

Nothing is held but positions and the last few row groups of small columns. Files are opened by
each process for itself and read by position, so a fork shares nothing that moves.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import LoaderError
from curator.loader.pages import Chunk, Unplain, Values, locate
from curator.pack.layout import Layout
from curator.pack.layouts import PARQUET, layout_of
from curator.pack.schema import MEDIA_TYPE
from curator.release.read import ReleaseFolder

__all__ = ["Cell", "Rows"]

_OPEN_FILES = 64
_LOCATED_GROUPS = 4096
"""Positions of some 20 samples each: 2 MiB in all."""
_FACTS_GROUPS = 256
"""Signals of some 20 samples each, as Python objects: 50 KiB."""
_SMALL_BYTES = 64 * 2**20
"""Small columns that are kept, per process; those of one row group at least."""
_WHOLE_GROUPS = 2
"""Row groups kept whole where media cannot be read in place."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Group:
    """One row group of one shard."""

    shard: int
    number: int
    rows: int
    chunks: tuple[tuple[str, Chunk], ...]
    """Media columns that may lie in place."""

    def chunk(self, name: str) -> Chunk | None:
        return dict(self.chunks).get(name)


class Cell:
    """The bytes of one value, all or in part."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read, self.size = read, size

    def __call__(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer at the end."""
        return self._read(offset, max(0, min(size, self.size - offset)))

    def all(self) -> bytes:
        """All bytes."""
        return self._read(0, self.size)


class Rows:
    """The rows of some shards of a release, numbered through.

    Args:
        folder: of the release.
        shards: paths of their indices inside it.
        layout: how its media lie.

    Raises:
        LoaderError: ``release-columns`` when the shards do not have the same columns.
    """

    def __init__(self, folder: Path, shards: Sequence[str], layout: Layout = PARQUET) -> None:
        self._folder, self._shards, self._layout = folder, list(shards), layout
        self._paths = [str(folder / path) for path in shards]
        metas = [pq.read_metadata(path) for path in self._paths]
        own: pa.Schema = metas[0].schema.to_arrow_schema()
        self._placed = layout.placed(own)
        self.schema: pa.Schema = layout.rows(own) if self._placed else own
        if any(m.schema.to_arrow_schema().names != own.names for m in metas[1:]):
            raise LoaderError(
                "the shards of the release have different columns",
                reason="release-columns",
                hint="load shards of one release only",
            )
        media = [field.name for field in own if field.type == MEDIA_TYPE]
        self._groups = [g for shard, meta in enumerate(metas) for g in _groups(shard, meta, media)]
        self._ends = np.cumsum([group.rows for group in self._groups], dtype=np.int64)
        self._open_caches()

    @classmethod
    def of(cls, release: ReleaseFolder, split: str) -> Rows:
        """The rows of a split.

        Raises:
            LoaderError: ``no-split``; ``release-columns``.
        """
        layout = layout_of(release.manifest)
        indices = layout.indices(release.folder)
        if split not in indices:
            raise LoaderError(
                f"the release has no split '{split}'",
                reason="no-split",
                hint=f"it has {', '.join(sorted(indices))}",
            )
        return cls(release.folder, indices[split], layout)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_files", "_media", "_tables", "_facts", "_located", "_whole"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_caches()

    @property
    def groups(self) -> list[int]:
        """How many rows each row group has."""
        return [group.rows for group in self._groups]

    def column(self, names: Sequence[str]) -> pa.Table:
        """Whole small columns; of one row if there are none."""
        tables = [pq.read_table(path, columns=list(names)) for path in self._paths]
        return pa.concat_tables(tables)

    def small(self, row: int, names: tuple[str, ...]) -> tuple[pa.Table, int]:
        """The row group of a row with its small columns, and the row's place in it."""
        number, place = self._find(row)
        caches = self._caches()

        def read() -> pa.Table:
            group = self._groups[number]
            table = self._file(group.shard).parquet.read_row_group(
                group.number, columns=list(names), use_threads=False
            )
            return table.combine_chunks()

        return caches.tables.get((number, names), read), place

    def facts(self, row: int, names: tuple[str, ...]) -> dict[str, Any]:
        """Plain columns of one row."""
        number, place = self._find(row)

        def read() -> dict[str, list[Any]]:
            columns: dict[str, list[Any]] = self.small(row, names)[0].to_pydict()
            return columns

        columns = self._caches().facts.get((number, names), read)
        return {name: values[place] for name, values in columns.items()}

    def media(self, row: int, name: str) -> Cell | None:
        """The bytes of a media column; None for null."""
        number, place = self._find(row)
        if name in self._placed:
            return self._from_place(row, number, name)
        try:
            values = self._caches().located.get((number, name), lambda: self._locate(number, name))
        except Unplain:
            return self._from_whole(number, place, name)
        offset, size = int(values.offsets[place]), int(values.sizes[place])
        if offset < 0:
            return None
        file = self._file(self._groups[number].shard)
        return Cell(lambda at, count: file.read(offset + at, count), size)

    def _from_place(self, row: int, number: int, name: str) -> Cell | None:
        column = self._placed[name]
        index = self._shards[self._groups[number].shard]
        where = self._layout.place(self.facts(row, (column,))[column], index)
        if where is None:
            return None
        path = str(self._folder / where.path)
        file = self._caches().media.get(path, lambda: _File(path))
        size = file.size - where.offset if where.size is None else where.size
        return Cell(lambda at, count: file.read(where.offset + at, count), size)

    def _find(self, row: int) -> tuple[int, int]:
        number = int(np.searchsorted(self._ends, row, side="right"))
        return number, row - int(self._ends[number]) + self._groups[number].rows

    def _locate(self, number: int, name: str) -> Values:
        group = self._groups[number]
        chunk = group.chunk(name)
        if chunk is None:
            raise Unplain("compressed or coded")
        return locate(self._file(group.shard).read, chunk)

    def _from_whole(self, number: int, place: int, name: str) -> Cell | None:
        def read() -> pa.Array:
            group = self._groups[number]
            table = self._file(group.shard).parquet.read_row_group(
                group.number, columns=[f"{name}.bytes"], use_threads=False
            )
            return table.column(name).combine_chunks()

        value = self._caches().whole.get((number, name), read)[place]["bytes"]
        if not value.is_valid:
            return None
        data = value.as_buffer()
        return Cell(lambda at, count: data[at : at + count].to_pybytes(), data.size)

    def _file(self, shard: int) -> _File:
        return self._caches().files.get(shard, lambda: _File(self._paths[shard]))

    def _open_caches(self) -> None:
        self._process = os.getpid()
        self._files = _Recent[_File](_OPEN_FILES)
        self._media = _Recent[_File](_OPEN_FILES)
        self._tables = _Recent[pa.Table](_SMALL_BYTES, lambda table: int(table.nbytes))
        self._facts = _Recent[dict[str, list[Any]]](_FACTS_GROUPS)
        self._located = _Recent[Values](_LOCATED_GROUPS)
        self._whole = _Recent[pa.Array](_WHOLE_GROUPS)

    def _caches(self) -> _Caches:
        """Those of this process: after a fork, files are opened again."""
        if self._process != os.getpid():
            self._open_caches()
        return _Caches(
            self._files, self._media, self._tables, self._facts, self._located, self._whole
        )


class _File:
    """An open file of the release. Closed when nobody holds it any more."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._parquet: pq.ParquetFile | None = None
        self._raw = Path(path).open("rb", buffering=0)  # noqa: SIM115 - as long as it is in use

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._raw.fileno()).st_size

    @property
    def parquet(self) -> pq.ParquetFile:
        """For columns that are decoded."""
        if self._parquet is None:
            self._parquet = pq.ParquetFile(self._path)
        return self._parquet

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on."""
        data = os.pread(self._raw.fileno(), size, offset)
        while 0 < len(data) < size:
            more = os.pread(self._raw.fileno(), size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def __del__(self) -> None:
        if hasattr(self, "_raw"):  # else it could not be opened
            self._raw.close()


class _Recent(Generic[T]):
    """What was used last, up to a total weight; the newest stays whatever it weighs."""

    def __init__(self, limit: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self._held: OrderedDict[Hashable, T] = OrderedDict()
        self._limit, self._weigh, self._weight = limit, weigh, 0

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is held under `key`, else what `make` gives."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        made = make()
        self._held[key] = made
        self._weight += self._weigh(made)
        while self._weight > self._limit and len(self._held) > 1:
            _, old = self._held.popitem(last=False)
            self._weight -= self._weigh(old)
        return made


@dataclass(frozen=True, slots=True)
class _Caches:
    files: _Recent[_File]
    media: _Recent[_File]
    tables: _Recent[pa.Table]
    facts: _Recent[dict[str, list[Any]]]
    located: _Recent[Values]
    whole: _Recent[pa.Array]


def _groups(shard: int, meta: pq.FileMetaData, media: Sequence[str]) -> Iterator[_Group]:
    for number in range(meta.num_row_groups):
        group = meta.row_group(number)
        chunks = []
        for index in range(group.num_columns):
            column = group.column(index)
            name = column.path_in_schema.removesuffix(".bytes")
            if name not in media or not column.path_in_schema.endswith(".bytes"):
                continue
            if column.compression != "UNCOMPRESSED" or column.has_dictionary_page:
                continue
            levels = meta.schema.column(index).max_definition_level
            chunk = Chunk(
                start=column.data_page_offset,
                size=column.total_compressed_size,
                rows=group.num_rows,
                levels=levels,
            )
            chunks.append((name, chunk))
        yield _Group(shard, number, group.num_rows, tuple(chunks))
