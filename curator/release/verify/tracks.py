"""Tracks of a sample: times in order, inside the clip, one for each value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from curator.release.verify.faults import Fault
from curator.release.verify.rows import Row

__all__ = ["check_tracks"]

_PREFIX = "tracks."
_ROUNDING_SECONDS = 1e-6


def check_tracks(row: Row) -> Iterator[Fault]:
    """Any column ``tracks.NAME`` that has ``seconds`` and values, or a list of cues with start and end."""
    for column, value in row.values.items():
        if not column.startswith(_PREFIX) or value is None:
            continue
        for reason, what in _problems(value, float(row.seconds)):
            yield row.fault(reason, "track", f"{column}: {what}")


def _problems(value: Any, seconds: float) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from _sampled(value, seconds)
    elif isinstance(value, Sequence):
        yield from _cues(value, seconds)


def _sampled(value: Mapping[str, Any], seconds: float) -> Iterator[tuple[str, str]]:
    times = value.get("seconds")
    if times is None:
        yield "track-times", "has no times"
        return
    for name, held in value.items():
        if name != "seconds" and held is not None and len(held) != len(times):
            yield "track-count", f"{len(held)} {name} for {len(times)} times"
    if not all(math.isfinite(time) for time in times):
        yield "track-times", "a time is no number"
    elif any(b <= a for a, b in pairwise(times)):
        yield "track-times", "times do not increase"
    elif times and not (times[0] >= -_ROUNDING_SECONDS and times[-1] < seconds + _ROUNDING_SECONDS):
        yield "track-outside", _outside(times[0], times[-1], seconds)


def _cues(cues: Sequence[Mapping[str, Any]], seconds: float) -> Iterator[tuple[str, str]]:
    latest = -math.inf
    for number, cue in enumerate(cues):
        start, end = cue.get("start_seconds"), cue.get("end_seconds")
        if start is None or end is None or not start <= end:
            yield "track-times", f"entry {number} has no start and end"
            continue
        if start < latest:
            yield "track-times", f"entry {number} begins before the one before it"
        if start < -_ROUNDING_SECONDS or end > seconds + _ROUNDING_SECONDS:
            yield "track-outside", f"entry {number}: {_outside(start, end, seconds)}"
        latest = start
        yield from ((r, f"words of entry {number}: {w}") for r, w in _cues(cue.get("words") or (), seconds))  # fmt: skip


def _outside(first: float, last: float, seconds: float) -> str:
    return f"times {first:.4f}..{last:.4f} s leave the clip of {seconds:.4f} s"
