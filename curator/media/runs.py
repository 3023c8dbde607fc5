"""Where to read a video and where to jump: stretches grouped into runs that are decoded in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from curator.media.probe import Clock, Probe
from curator.media.sound import Sound

__all__ = ["Run", "Stretch", "plan_runs"]

_INTERLEAVE_SECONDS = 1
"""Audio may lie this far before the picture of its time in the file."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one tile or clip reads."""

    first_frame: int | None
    """None when it reads no picture."""
    end_frame: int
    """The first frame after everything that it reads."""
    audio_from: Fraction | None
    """First instant of audio, seconds on the video's clock; None when it reads none."""


@dataclass(frozen=True, slots=True)
class Run:
    """Stretches read in one go."""

    items: tuple[int, ...]
    """Positions in the list of stretches."""
    seek: int | None
    """Frame to seek to; None begins at the file's start."""
    entry: int | None
    """Frame at which pictures are decoded from, at or after `seek`: sound has to be read from further back."""
    audio_from: Fraction | None
    """First instant of audio that is needed, by the earliest stretch."""


def plan_runs(probe: Probe, stretches: Sequence[Stretch], *, may_seek: bool) -> list[Run]:
    """Group stretches, in order: a gap is jumped where an entry lies beyond what was read, else read through."""
    if not may_seek or probe.clock is not Clock.pts:
        return [Run(tuple(range(len(stretches))), None, None, stretches[0].audio_from)]
    runs: list[Run] = []
    end = 0
    for item, stretch in enumerate(stretches):
        seek = _seek(probe, stretch)
        if runs and (seek is None or seek < end):
            last = runs[-1]
            runs[-1] = Run((*last.items, item), last.seek, last.entry, last.audio_from)
        else:
            entry = None if stretch.first_frame is None else _entry(probe, stretch.first_frame)
            runs.append(Run((item,), seek, entry, stretch.audio_from))
        end = max(end, stretch.end_frame)
    return runs


def _seek(probe: Probe, stretch: Stretch) -> int | None:
    """The last entry after which everything that is read comes; None for the file's start."""
    at = len(probe.table) - 1 if stretch.first_frame is None else stretch.first_frame
    if stretch.audio_from is not None:
        begin = Sound.warm_start(stretch.audio_from) - _INTERLEAVE_SECONDS
        at = min(at, probe.table.index_at(begin) - 1)
    return _entry(probe, at)


def _entry(probe: Probe, frame: int) -> int | None:
    """The last entry at or before a frame; None for the file's start."""
    before = np.flatnonzero(probe.entries[: max(0, frame + 1)])
    return int(before[-1]) if len(before) and before[-1] > 0 else None
