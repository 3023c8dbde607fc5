"""The native time grid of a video, from its packets alone: when every frame is shown.

Containers get times wrong in many ways. Whatever they say, the grid made here increases strictly,
starts at zero, and is the same for every reader; what had to be repaired is noted.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curator.model.video import FrameTable

__all__ = [
    "GAP_SECONDS",
    "MISSING",
    "AudioBreak",
    "AudioPackets",
    "Grid",
    "VideoPackets",
    "audio_end",
    "audio_jumps",
    "frame_grid",
]

GAP_SECONDS = 3600
"""A longer hole between two frames is a clock that jumped, not a very slow slide show."""
_NEAR_PACKETS = 1000
"""So far apart, in video packets, may a break of the sound and that of the pictures lie in the file."""
MISSING = -(1 << 63)
"""No time: FFmpeg's own sign for it."""


@dataclass(slots=True)
class VideoPackets:
    """What the scan keeps of each video packet, in file order; discarded ones included."""

    pts: array[int] = field(default_factory=lambda: array("q"))
    """`MISSING` where the packet has none. Arrays, since lists of a long film's packets weigh 200 bytes each."""
    dts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    keyframes: array[int] = field(default_factory=lambda: array("b"))
    hidden: array[int] = field(default_factory=lambda: array("b"))
    """Cut away by an edit list, or never shown: needed for decoding only."""
    idr: array[int] = field(default_factory=lambda: array("b"))
    """Whether nothing before the packet can be referred to after it."""
    corrupt: int = 0
    """Packets that the demuxer knows to be damaged."""
    encrypted: bool = False
    failed: bool = False
    """Reading stopped with an error before the end of the file."""


@dataclass(slots=True)
class AudioPackets:
    """First and last instant of one audio stream, in its time base, and where its clock jumps."""

    first: int | None = None
    skip_samples: int = 0
    """Priming samples that decoding drops from the first packet."""
    last: int | None = None
    """Of the packets since the last break."""
    count: int = 0
    breaks: list[AudioBreak] = field(default_factory=list)
    latest: int | None = None
    """Time of the newest packet."""

    def note(self, pts: int, duration: int, *, leap: int, video_packets: int) -> None:
        """Take in the times of the next packet.

        Args:
            pts: its time.
            duration: how long it lasts.
            leap: a longer step forward is a clock that jumped.
            video_packets: video packets before it in the file.
        """
        if self.latest is not None and not 0 <= pts - self.latest <= leap:
            assert self.last is not None, "there was a packet"
            self.breaks.append(AudioBreak(self.count, self.last, video_packets))
            self.last = None
        if self.first is None:
            self.first = pts
        self.latest = pts
        self.last = max(pts if self.last is None else self.last, pts + duration)


@dataclass(frozen=True, slots=True)
class AudioBreak:
    """An audio clock that restarts or leaps."""

    packet: int
    """Number of the first packet of the new clock."""
    last: int
    """End of the sound before it, by the old clock."""
    video_packets: int
    """Video packets before it in the file."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The frame table and how packets lead to it."""

    table: FrameTable
    first_pts: int
    """Stream time of frame 0, in the time base."""
    packet_ticks: npt.NDArray[np.int64] | None
    """``(packets,)`` tick of each packet in file order (-1: hidden) when times had to be repaired; else None."""
    notes: tuple[str, ...]
    jumps: tuple[tuple[int, int], ...] = ()
    """Where the clock restarts: number of the video packet, and ticks to add to its times from there on."""


def frame_grid(packets: VideoPackets, *, time_base: Fraction, fps: Fraction | None) -> Grid:
    """Put packets in presentation order on a strictly increasing grid.

    `fps` is the header's rate, for durations that the packets do not give.
    """
    shown = ~np.array(packets.hidden, dtype=bool)
    durations = np.array(packets.durations, dtype=np.int64)[shown]
    sizes = np.array(packets.sizes, dtype=np.int64)[shown]
    keys = np.array(packets.keyframes, dtype=bool)[shown]
    pts = np.array(packets.pts, dtype=np.int64)[shown]
    dts = np.array(packets.dts, dtype=np.int64)[shown]
    typical = _typical_duration(pts, durations, time_base, fps)
    notes: list[str] = []
    times = _fill(pts, dts, typical, notes)
    times, jumps = _unroll(times, dts, typical, time_base, notes)
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
    numbers = np.flatnonzero(shown)
    in_file = tuple((int(numbers[at]), added) for at, added in jumps)
    return Grid(table, first, packet_ticks, tuple(notes), in_file)


def audio_jumps(
    audio: AudioPackets, grid: Grid, *, audio_tick: Fraction
) -> tuple[tuple[int, Fraction], ...]:
    """Number of a packet, and seconds to add to the stream's times from there on, wherever that changes.

    Where pictures and sound restart together (recordings that were joined), sound must follow what
    was done to the pictures. Each break of the sound belongs to the break of the pictures that is
    nearest in the file; one far from all of them is left as the file has it.
    """
    found: list[tuple[int, Fraction]] = []
    for one in audio.breaks:
        near = min(grid.jumps, key=lambda jump: abs(jump[0] - one.video_packets), default=None)
        if near is None or abs(near[0] - one.video_packets) > _NEAR_PACKETS:
            continue
        exact = near[1] * grid.table.time_base
        found.append((one.packet, round(exact / audio_tick) * audio_tick))
    return tuple(found)


def audio_end(
    audio: AudioPackets, jumps: tuple[tuple[int, Fraction], ...], audio_tick: Fraction
) -> Fraction | None:
    """When the sound ends, seconds of the container, once its clock is one."""
    if audio.last is None:
        return None
    ends = [(one.packet - 1, one.last) for one in audio.breaks] + [(audio.count, audio.last)]
    return max(
        last * audio_tick + next((added for at, added in jumps[::-1] if at <= packet), Fraction(0))
        for packet, last in ends
    )


def _typical_duration(
    pts: npt.NDArray[np.int64],
    durations: npt.NDArray[np.int64],
    time_base: Fraction,
    fps: Fraction | None,
) -> int:
    """Ticks of one frame: by the times, else by the packets, else by the header, else 1/25 s."""
    steps = np.diff(np.sort(pts[pts != MISSING]))
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
    if not (pts == MISSING).any():
        return pts
    notes.append("missing-pts")
    if (pts == MISSING).all() and not (dts == MISSING).any():
        return dts.copy()
    filled = pts.copy()
    for i in np.flatnonzero(pts == MISSING):
        if dts[i] != MISSING:
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
) -> tuple[npt.NDArray[np.int64], list[tuple[int, int]]]:
    """Join stretches whose clock restarts or leaps into one clock that goes on at the usual pace.

    Returns the times, and for each stretch but the first where it begins and what was added to it.
    """
    # Decoding times go forward by definition; where a container has none, `times` must not fall
    # back further than pictures are ever reordered.
    clock = np.where(dts != MISSING, dts, times)
    steps = np.diff(clock)
    leap = int(GAP_SECONDS / time_base)
    both = (dts[1:] != MISSING) & (dts[:-1] != MISSING)
    back = np.where(both, steps < 0, steps < -32 * typical)
    breaks = np.flatnonzero(back | (steps > leap)) + 1
    if not len(breaks):
        return times, []
    notes.append("pts-jump")
    out = times.copy()
    end = 0
    jumps: list[tuple[int, int]] = []
    for k, (first, last) in enumerate(zip([0, *breaks], [*breaks, len(times)], strict=True)):
        if k:
            jumps.append((int(first), end - int(times[first:last].min())))
            out[first:last] += jumps[-1][1]
        end = max(int(out[first:last].max()) + typical, end)
    return out, jumps


def _strictly_increasing(times: npt.NDArray[np.int64], notes: list[str]) -> npt.NDArray[np.int64]:
    if len(times) < 2 or bool((np.diff(times) > 0).all()):
        return times
    notes.append("pts-not-monotonic")
    steps = np.arange(len(times))
    # The running maximum of (t - i) makes every frame at least one tick later than the one before.
    return np.asarray(np.maximum.accumulate(times - steps) + steps, dtype=np.int64)
