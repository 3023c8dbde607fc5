"""Where the values of a column of bytes lie in a Parquet file, so that one can be read without the others.

Media columns are stored as they are: plain, not compressed. Then a value is a stretch of the file,
and reading a sample need not read its row group (32 MiB). Page headers are Thrift structs in the
compact protocol; of their fields, sizes and counts are enough.
Source: github.com/apache/parquet-format, Encodings.md and src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Chunk", "Unplain", "Values", "locate"]

Read: TypeAlias = Callable[[int, int], bytes]
Field: TypeAlias = "int | dict[int, Field]"

_HEADER_BYTES = 512
"""Page headers of media take some 30 bytes: they have no statistics."""
_DATA_PAGE = 0
_PLAIN = 0


class Unplain(Exception):  # noqa: N818 - no error: the reader goes the long way
    """The column is stored in another way; read the row group instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One column of one row group."""

    start: int
    size: int
    rows: int
    levels: int
    """Definition level of a value that is there: how many of the column's parents and itself may be null."""


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """One entry per row."""

    offsets: npt.NDArray[np.int64]
    """In the file; -1 for null."""
    sizes: npt.NDArray[np.int64]


def locate(read: Read, chunk: Chunk) -> Values:
    """Find every value by its page and the lengths before it; reads a few bytes per value.

    Raises:
        Unplain: when pages are of another kind than those that this project writes.
    """
    offsets = np.full(chunk.rows, -1, np.int64)
    sizes = np.zeros(chunk.rows, np.int64)
    row, at = 0, chunk.start
    while row < chunk.rows:
        if at >= chunk.start + chunk.size:
            raise Unplain("pages end before the rows do")
        header, length = _Thrift(read(at, _HEADER_BYTES)).struct()
        page = header.get(5)
        size = header.get(3)
        if header.get(1) != _DATA_PAGE or not isinstance(page, dict) or page.get(2) != _PLAIN:
            raise Unplain("no plain data page of version 1")
        count = page.get(1)
        if not isinstance(count, int) or not isinstance(size, int) or size != header.get(2):
            raise Unplain("a compressed page")
        present, begin = _present(read, at + length, count, chunk.levels)
        for number in np.flatnonzero(present):
            sizes[row + number] = int.from_bytes(read(begin, 4), "little")
            offsets[row + number] = begin + 4
            begin += 4 + int(sizes[row + number])
        at += length + size
        if begin != at:
            raise Unplain("values and pages do not end together")
        row += count
    return Values(offsets, sizes)


def _present(read: Read, at: int, count: int, levels: int) -> tuple[npt.NDArray[np.bool_], int]:
    """Which values of a page are not null, and where its values begin."""
    if levels == 0:
        return np.ones(count, bool), at
    size = int.from_bytes(read(at, 4), "little")
    found = _hybrid(read(at + 4, size), count, levels.bit_length())
    return found == levels, at + 4 + size


def _hybrid(data: bytes, count: int, width: int) -> npt.NDArray[np.int64]:
    """Numbers of `width` bits (up to 8) in the mix of runs and bit-packed groups of 8."""
    parts: list[npt.NDArray[np.int64]] = []
    at, have = 0, 0
    while have < count:
        head, at = _varint(data, at)
        if head & 1:
            length = (head >> 1) * width
            bits = np.unpackbits(
                np.frombuffer(data, np.uint8, length, at), bitorder="little"
            ).reshape(-1, width)
            part = (bits.astype(np.int64) << np.arange(width)).sum(axis=1)
        else:
            length = 1
            part = np.full(head >> 1, data[at], np.int64)
        at += length
        have += len(part)
        parts.append(part)
    return np.concatenate(parts)[:count] if parts else np.zeros(0, np.int64)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        if at >= len(data):
            raise Unplain("a number without an end")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


class _Thrift:
    """Reads the integers and structs of a Thrift struct; refuses what page headers do not have."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> tuple[dict[int, Field], int]:
        """Fields by number, and how many bytes were read."""
        return self._struct(), self._at

    def _struct(self) -> dict[int, Field]:
        fields: dict[int, Field] = {}
        number = 0
        while True:
            head = self._byte()
            if head == 0:
                return fields
            step, kind = head >> 4, head & 15
            number = number + step if step else self._signed()
            if kind in (1, 2):  # booleans are in the head
                fields[number] = int(kind == 1)
            elif kind in (4, 5, 6):
                fields[number] = self._signed()
            elif kind == 12:
                fields[number] = self._struct()
            elif kind == 8:  # bytes: statistics, not of use here
                size, self._at = _varint(self._data, self._at)
                self._at += size
            else:
                raise Unplain(f"a field of kind {kind}")

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise Unplain("a long page header")
        self._at += 1
        return self._data[self._at - 1]

    def _signed(self) -> int:
        value, self._at = _varint(self._data, self._at)
        return (value >> 1) ^ -(value & 1)
