"""The index of a short MP4 file, read without a demuxer: where each frame lies and when it is shown.

FFmpeg's demuxer decodes frames when it opens a file, to be sure of what the header says. That costs
as much as a window of a sample. Samples are MP4 files that this project wrote: one H.264 stream,
the index first, one edit list. Whatever is not of that kind is refused by name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.errors import MediaError

__all__ = ["ClipIndex", "Read", "read_index"]

Read: TypeAlias = Callable[[int, int], bytes]
"""Offset and size to bytes; fewer at the end of the file."""

_HEAD_BYTES = 1 << 15
"""Holds the index of most samples: ten seconds with sound take some 12 KiB."""
_MAX_INDEX_BYTES = 1 << 27
_MAX_FRAMES = 10_000_000
_IDENTITY = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)

Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipIndex:
    """Every frame of a clip. Arrays are in presentation order, times on the file's clock."""

    ticks: Ints
    """``(n,)`` increasing presentation times in `time_base`."""
    end_tick: int
    """End of the last frame."""
    time_base: Fraction
    turn: Ints
    """``(n,)`` place of each frame in decoding order."""
    offsets: Ints
    """``(n,)`` position of the frame's packet in the file, in decoding order."""
    sizes: Ints
    """``(n,)`` bytes of the packet, in decoding order."""
    keys: Ints
    """Places in decoding order at which decoding can begin; increasing, the first is 0."""
    key_ticks: Ints
    """Presentation times of those frames."""
    width_px: int
    height_px: int
    configuration: bytes
    """The decoder's configuration record (``avcC``)."""

    def __len__(self) -> int:
        return len(self.ticks)

    def time(self, frame: int) -> Fraction:
        """When frame `frame` is shown, seconds; frame ``n`` is the end of the clip."""
        tick = self.end_tick if frame == len(self.ticks) else int(self.ticks[frame])
        return tick * self.time_base

    def entry(self, frame: int) -> int:
        """The place in decoding order at which to begin for `frame` and all later ones."""
        # Not simply the last key before it in decoding order: of an open group, leading frames need the one before.
        after = np.searchsorted(self.key_ticks, self.ticks[frame], side="right")
        return int(self.keys[max(0, int(after) - 1)])


def read_index(read: Read) -> ClipIndex:
    """The index of a file of which `read` gives parts.

    Raises:
        MediaError: ``clip-damaged`` when it is cut off or contradicts itself, ``clip-unknown`` when
            it is sound but no file of the kind that samples are.
    """
    try:
        return _index(_movie(read))
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise MediaError(
            f"the index of the clip cannot be read: {error}",
            reason="clip-damaged",
            hint="check the release: its shards have other bytes than were written",
        ) from error


def _movie(read: Read) -> bytes:
    """The content of ``moov``, wherever it lies."""
    head, offset = read(0, _HEAD_BYTES), 0
    while True:
        at = head[offset : offset + 16] if offset + 16 <= len(head) else read(offset, 16)
        if len(at) < 8:
            raise ValueError("no moov box")
        size, kind, start = struct.unpack_from(">I", at)[0], at[4:8], 8
        if size == 1:
            size, start = struct.unpack_from(">Q", at, 8)[0], 16
        if size < start:
            raise ValueError("a box without an end")
        if kind == b"moov":
            if size > _MAX_INDEX_BYTES:
                raise ValueError("an index of absurd size")
            end = offset + size
            whole = head[offset:end] if end <= len(head) else read(offset, size)
            if len(whole) != size:
                raise ValueError("the file ends inside its index")
            return whole[start:]
        offset += size


def _boxes(data: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes that lie one after another in `data`."""
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > len(data):
            raise ValueError(f"box {kind!r} does not fit")
        yield kind, data[start + 8 : start + size]
        start += size


def _index(movie: bytes) -> ClipIndex:
    boxes = list(_boxes(movie))
    tracks = [dict(_boxes(content)) for kind, content in boxes if kind == b"trak"]
    videos = [t for t in tracks if dict(_boxes(t[b"mdia"]))[b"hdlr"][8:12] == b"vide"]
    if len(videos) != 1:
        raise _unknown(f"{len(videos)} video streams")
    track = videos[0]
    header = track[b"tkhd"]
    matrix = header[52:88] if header[0] == 1 else header[40:76]
    if matrix != _IDENTITY:
        raise _unknown("a picture that is to be turned")
    media = dict(_boxes(track[b"mdia"]))
    table = dict(_boxes(dict(_boxes(media[b"minf"]))[b"stbl"]))
    edits = dict(_boxes(track.get(b"edts", b""))).get(b"elst")
    clock = _clock(dict(boxes)[b"mvhd"], media[b"mdhd"])
    return _frames(table, edits, clock)


@dataclass(frozen=True, slots=True)
class _Clock:
    movie_scale: int
    scale: int
    """Ticks per second of the video stream."""


def _clock(movie: bytes, media: bytes) -> _Clock:
    scales = [struct.unpack_from(">I", box, 20 if box[0] == 1 else 12)[0] for box in (movie, media)]
    if 0 in scales:
        raise ValueError("a clock that stands still")
    return _Clock(*scales)


def _frames(table: dict[bytes, bytes], edits: bytes | None, clock: _Clock) -> ClipIndex:
    sizes = _sizes(table[b"stsz"])
    steps = _runs(table[b"stts"], len(sizes))
    shown = np.cumsum(steps) - steps
    if b"ctts" in table:
        shown = shown + _runs(table[b"ctts"], len(sizes), signed=table[b"ctts"][0] == 1)
    shift, end = _edit(edits, clock)
    shown = shown - shift
    order = np.argsort(shown, kind="stable")
    ticks = shown[order]
    if not len(ticks) or ticks[0] < 0 or (np.diff(ticks) <= 0).any():
        raise _unknown("frames that are not shown, or two at once")
    turn = order.astype(np.int64)
    keys = _keys(table.get(b"stss"), len(sizes))
    width, height, configuration = _description(table[b"stsd"])
    return ClipIndex(
        ticks=ticks,
        end_tick=max(int(ticks[-1]) + 1, end or int(ticks[-1] + steps[order[-1]])),
        time_base=Fraction(1, clock.scale),
        turn=turn,
        offsets=_offsets(table, sizes),
        sizes=sizes,
        keys=keys,
        key_ticks=shown[keys],
        width_px=width,
        height_px=height,
        configuration=configuration,
    )


def _edit(box: bytes | None, clock: _Clock) -> tuple[int, int | None]:
    """What to take from the stream's times, and where the presentation ends if it is said."""
    if box is None:
        return 0, None
    version, count = box[0], struct.unpack_from(">I", box, 4)[0]
    layout = ">Qqhh" if version == 1 else ">Iihh"
    entries = list(struct.iter_unpack(layout, box[8 : 8 + count * struct.calcsize(layout)]))
    waits = [entry[0] for entry in entries if entry[1] < 0]
    plays = [entry for entry in entries if entry[1] >= 0]
    if len(plays) != 1 or len(entries) != len(waits) + 1 or entries[-1] != plays[0]:
        raise _unknown("an edit list of several parts")
    duration, media_time, rate, _ = plays[0]
    if rate != 1:
        raise _unknown("an edit list that changes the speed")
    wait = round(Fraction(sum(waits) * clock.scale, clock.movie_scale))
    end = round(Fraction((sum(waits) + duration) * clock.scale, clock.movie_scale))
    return media_time - wait, end if duration else None


def _runs(box: bytes, total: int, *, signed: bool = False) -> Ints:
    """The values of a run-length table, one for each frame."""
    count = struct.unpack_from(">I", box, 4)[0]
    pairs = np.frombuffer(box, ">u4", count=2 * count, offset=8).reshape(-1, 2)
    values = pairs[:, 1].astype(np.uint32)
    if pairs[:, 0].sum(dtype=np.int64) != total:
        raise ValueError("a table has another length than the others")
    plain = values.view(np.int32) if signed else values
    return np.repeat(plain.astype(np.int64), pairs[:, 0].astype(np.int64))


def _sizes(box: bytes) -> Ints:
    fixed, count = struct.unpack_from(">II", box, 4)
    if count > _MAX_FRAMES:
        raise ValueError(f"{count} frames")
    if fixed:
        return np.full(count, fixed, np.int64)
    return np.frombuffer(box, ">u4", count=count, offset=12).astype(np.int64)


def _keys(box: bytes | None, total: int) -> Ints:
    if box is None:  # every frame is one
        return np.arange(total, dtype=np.int64)
    count = struct.unpack_from(">I", box, 4)[0]
    keys = np.frombuffer(box, ">u4", count=count, offset=8).astype(np.int64) - 1
    if not count or keys[0] != 0 or keys[-1] >= total:
        raise ValueError("decoding cannot begin with the first frame")
    return keys


def _offsets(table: dict[bytes, bytes], sizes: Ints) -> Ints:
    """Positions of packets: chunks by ``stco``, packets of a chunk one after another."""
    box, dtype = (table[b"co64"], ">u8") if b"co64" in table else (table.get(b"stco", b""), ">u4")
    chunks = np.frombuffer(box, dtype, count=struct.unpack_from(">I", box, 4)[0], offset=8)
    layout = table[b"stsc"]
    count = struct.unpack_from(">I", layout, 4)[0]
    runs = np.frombuffer(layout, ">u4", count=3 * count, offset=8).reshape(-1, 3).astype(np.int64)
    lengths = np.diff(runs[:, 0], append=len(chunks) + 1)
    per_chunk = np.repeat(runs[:, 1], lengths)
    if per_chunk.sum() != len(sizes) or len(per_chunk) != len(chunks):
        raise ValueError("chunks and packets do not agree")
    before: Ints = np.cumsum(sizes) - sizes  # bytes of all packets before
    first = np.cumsum(per_chunk) - per_chunk
    base = chunks.astype(np.int64) - before[first]
    offsets: Ints = before + np.repeat(base, per_chunk)
    return offsets


def _description(box: bytes) -> tuple[int, int, bytes]:
    """Width, height and configuration of an ``avc1`` stream."""
    [(kind, entry)] = list(_boxes(box, 8))
    if kind != b"avc1":
        raise _unknown(f"video of kind {kind.decode('latin-1')!r}")
    width, height = struct.unpack_from(">HH", entry, 24)
    return width, height, dict(_boxes(entry, 78))[b"avcC"]


def _unknown(what: str) -> MediaError:
    return MediaError(
        f"the clip has {what}, which samples of this project do not have",
        reason="clip-unknown",
        hint="build the release with curator, or read the file with PyAV",
    )
