"""Where to read a video and where to jump: tiles grouped into stretches that are decoded in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from curator.media.probe import Clock, Probe
from curator.media.sound import Sound
from curator.media.windows import FrameWindows

__all__ = ["Run", "plan_runs"]

_INTERLEAVE_SECONDS = 1
"""Audio may lie this far before the picture of its time in the file."""


@dataclass(frozen=True, slots=True)
class Run:
    """Tiles read in one go."""

    tiles: tuple[int, ...]
    entry: int | None
    """Frame to seek to; None begins at the file's start."""
    audio_from: Fraction | None
    """First instant of audio that is needed, by the earliest tile."""


def plan_runs(
    probe: Probe,
    windows: FrameWindows,
    tiles: Sequence[int],
    audio_from: Sequence[Fraction | None],
    *,
    may_seek: bool,
) -> list[Run]:
    """Group `tiles`: a gap is jumped where an entry lies beyond what was read, else read through."""
    if not may_seek or probe.clock is not Clock.pts:
        return [Run(tuple(tiles), None, audio_from[0])]
    runs: list[Run] = []
    end = -1
    for tile, begin in zip(tiles, audio_from, strict=True):
        bounds = windows.bounds(tile)
        entry = _entry(probe, bounds[0] if bounds else None, begin)
        if runs and (entry is None or entry <= end):
            last = runs[-1]
            runs[-1] = Run((*last.tiles, tile), last.entry, last.audio_from)
        else:
            runs.append(Run((tile,), entry, begin))
        end = max(end, windows.tile_end(tile), bounds[1] if bounds else 0)
    return runs


def _entry(probe: Probe, frame: int | None, audio_from: Fraction | None) -> int | None:
    """The last entry from which everything that is read comes after; None for the file's start."""
    at = len(probe.table) - 1 if frame is None else frame
    if audio_from is not None:
        begin = Sound.warm_start(audio_from) - _INTERLEAVE_SECONDS
        at = min(at, probe.table.index_at(begin) - 1)
    before = np.flatnonzero(probe.entries[: max(0, at + 1)])
    return int(before[-1]) if len(before) and before[-1] > 0 else None
