"""Series as bytes and back: Arrow columns, the same bytes for the same series."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa

from curator.model.series import Series
from curator.store import columns

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
        out.update(_decode(columns.next_batch(source)))
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
    stored = [columns.steps(first.ticks)]
    kinds: dict[str, list[object]] = {}
    for name, one in group:
        kinds[name] = [columns.kind_of(one.values.dtype), list(one.values.shape[1:])]
        stored.append(columns.column(one.values))
    about = {
        "time_base": f"{first.time_base.numerator}/{first.time_base.denominator}",
        "series": json.dumps(kinds, sort_keys=True),
    }
    batch = pa.record_batch(stored, names=["steps", *(name for name, _ in group)])
    return columns.stream(batch.replace_schema_metadata(about))


def _decode(batch: pa.RecordBatch) -> dict[str, Series]:
    about = batch.schema.metadata
    numerator, denominator = about[b"time_base"].decode().split("/")
    base = Fraction(int(numerator), int(denominator))
    kinds: dict[str, tuple[str, list[int]]] = json.loads(about[b"series"])
    steps, *stored = batch.columns  # by position: a series may bear any name
    ticks = columns.ticks(steps)
    return {
        name: Series(ticks, base, columns.values(one, np.dtype(kind), (len(ticks), *shape)))
        for one, (name, (kind, shape)) in zip(stored, kinds.items(), strict=True)
    }
