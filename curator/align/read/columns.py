"""Columns of numbers out of Parquet, CSV, HDF5 and NumPy files."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curator.abc.reader import Sidecar
from curator.align.read.arrays import read_arrays
from curator.align.read.bounded import DATA_BYTES, check_size, invalid, missing_extra, read_text

__all__ = ["CSV_FIRST_ROW", "Column", "numbers", "read_columns", "suffix"]

Column = npt.NDArray[Any] | Sequence[str]
"""Numbers, one or several for each row; or the text of a CSV file's cells."""

CSV_FIRST_ROW = 2
"""Rows of CSV are named by line, and the first line holds the names."""
_CSV_BYTES = 512 << 20
_DELIMITERS = ",;\t"


def suffix(file: Sidecar) -> str:
    """The file's ending, lower case, with the dot."""
    return PurePosixPath(file.name).suffix.lower()


def read_columns(file: Sidecar, wanted: Collection[str] | None = None) -> Mapping[str, Column]:
    """Columns by name, in the file's order; those that hold no numbers are left out.

    Args:
        file: told by its suffix: ``.parquet``, ``.csv``, ``.tsv``, ``.h5``, ``.hdf5``, ``.npz``, ``.npy``.
        wanted: names to be read, where they exist; all unless given. Datasets of HDF5 are named by
            their path (``observations/qpos``).

    Raises:
        SourceError: ``sidecar-invalid``; ``extra-missing`` for HDF5 without h5py.
    """
    read = _READERS.get(suffix(file))
    if read is None:
        raise invalid(file, f"'{suffix(file)}' is none of {', '.join(sorted(_READERS))}")
    return read(file, wanted)


def numbers(file: Sidecar, name: str, column: Column) -> npt.NDArray[Any]:
    """The column as floats of 32 or 64 bits; empty cells are NaN.

    Raises:
        SourceError: ``sidecar-invalid``, naming the line of what is no number.
    """
    if isinstance(column, np.ndarray):
        return column if column.dtype in (np.float32, np.float64) else column.astype(np.float64)
    out = np.empty(len(column))
    for row, text in enumerate(column):
        try:
            out[row] = float(text) if text.strip() else np.nan
        except ValueError as error:
            at = f"line {row + CSV_FIRST_ROW}"
            raise invalid(file, f"'{text[:40]}' in '{name}' is no number", at=at) from error
    return out


def _npz(file: Sidecar, wanted: Collection[str] | None) -> dict[str, Column]:
    arrays = read_arrays(file, wanted)
    return {name: one for name, one in arrays.items() if one.dtype.kind in "iufb" and one.ndim}


def _csv(file: Sidecar, wanted: Collection[str] | None) -> dict[str, Column]:
    text = read_text(file, limit=_CSV_BYTES)
    head = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=head.count)
    rows = csv.reader(text.split("\n"), delimiter=delimiter, strict=True)
    cells: list[list[str]] = []
    names: list[str] = []
    empty = 0
    try:
        for row in rows:
            if not names:
                names = [name.strip() for name in row]
                cells = [[] for _ in names]
                continue
            if not row:  # an empty line: at the end only, so that rows stay lines
                empty = empty or rows.line_num
                continue
            if empty:
                raise invalid(file, "is empty, and there are rows after it", at=f"line {empty}")
            if len(row) != len(names):
                message = f"{len(row)} cells, the first line names {len(names)} columns"
                raise invalid(file, message, at=f"line {rows.line_num}")
            for column, cell in zip(cells, row, strict=True):
                column.append(cell)
    except csv.Error as error:
        raise invalid(file, str(error), at=f"line {rows.line_num}") from error
    if len(set(names)) != len(names) or not all(names):
        raise invalid(file, "columns need names that differ", at="line 1")
    found = dict(zip(names, cells, strict=True))
    if wanted is not None:
        return {name: column for name, column in found.items() if name in wanted}
    return {name: column for name, column in found.items() if _is_number(column)}


def _is_number(column: Sequence[str]) -> bool:
    """Whether its first cell that is not empty is a number: later ones that are none are mistakes.

    A column without any is one of gaps.
    """
    first = next((cell for cell in column if cell.strip()), "nan")
    try:
        float(first)
    except ValueError:
        return False
    return True


def _parquet(file: Sidecar, wanted: Collection[str] | None) -> dict[str, Column]:
    check_size(file)
    try:
        with pq.ParquetFile(file.path) as opened:
            schema = opened.schema_arrow
            names = [
                field.name
                for field in schema
                if (wanted is None or field.name in wanted) and _holds_numbers(field.type)
            ]
            _check_parquet(file, opened, set(names))
            table = opened.read(columns=names, use_threads=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise invalid(file, f"no Parquet that can be read: {error}") from error
    return {name: _arrow(file, name, table.column(name)) for name in names}


def _check_parquet(file: Sidecar, opened: pq.ParquetFile, names: Collection[str]) -> None:
    """Sizes by the footer, before anything is unpacked; run-length codes make a lie of bytes alone."""
    total, metadata = 0, opened.metadata
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if chunk.path_in_schema.split(".")[0] in names:
                total += max(chunk.total_uncompressed_size, chunk.num_values * 8)
    if total > DATA_BYTES:
        raise invalid(file, f"{total} bytes when unpacked, at most {DATA_BYTES} are read")


def _is_scalar(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_timestamp(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _holds_numbers(kind: pa.DataType) -> bool:
    while _is_list(kind):
        kind = kind.value_type
    return _is_scalar(kind)


def _arrow(file: Sidecar, name: str, column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Numbers of a column; lists must be as long in every row."""
    array, shape = column.combine_chunks(), [len(column)]
    while _is_list(array.type):
        lengths = pc.fill_null(pc.list_value_length(array), -1)
        width = max(lengths[0].as_py(), 0) if len(array) else 0
        wrong = pc.index(pc.not_equal(lengths, width), pa.scalar(value=True)).as_py()
        if wrong >= 0:
            at = f"row {wrong // math.prod(shape[1:])}"
            raise invalid(file, f"'{name}' has not {width} values there", at=at)
        shape.append(width)
        array = array.flatten()
    return _flat(file, name, array).reshape(shape)


def _flat(file: Sidecar, name: str, array: pa.Array) -> npt.NDArray[Any]:
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp("ns", kind.tz)).cast(pa.int64())
    if pa.types.is_integer(array.type) and not array.null_count:
        try:
            whole = array.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise invalid(file, f"'{name}': {error}") from error
        return _buffer(whole, np.dtype(np.int64))
    if pa.types.is_boolean(kind) and not array.null_count:
        return _buffer(array.cast(pa.uint8()), np.dtype(np.uint8)).astype(np.bool_)
    if array.type == pa.float32():
        return _buffer(pc.fill_null(array, float("nan")), np.dtype(np.float32))
    return _floats(array)


def _floats(array: pa.Array) -> npt.NDArray[np.float64]:
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    wide = array.cast(pa.float64(), safe=False)
    return _buffer(pc.fill_null(wide, float("nan")), np.dtype(np.float64))


def _buffer(array: pa.Array, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    # Not `to_numpy`, which would import pandas.
    raw = array.buffers()[1]
    if raw is None or not len(array):
        return np.zeros(0, dtype)
    return np.frombuffer(raw, dtype)[array.offset : array.offset + len(array)]


def _hdf5(file: Sidecar, wanted: Collection[str] | None) -> dict[str, Column]:
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "robotics-data") from error
    check_size(file)
    out: dict[str, Column] = {}
    left = DATA_BYTES

    def take(name: str, node: Any) -> None:
        nonlocal left
        if not isinstance(node, h5py.Dataset) or (wanted is not None and name not in wanted):
            return
        if not node.shape or node.dtype.kind not in "iufb":
            return
        if node.external or node.is_virtual:
            raise invalid(file, "its numbers lie in another file, which is never opened", at=name)
        left -= node.size * node.dtype.itemsize
        if left < 0:
            raise invalid(file, f"more than {DATA_BYTES} bytes when unpacked", at=name)
        out[name] = node[()]

    try:
        with h5py.File(file.path, "r") as opened:
            opened.visititems(take)  # links into other files are not followed
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise invalid(file, f"no HDF5 that can be read: {error}") from error
    return out


_READERS: Mapping[str, Callable[[Sidecar, Collection[str] | None], dict[str, Column]]] = {
    ".csv": _csv,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".npy": _npz,
    ".npz": _npz,
    ".parquet": _parquet,
    ".tsv": _csv,
}
