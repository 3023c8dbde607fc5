"""Layout ``webdataset``: media are in tar files that trainings stream, the rows in a table beside each.

A tar file has what never changes of a sample: its media, and who it is. Signals, tracks and verdicts
are in the table, with where each medium lies in the tar file: so a new threshold or measure leaves
tar files alone, and one clip is read without the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from curator.pack.entry import Entry, media_name
from curator.pack.layout import Layout, Mask, Place, Thinned, write_rows
from curator.pack.schema import MEDIA_TYPE, with_features
from curator.pack.tar import TarError, TarWriter, members

__all__ = ["WebDatasetLayout"]

_PLACE = pa.struct([("shard", pa.string()), ("offset", pa.int64()), ("size", pa.int64())])
_TEXTS = ("id", "split", "source", "url", "fingerprint", "license", "attribution")
_SPAN = ("start_seconds", "end_seconds")
_COUNTS = ("width_px", "height_px", "num_frames", "sample_rate_hz", "channels", "num_samples")

_Media = Mapping[str, bytes | Path]


class WebDatasetLayout(Layout):
    """``shards/train-0110.tar`` and ``data/train-0110.parquet``."""

    name: ClassVar[str] = "webdataset"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"data/(?P<split>.+)-(?P<prefix>\w+)\.parquet")
    glob: ClassVar[str] = "data/*.parquet"

    def index(self, split: str, prefix: str) -> str:
        """The table of a tar file."""
        return f"data/{split}-{prefix or 'all'}.parquet"

    def columns(self, rows: pa.Schema) -> pa.Schema:
        """``{shard, offset, size}`` in place of media."""
        return with_features(
            [pa.field(f.name, _PLACE) if f.type == MEDIA_TYPE else f for f in rows]
        )

    def placed(self, index: pa.Schema) -> dict[str, str]:
        """All media."""
        return {field.name: field.name for field in index if field.type == _PLACE}

    def place(self, value: Any, index: str) -> Place | None:
        """A member of the tar file."""
        del index
        if value is None:
            return None
        return Place(path=value["shard"], offset=value["offset"], size=value["size"])

    def write(
        self, folder: Path, index: str, groups: Iterable[Sequence[Entry]], rows: pa.Schema
    ) -> dict[str, tuple[str, ...]]:
        """A tar file and its table."""
        media = [field.name for field in rows if field.type == MEDIA_TYPE]
        held: dict[str, tuple[str, ...]] = {}
        with _Tar(folder, index) as tar:

            def told() -> Iterator[list[dict[str, Any]]]:
                for group in groups:
                    yield [tar.add(one.row(), media, one.media) for one in group]
                    held.update({one.id: (tar.name,) for one in group if media})

            write_rows(folder / index, told(), self.columns(rows))
        return held

    def thin(self, source: Path, target: Path, index: str, wanted: Mask) -> Thinned:
        """Both, again: members move, so the table tells new places."""
        kept: list[str] = []
        with pq.ParquetFile(source / index) as file, _Tar(target, index) as tar:
            schema: pa.Schema = file.schema_arrow
            media = list(self.placed(schema))

            def told() -> Iterator[list[dict[str, Any]]]:
                for number in range(file.num_row_groups):
                    table = file.read_row_group(number)
                    rows = table.filter(wanted(table)).to_pylist()
                    kept.extend(row["id"] for row in rows)
                    if rows:
                        yield [tar.add(row, media, self._held(source, index, row)) for row in rows]

            write_rows(target / index, told(), schema)
        return Thinned(ids=tuple(sorted(kept)), written=(index, tar.name))

    def companions(self, index: str) -> tuple[str, ...]:
        """The tar file."""
        return (_tar_of(index),)

    def differences(self, folder: Path, index: str) -> Iterator[str]:
        """Members that no row tells, and rows whose members are not there."""
        media = list(self.placed(pq.read_schema(folder / index)))
        told: dict[str, tuple[int, int | None] | None] = {}
        for row in pq.read_table(folder / index, columns=["id", *media]).to_pylist():
            told[f"{row['id']}.json"] = None
            for name in media:
                place = self.place(row[name], index)
                where = None if place is None else (place.offset, place.size)
                told[media_name(row["id"], name)] = where
        try:
            held = members(folder / _tar_of(index))
        except TarError as error:
            yield f"{_tar_of(index)} is no tar file: {error}"
            return
        for name in sorted(told.keys() ^ held.keys()):
            yield f"{name} is {'not in' if name in told else 'in'} {_tar_of(index)}, and {'a' if name in told else 'no'} row tells of it"
        for name in sorted(told.keys() & held.keys()):
            if told[name] is not None and told[name] != held[name]:
                yield f"{name} is not where its row says in {_tar_of(index)}"

    def _held(self, source: Path, index: str, row: Mapping[str, Any]) -> dict[str, bytes]:
        places = {name: self.place(row[name], index) for name in row if _is_place(row[name])}
        read = {name: one.read(source) for name, one in places.items() if one is not None}
        return {name: data for name, data in read.items() if data is not None}


class _Tar:
    """The tar file of a shard."""

    def __init__(self, folder: Path, index: str) -> None:
        self.name = _tar_of(index)
        (folder / self.name).parent.mkdir(parents=True, exist_ok=True)
        self._writer = TarWriter(folder / self.name)

    def __enter__(self) -> _Tar:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, row: Mapping[str, Any], media: Sequence[str], held: _Media) -> dict[str, Any]:
        """Write a sample; its row with where its media are.

        Every sample has the same members, as readers want it: one without sound has an empty FLAC.
        """
        places: dict[str, Any] = {}
        for name in media:
            at, size = self._writer.add(media_name(row["id"], name), held.get(name, b""))
            there = {"shard": self.name, "offset": at, "size": size}
            places[name] = there if name in held else None
        self._writer.add(f"{row['id']}.json", _about(row))
        return {**row, **places}


def _tar_of(index: str) -> str:
    return index.replace("data/", "shards/", 1).removesuffix(".parquet") + ".tar"


def _is_place(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"shard", "offset", "size"}


def _about(row: Mapping[str, Any]) -> bytes:
    """Who a sample is: the same keys and types in every sample, since readers learn them from a few."""
    about: dict[str, Any] = {name: row[name] or "" for name in _TEXTS}
    about |= {name: row[name] for name in _SPAN}
    about |= {name: row[name] or 0 for name in _COUNTS}
    about["fps"] = float(row["fps"] or 0)
    return json.dumps(about, ensure_ascii=False, allow_nan=False, sort_keys=True).encode()
