"""Times that a file gives for its rows, as increasing ticks."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid
from curator.model.track import NANOSECOND

__all__ = ["TimeUnit", "ticks_of"]

_MOST_TICKS = 2**62


class TimeUnit(enum.Enum):
    """What a file counts time in."""

    s = Fraction(1)
    ms = Fraction(1, 10**3)
    us = Fraction(1, 10**6)
    ns = Fraction(1, 10**9)


def ticks_of(
    file: Sidecar,
    times: npt.NDArray[Any] | Sequence[str],
    unit: TimeUnit = TimeUnit.s,
    *,
    from_first: bool = False,
    row: str = "row",
    first_row: int = 0,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Nanoseconds of every row that counts, and which rows those are.

    Of rows at the same instant the last one counts: that is the newest value. Rows that go back in
    time are an error: a clock that was set, or files that were joined, and no order is the right one.

    Args:
        file: for messages.
        times: ``(n,)`` integers or floats (32 bit floats are taken as the decimals that they
            print as), or the text of decimals, which are kept exactly.
        unit: what they count.
        from_first: count from the first row instead of the file's zero.
        row: what a row is called in messages.
        first_row: number of the first row in messages.

    Raises:
        SourceError: ``sidecar-invalid``, naming the row.
    """
    per_tick = unit.value / NANOSECOND
    found = _nanoseconds(file, times, int(per_tick), row, first_row)
    if from_first and len(found):
        found = found - found[0]
    steps = np.diff(found)
    if (steps < 0).any():
        at = int(np.argmax(steps < 0)) + 1
        raise invalid(file, "goes back in time", at=f"{row} {at + first_row}")
    keep = np.flatnonzero(np.append(steps > 0, True)) if len(found) else np.zeros(0, np.int64)
    return found[keep], keep


def _nanoseconds(
    file: Sidecar, times: npt.NDArray[Any] | Sequence[str], factor: int, row: str, first_row: int
) -> npt.NDArray[np.int64]:
    if not isinstance(times, np.ndarray):
        texts = enumerate(times, first_row)
        out = [_decimal(file, text, factor, f"{row} {number}") for number, text in texts]
        return np.array(out, dtype=np.int64)
    if times.ndim != 1 or times.dtype.kind not in "iuf":
        raise invalid(file, f"times are one number for each {row}")
    if times.dtype.kind == "f":
        exact = times.astype("U32").astype(np.float64) if times.dtype.itemsize < 8 else times
        good = np.isfinite(exact) & (np.abs(exact) * factor < _MOST_TICKS)
    else:
        exact = times
        good = np.abs(times.astype(np.float64)) * factor < _MOST_TICKS
    if not good.all():
        at = int(np.argmin(good))
        raise invalid(file, f"{times[at]} is no time", at=f"{row} {at + first_row}")
    if times.dtype.kind == "f":
        exact = np.rint(exact * factor)
        factor = 1
    whole: npt.NDArray[np.int64] = exact.astype(np.int64) * factor
    return whole


def _decimal(file: Sidecar, text: str, factor: int, at: str) -> int:
    try:
        number = Decimal(text.strip())
        if not number.is_finite() or abs(number) * factor >= _MOST_TICKS:
            raise InvalidOperation
        return round(number * factor)
    except InvalidOperation as error:
        raise invalid(file, f"'{text[:40]}' is no time", at=at) from error
