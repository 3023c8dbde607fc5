"""Manifests: tables of video addresses with their rights and sidecars."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import Location, RecipeError
from curator.source.address import (
    anchored,
    is_local,
    join,
    open_file,
    redacted,
    split,
    suffix,
)
from curator.source.cells import cell_address, media_columns, num_without_bytes
from curator.source.commits import at_commit

__all__ = ["CELLS", "FILE_NAME", "MANIFEST_SUFFIXES", "ManifestRow", "read_manifest"]

MANIFEST_SUFFIXES = frozenset({".csv", ".jsonl", ".parquet", ".json"})

FILE_NAME = "file_name"
"""The column that names the file in a table beside a folder's videos."""
CELLS = "video"
"""Stands for the columns that hold videos themselves."""

_COLUMNS = ("url", "license", "attribution", "sidecars")
_SIDECAR = "sidecar."
_BLOCK_BYTES = 1 << 18
"""Of a remote table: small columns lie between large ones that are not wanted."""
_FLAGS = {"true": 1.0, "false": 0.0}
_MOST = 20
"""Mistakes shown of one manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One video of a manifest."""

    url: str
    """Openable: relative ones have been joined with the manifest's folder."""
    place: Location
    license: str | None = None
    attribution: str | None = None
    sidecars: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, float | str] = field(default_factory=dict)
    """Of the further columns that were asked for, those with a value: numbers, flags as 1 and 0, text."""


class _RowError(Exception):
    def __init__(self, message: str, hint: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.line = line


class _OfOtherThingsError(Exception):
    """The table does not tell of files."""


def read_manifest(
    url: str,
    *,
    key: str = "url",
    pins: Mapping[str, str] | None = None,
    columns: Collection[str] = (),
) -> tuple[list[ManifestRow], list[RecipeError]]:
    """The rows of a manifest, and its mistakes (``manifest-invalid``, each with file and line).

    Columns: ``url`` (relative to the manifest); ``license``, ``attribution``, ``sidecar.<role>`` or
    a map ``sidecars`` if you like; of others, those in `columns`. Lines of a Parquet file are its rows.
    A Parquet file with a column of videos (`curator.source.cells`) has its videos inside.

    Args:
        key: the column with the address. A table without the column `FILE_NAME`, when that is asked
            for, is of other things and has no rows; nor has one without videos, for `CELLS`.
        pins: where repositories are read (`curator.source.commits`).
        columns: names of further columns whose values are wanted.

    Raises:
        OSError and what else the file system raises (`remote_errors`): it cannot be read.
    """
    rows: list[ManifestRow] = []
    errors: list[RecipeError] = []
    try:
        for line, record in _records(url, key, pins or {}, columns):
            if isinstance(record, _RowError):
                errors.append(_error(url, line, record))
                continue
            try:
                rows.append(_row(url, line, record, "url" if key == CELLS else key, columns))
            except _RowError as mistake:
                errors.append(_error(url, line, mistake))
    except _OfOtherThingsError:
        return [], []
    except _RowError as mistake:
        errors.append(_error(url, mistake.line or 1, mistake))
    if len(errors) > _MOST:
        rest = _RowError(f"{len(errors) - _MOST} more mistakes like those before")
        errors[_MOST:] = [_error(url, 1, rest)]
    return rows, errors


_Records = Iterator[tuple[int, "dict[str, Any] | _RowError"]]


def _records(url: str, key: str, pins: Mapping[str, str], columns: Collection[str]) -> _Records:
    kind = suffix(url)
    if kind == ".json":
        raise _RowError(
            "a manifest is CSV, JSON Lines or Parquet",
            hint="write one object on each line and name it .jsonl",
        )
    with open_file(at_commit(url, pins), block_bytes=_BLOCK_BYTES) as file:
        if kind == ".parquet":
            yield from _parquet(file, url, key, columns)
            return
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _RowError("the text is not UTF-8", line=line) from error
    yield from _csv(text, key, columns) if kind == ".csv" else _jsonl(text, key, columns)


def _csv(text: str, key: str, columns: Collection[str]) -> _Records:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_columns([name or "" for name in reader.fieldnames or []], key, columns)
        for row in reader:
            if None in row:
                yield reader.line_num, _RowError("the row has more fields than the header")
            else:
                yield reader.line_num, row
    except csv.Error as error:
        line = reader.line_num + 1  # the count is of lines that were understood
        raise _RowError(f"not CSV: {error}", line=line) from error


def _jsonl(text: str, key: str, columns: Collection[str]) -> _Records:
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            record = json.loads(written)
        except json.JSONDecodeError as error:
            yield line, _RowError(f"not JSON: {error.msg} at column {error.colno}")
            continue
        if not isinstance(record, dict):
            yield line, _RowError("each line must be a JSON object")
            continue
        try:
            _check_columns(list(record), key, columns)
        except _RowError as mistake:
            yield line, mistake
        else:
            yield line, record


def _parquet(opened: BinaryIO, url: str, key: str, columns: Collection[str]) -> _Records:
    try:
        file = pq.ParquetFile(opened)
        media = media_columns(file.schema_arrow) if key != FILE_NAME else ()
        if media:
            yield from enumerate(_cells(file, url, media, columns), start=1)
            return
        if key == CELLS:
            raise _OfOtherThingsError
        _check_columns(file.schema_arrow.names, key, columns)
        # Other columns may be large: they are never read.
        names = file.schema_arrow.names
        known = [name for name in names if _is_known(name, key) or name in columns]
        records = file.read(columns=known).to_pylist(maps_as_pydicts="strict")
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and type(error) is not OSError:
            raise  # the network's; Arrow says plain OSError of damage
        raise _RowError(f"not Parquet: {error}") from error
    yield from enumerate(records, start=1)


class _Cell(str):
    """An address that needs no folder and comes from nobody."""

    __slots__ = ()


def _cells(
    file: pq.ParquetFile, url: str, media: Sequence[str], wanted: Collection[str]
) -> Iterator[dict[str, Any]]:
    """A record for each row of a table of videos; further columns of videos are its sidecars."""
    names = file.schema_arrow.names
    told = [name for name in names if _is_known(name, "") or (name in wanted and name not in media)]
    has_path = {name: pa.types.is_struct(file.schema_arrow.field(name).type) for name in media}
    columns = [*told, *(f"{name}.path" for name in media if has_path[name])]
    row = 0
    for group in range(file.metadata.num_row_groups):
        num_rows = file.metadata.row_group(group).num_rows
        nulls = {name: num_without_bytes(file.metadata, group, name) for name in media}
        records = file.read_row_group(group, columns=columns).to_pylist(maps_as_pydicts="strict")
        for record in records or [{} for _ in range(num_rows)]:
            found = {}
            for name in media:
                path = (record.pop(name, None) or {}).get("path")
                is_referred = nulls[name] == num_rows or (nulls[name] and "://" in (path or ""))
                found[name] = path if is_referred else _Cell(cell_address(url, name, row, path))
                if path is None and (has_path[name] and name != media[0]):
                    del found[name]
            main, *others = found.items()
            beside = {f"{_SIDECAR}{_camera(name)}": where for name, where in others}
            yield {**beside, **record, "url": main[1]}
            row += 1


def _camera(column: str) -> str:
    return re.sub(r"^videos?[._]", "", column)


def _is_known(name: str, key: str) -> bool:
    return name in (key, *_COLUMNS[1:]) or name.startswith(_SIDECAR)


def _check_columns(names: list[str], key: str, wanted: Collection[str]) -> None:
    """Extra columns are fine; one that is nearly a known one is a slip."""
    if key == FILE_NAME:
        if key not in names:
            raise _OfOtherThingsError
        return
    for name in names:
        if _is_known(name, key) or name in wanted:
            continue
        near = difflib.get_close_matches(name.lower().strip(), _COLUMNS, n=1, cutoff=0.8)
        if near and near[0] not in names:
            raise _RowError(f"no column is called '{name}'", hint=f"did you mean '{near[0]}'?")
    if key not in names:
        shown = ", ".join(names[:12]) or "none"
        raise _RowError(f"there is no column '{key}'", hint=f"its columns are: {shown}")


def _row(
    manifest: str, line: int, record: Mapping[str, Any], key: str, columns: Collection[str]
) -> ManifestRow:
    url = _text(record, key)
    if url is None:
        raise _RowError(f"the {key} is empty")
    return ManifestRow(
        url=_address(manifest, url),
        place=_place(manifest, line),
        license=_text(record, "license"),
        attribution=_text(record, "attribution"),
        sidecars={
            role: _address(manifest, value) for role, value in sorted(_sidecars(record).items())
        },
        columns={
            name: value
            for name in sorted(columns)
            if (value := _value(name, record.get(name))) is not None
        },
    )


def _value(name: str, value: Any) -> float | str | None:
    """What a cell says: CSV knows text alone, so what reads as a number or a flag is one."""
    if isinstance(value, str):
        value = value.strip()
        if value.lower() in _FLAGS:
            return _FLAGS[value.lower()]
        try:
            number = float(value)
        except ValueError:
            return value or None
        return number if math.isfinite(number) else None
    if value is None or isinstance(value, bool | int | float):
        return None if value is None or not math.isfinite(value) else float(value)
    raise _RowError(f"{name} must be a number, true or false, or text, not {value!r}")


def _sidecars(record: Mapping[str, Any]) -> dict[str, str]:
    table = record.get("sidecars") or {}
    if isinstance(table, str):
        try:
            table = json.loads(table)
        except json.JSONDecodeError as error:
            raise _RowError(f"sidecars is not a JSON object: {error.msg}") from error
    if not isinstance(table, dict):
        raise _RowError("sidecars must be a map from role to url")
    columns = {name.removeprefix(_SIDECAR): name for name in record if name.startswith(_SIDECAR)}
    found = {role: _text(table, role) for role in table}
    found |= {role: _text(record, name) for role, name in columns.items()}
    return {role: url for role, url in found.items() if url is not None}


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    if isinstance(value, _Cell):
        return value
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    raise _RowError(f"{name} must be text, not {value!r}")


def _address(manifest: str, url: str) -> str:
    if isinstance(url, _Cell):
        return url
    folder, _ = split(manifest)
    if is_local(manifest):
        return anchored(url, Path(folder))
    if is_local(url.split("::")[-1]) and ("://" in url or url.startswith(("/", "~"))):
        # It may come from anyone, and what it names is published.
        raise _RowError("a manifest that is not on this machine cannot name files of this machine")
    return join(folder, url)


def _place(manifest: str, line: int) -> Location:
    return Location(redacted(manifest), line, 1)


def _error(manifest: str, line: int, mistake: _RowError) -> RecipeError:
    return RecipeError(
        str(mistake),
        reason="manifest-invalid",
        where=_place(manifest, line),
        hint=mistake.hint,
    )
