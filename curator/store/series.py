"""Series as bytes and back: Arrow columns, the same bytes for the same series."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curator.model.series import Series

__all__ = ["decode_series", "encode_series", "join_series"]

_Group = list[tuple[str, Series]]


def encode_series(series: Mapping[str, Series]) -> bytes:
    """Arrow IPC streams, one after the other: one for each time grid, a column for each series on it.

    Any number type of native byte order, booleans and byte strings (``S``: kept at their own
    lengths, so pictures of different sizes waste nothing), of any shape per value. NaNs keep their
    bits. A stream is zstd-compressed where that makes it smaller. Nothing in it depends on when
    or where it was written.

    Raises:
        TypeError: for values of another type.
    """
    return b"".join(_encode(group) for group in _groups(series))


def decode_series(data: bytes) -> dict[str, Series]:
    """What `encode_series` was given, sorted by name; arrays are read-only.

    Raises:
        ValueError: if the bytes are not such streams.
    """
    out: dict[str, Series] = {}
    source = pa.BufferReader(data)
    while source.tell() < len(data):
        try:
            with pa.ipc.open_stream(source) as reader:
                batch = reader.read_next_batch()
                if any(reader):
                    raise ValueError("not a stream of series: more than one batch")
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"not a stream of series: {error}") from error
        out.update(_decode(batch))
    return dict(sorted(out.items()))


def join_series(runs: Sequence[Mapping[str, Series]]) -> dict[str, Series]:
    """One series for each name, from runs of tiles in time order; a run may lack a name.

    Raises:
        ValueError: if runs overlap, or time bases or shapes differ.
    """
    names = sorted({name for run in runs for name in run})
    return {name: Series.join([run[name] for run in runs if name in run]) for name in names}


def _groups(series: Mapping[str, Series]) -> list[_Group]:
    """Series by time grid: measures report many series at the same times, which are stored once."""
    groups: dict[tuple[Fraction, bytes], _Group] = {}
    for name, one in sorted(series.items()):
        groups.setdefault((one.time_base, one.ticks.tobytes()), []).append((name, one))
    return list(groups.values())


def _encode(group: _Group) -> bytes:
    first = group[0][1]
    # Times as steps: at a constant rate they are all the same, and take no room once compressed.
    columns = [_column(np.diff(first.ticks.astype(np.int64, copy=False), prepend=0))]
    kinds: dict[str, list[object]] = {}
    for name, one in group:
        kinds[name] = [_kind(one.values.dtype), list(one.values.shape[1:])]
        columns.append(_column(one.values))
    about = {
        "time_base": f"{first.time_base.numerator}/{first.time_base.denominator}",
        "series": json.dumps(kinds, sort_keys=True),
    }
    batch = pa.record_batch(columns, names=["steps", *(name for name, _ in group)])
    batch = batch.replace_schema_metadata(about)
    # Level 1, the default, turns 80 kB of equal integers into 2.5 kB, level 3 into 28 B.
    return min(
        (_stream(batch, None), _stream(batch, pa.Codec("zstd", compression_level=3))), key=len
    )


def _stream(batch: pa.RecordBatch, compression: pa.Codec | None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _decode(batch: pa.RecordBatch) -> dict[str, Series]:
    about = batch.schema.metadata
    numerator, denominator = about[b"time_base"].decode().split("/")
    base = Fraction(int(numerator), int(denominator))
    kinds: dict[str, tuple[str, list[int]]] = json.loads(about[b"series"])
    steps, *columns = batch.columns  # by position: a series may bear any name
    ticks = np.cumsum(_values(steps, np.dtype(np.int64), (batch.num_rows,)), dtype=np.int64)
    ticks.flags.writeable = False
    return {
        name: Series(ticks, base, _values(column, np.dtype(kind), (len(ticks), *shape)))
        for column, (name, (kind, shape)) in zip(columns, kinds.items(), strict=True)
    }


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.kind != "S" and (dtype not in _ARROW or not dtype.isnative):
        raise TypeError(f"a series of {dtype} cannot be stored")
    return dtype.str


# Columns are made from and read as raw buffers: `pa.array` and `to_numpy` would import pandas,
# which takes half a second in every worker.
_ARROW: dict[np.dtype[Any], pa.DataType] = {
    np.dtype("?"): pa.bool_(),
    np.dtype("i1"): pa.int8(),
    np.dtype("i2"): pa.int16(),
    np.dtype("i4"): pa.int32(),
    np.dtype("i8"): pa.int64(),
    np.dtype("u1"): pa.uint8(),
    np.dtype("u2"): pa.uint16(),
    np.dtype("u4"): pa.uint32(),
    np.dtype("u8"): pa.uint64(),
    np.dtype("f2"): pa.float16(),
    np.dtype("f4"): pa.float32(),
    np.dtype("f8"): pa.float64(),
}


def _column(values: npt.NDArray[Any]) -> pa.Array:
    size = math.prod(values.shape[1:])
    if size == 0:  # nothing to keep but the shape
        return pa.nulls(len(values))
    flat = np.ascontiguousarray(values).reshape(-1)
    inner = _binary(flat) if flat.dtype.kind == "S" else _numbers(flat)
    return inner if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(inner, size)


def _numbers(flat: npt.NDArray[Any]) -> pa.Array:
    data = np.packbits(flat, bitorder="little") if flat.dtype == np.bool_ else flat
    return pa.Array.from_buffers(
        _ARROW[flat.dtype], len(flat), [None, pa.py_buffer(data.tobytes())]
    )


def _binary(flat: npt.NDArray[np.bytes_]) -> pa.Array:
    items = flat.tolist()
    ends = np.cumsum([0, *(len(item) for item in items)], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(items))]
    return pa.Array.from_buffers(pa.large_binary(), len(items), buffers)


def _values(column: pa.Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    count = math.prod(shape)
    if count == 0:
        return np.zeros(shape, dtype)
    raw = column.buffers()[-1]
    if dtype.kind == "S":
        ends = np.frombuffer(column.buffers()[-2], np.int64, count + 1).tolist()
        items = [raw[start:end].to_pybytes() for start, end in pairwise(ends)]
        flat = np.array(items, dtype=dtype)
    elif dtype == np.bool_:
        bits = np.frombuffer(raw, np.uint8)
        flat = np.unpackbits(bits, count=count, bitorder="little").astype(np.bool_)
    else:
        flat = np.frombuffer(raw, dtype, count)
    flat.flags.writeable = False
    return flat.reshape(shape)
