"""The native time grid of a video, from its packets alone: when every frame is shown.

Containers get times wrong in many ways. Whatever they say, the grid made here increases strictly,
starts at zero, and is the same for every reader; what had to be repaired is noted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curator.model.video import FrameTable

__all__ = ["AudioPackets", "Grid", "VideoPackets", "frame_grid"]

_GAP_SECONDS = 3600
"""A longer hole between two frames is a clock that jumped, not a very slow slide show."""
_MISSING = np.iinfo(np.int64).min


@dataclass(slots=True)
class VideoPackets:
    """What the scan keeps of each video packet, in file order; discarded ones included."""

    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keyframes: list[bool] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)
    """Cut away by an edit list: needed for decoding, never shown."""
    corrupt: int = 0
    """Packets that the demuxer knows to be damaged."""
    encrypted: bool = False
    failed: bool = False
    """Reading stopped with an error before the end of the file."""


@dataclass(slots=True)
class AudioPackets:
    """First and last instant of one audio stream, in its time base."""

    first: int | None = None
    skip_samples: int = 0
    """Priming samples that decoding drops from the first packet."""
    last: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The frame table and how packets lead to it."""

    table: FrameTable
    first_pts: int
    """Stream time of frame 0, in the time base."""
    packet_ticks: npt.NDArray[np.int64] | None
    """``(packets,)`` tick of each packet in file order (-1: hidden) when times had to be repaired; else None."""
    notes: tuple[str, ...]


def frame_grid(packets: VideoPackets, *, time_base: Fraction, fps: Fraction | None) -> Grid:
    """Put packets in presentation order on a strictly increasing grid.

    `fps` is the header's rate, for durations that the packets do not give.
    """
    shown = ~np.array(packets.hidden, dtype=bool)
    durations = np.array(packets.durations, dtype=np.int64)[shown]
    sizes = np.array(packets.sizes, dtype=np.int64)[shown]
    keys = np.array(packets.keyframes, dtype=bool)[shown]
    pts, dts = _times(packets.pts)[shown], _times(packets.dts)[shown]
    typical = _typical_duration(pts, durations, time_base, fps)
    notes: list[str] = []
    times = _fill(pts, dts, typical, notes)
    times = _unroll(times, dts, typical, time_base, notes)
    order = np.argsort(times, kind="stable")
    ticks = _strictly_increasing(times[order], notes)
    first = int(ticks[0])
    ticks = ticks - first
    last_duration = int(durations[order[-1]])
    table = FrameTable(
        ticks=ticks,
        keyframes=keys[order],
        sizes=sizes[order],
        time_base=time_base,
        end_tick=int(ticks[-1]) + (last_duration if last_duration > 0 else typical),
    )
    packet_ticks = None
    if notes:
        packet_ticks = np.full(len(shown), -1, dtype=np.int64)
        packet_ticks[np.flatnonzero(shown)[order]] = ticks
    return Grid(table, first, packet_ticks, tuple(notes))


def _times(values: list[int | None]) -> npt.NDArray[np.int64]:
    return np.array([_MISSING if v is None else v for v in values], dtype=np.int64)


def _typical_duration(
    pts: npt.NDArray[np.int64],
    durations: npt.NDArray[np.int64],
    time_base: Fraction,
    fps: Fraction | None,
) -> int:
    """Ticks of one frame: by the times, else by the packets, else by the header, else 1/25 s."""
    steps = np.diff(np.sort(pts[pts != _MISSING]))
    steps = steps[steps > 0]
    if len(steps):
        return int(np.median(steps))
    if len(durations) and (durations > 0).any():
        return int(np.median(durations[durations > 0]))
    return max(1, round(1 / ((fps or Fraction(25)) * time_base)))


def _fill(
    pts: npt.NDArray[np.int64], dts: npt.NDArray[np.int64], typical: int, notes: list[str]
) -> npt.NDArray[np.int64]:
    """Times for packets that have none: their decoding time, else one frame after the one before."""
    if not (pts == _MISSING).any():
        return pts
    notes.append("missing-pts")
    if (pts == _MISSING).all() and not (dts == _MISSING).any():
        return dts.copy()
    filled = pts.copy()
    for i in np.flatnonzero(pts == _MISSING):
        if dts[i] != _MISSING:
            filled[i] = dts[i]
        else:
            filled[i] = filled[i - 1] + typical if i else 0
    return filled


def _unroll(
    times: npt.NDArray[np.int64],
    dts: npt.NDArray[np.int64],
    typical: int,
    time_base: Fraction,
    notes: list[str],
) -> npt.NDArray[np.int64]:
    """Join stretches whose clock restarts or leaps into one clock that goes on at the usual pace."""
    # Decoding times go forward by definition; where a container has none, `times` must not fall
    # back further than pictures are ever reordered.
    clock = np.where(dts != _MISSING, dts, times)
    steps = np.diff(clock)
    leap = int(_GAP_SECONDS / time_base)
    both = (dts[1:] != _MISSING) & (dts[:-1] != _MISSING)
    back = np.where(both, steps < 0, steps < -32 * typical)
    breaks = np.flatnonzero(back | (steps > leap)) + 1
    if not len(breaks):
        return times
    notes.append("pts-jump")
    out = times.copy()
    end = 0
    for k, (first, last) in enumerate(zip([0, *breaks], [*breaks, len(times)], strict=True)):
        if k:
            out[first:last] += end - int(times[first:last].min())
        end = max(int(out[first:last].max()) + typical, end)
    return out


def _strictly_increasing(times: npt.NDArray[np.int64], notes: list[str]) -> npt.NDArray[np.int64]:
    if len(times) < 2 or bool((np.diff(times) > 0).all()):
        return times
    notes.append("pts-not-monotonic")
    steps = np.arange(len(times))
    # The running maximum of (t - i) makes every frame at least one tick later than the one before.
    return np.asarray(np.maximum.accumulate(times - steps) + steps, dtype=np.int64)
