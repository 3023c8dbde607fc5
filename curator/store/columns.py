"""Arrays as Arrow columns and back: what stored series and tracks are made of.

Columns are made from and read as raw buffers: `pa.array` and `to_numpy` would import pandas, which
takes half a second in every worker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = [
    "column",
    "kind_of",
    "next_batch",
    "steps",
    "stream",
    "strings",
    "texts",
    "ticks",
    "values",
]


def kind_of(dtype: np.dtype[Any]) -> str:
    """The name of a type that can be stored.

    Raises:
        TypeError: for any other.
    """
    if dtype.kind != "S" and (dtype not in _ARROW or not dtype.isnative):
        raise TypeError(f"a series of {dtype} cannot be stored")
    return dtype.str


def column(array: npt.NDArray[Any]) -> pa.Array:
    """``(n, *shape)`` values as one column of n rows; NaNs keep their bits."""
    size = math.prod(array.shape[1:])
    if size == 0:  # nothing to keep but the shape
        return pa.nulls(len(array))
    flat = np.ascontiguousarray(array).reshape(-1)
    inner = _binary(flat.tolist()) if flat.dtype.kind == "S" else _numbers(flat)
    return inner if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(inner, size)


def values(stored: pa.Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """What `column` was given, read-only."""
    count = math.prod(shape)
    if count == 0:
        return np.zeros(shape, dtype)
    raw = stored.buffers()[-1]
    if dtype.kind == "S":
        flat = np.array(_items(stored, count), dtype=dtype)
    elif dtype == np.bool_:
        bits = np.frombuffer(raw, np.uint8)
        flat = np.unpackbits(bits, count=count, bitorder="little").astype(np.bool_)
    else:
        flat = np.frombuffer(raw, dtype, count)
    flat.flags.writeable = False
    return flat.reshape(shape)


def steps(times: npt.NDArray[np.int64]) -> pa.Array:
    """Times as steps: at a constant rate they are all the same, and take no room once compressed."""
    return column(np.diff(times.astype(np.int64, copy=False), prepend=0))


def ticks(stored: pa.Array) -> npt.NDArray[np.int64]:
    """The times that `steps` was given, read-only."""
    out = np.cumsum(values(stored, np.dtype(np.int64), (len(stored),)), dtype=np.int64)
    out.flags.writeable = False
    return out


def strings(items: Sequence[str]) -> pa.Array:
    """Strings at their own lengths; lone surrogates are kept."""
    return _binary([item.encode("utf-8", "surrogatepass") for item in items])


def texts(stored: pa.Array) -> list[str]:
    """What `strings` was given."""
    return [item.decode("utf-8", "surrogatepass") for item in _items(stored, len(stored))]


def stream(batch: pa.RecordBatch) -> bytes:
    """One batch as an Arrow IPC stream, compressed where that makes it smaller."""
    # Level 1, the default, turns 80 kB of equal integers into 2.5 kB, level 3 into 28 B.
    return min(
        (_stream(batch, None), _stream(batch, pa.Codec("zstd", compression_level=3))), key=len
    )


def next_batch(source: pa.BufferReader) -> pa.RecordBatch:
    """The batch of the stream that begins at the place where `source` stands.

    Raises:
        ValueError: if it is none, or holds more than one batch.
    """
    try:
        with pa.ipc.open_stream(source) as reader:
            batch = reader.read_next_batch()
            if any(reader):
                raise ValueError("not a stream of ours: more than one batch")
    except (pa.ArrowException, OSError, StopIteration) as error:
        raise ValueError(f"not a stream of ours: {error}") from error
    return batch


def _stream(batch: pa.RecordBatch, compression: pa.Codec | None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


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


def _numbers(flat: npt.NDArray[Any]) -> pa.Array:
    data = np.packbits(flat, bitorder="little") if flat.dtype == np.bool_ else flat
    return pa.Array.from_buffers(
        _ARROW[flat.dtype], len(flat), [None, pa.py_buffer(data.tobytes())]
    )


def _binary(items: Sequence[bytes]) -> pa.Array:
    ends = np.cumsum([0, *(len(item) for item in items)], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(items))]
    return pa.Array.from_buffers(pa.large_binary(), len(items), buffers)


def _items(stored: pa.Array, count: int) -> list[bytes]:
    if not count:
        return []
    ends, data = stored.buffers()[-2:]
    raw = data.to_pybytes() if data is not None else b""
    limits = np.frombuffer(ends, np.int64, count + 1).tolist()
    return [raw[start:end] for start, end in pairwise(limits)]
