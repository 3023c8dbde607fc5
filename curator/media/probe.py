"""What a file holds and when each of its frames is shown: header and packet scan, one picture decoded."""

from __future__ import annotations

import enum
import struct
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream as AvAudioStream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import EOFError as AvEOFError
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from curator.errors import MediaError
from curator.media.bitstream import PackedPictures, hidden_test, idr_test
from curator.media.colour import colour_names
from curator.media.safety import Limits, open_media
from curator.media.scan import (
    GAP_SECONDS,
    MISSING,
    AudioPackets,
    Grid,
    VideoPackets,
    audio_end,
    audio_jumps,
    frame_grid,
)
from curator.model.video import AudioStream, FrameTable, VideoInfo, VideoStream

__all__ = ["PROBE_VERSION", "Clock", "Probe", "probe", "real_video_stream"]

PROBE_VERSION = 3
"""Raise it when the same file would give another `Probe`."""

_NOT_FOOTAGE = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_FIRST_PICTURE_PACKETS = 300
"""How far to look for a first picture that decodes; a transport stream may start inside a long group."""
_TIMELESS = frozenset({"avi", "h264", "hevc", "vvc"})
"""Containers that number frames in decoding order and know no presentation times."""


class Clock(enum.Enum):
    """How a decoded frame is matched to the frame table."""

    pts = "pts"
    """By its own presentation time: the file's times are sound."""
    packets = "packets"
    """By the packet it came from: times were repaired, so decoding must begin at the file's start."""
    output = "output"
    """By counting decoded frames: the file has no presentation times at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Container facts, the native time grid, and what a decoder must know to hit it."""

    info: VideoInfo
    table: FrameTable
    clock: Clock
    first_pts: int
    """Stream time of frame 0, in the stream's time base."""
    entries: npt.NDArray[np.bool_]
    """``(n,)`` frames at which decoding may begin and give the same pictures as from the start."""
    packet_ticks: npt.NDArray[np.int64] | None = None
    """``(packets,)`` ticks by packet in file order, -1 for hidden ones; for `Clock.packets` only."""


def probe(path: Path, *, limits: Limits | None = None) -> Probe:
    """Read the header and every packet of a video.

    Raises:
        MediaError: whatever `open_media` raises, and ``no-video``, ``no-frames``, ``undecodable``,
            ``unknown-codec``, ``encrypted``, ``no-dimensions``, ``too-many-pixels``, ``too-many-packets``.
    """
    limits = limits or Limits()
    with open_media(path, limits=limits) as container:
        stream = real_video_stream(container, path)
        _refuse_too_large(stream, path, limits)
        scan = _scan(container, stream, limits)
        _refuse_unusable(stream, scan, path)
        rate = stream.guessed_rate or stream.average_rate
        time_base = stream.time_base
        assert time_base is not None, "the demuxer gives every stream a time base"
        grid = frame_grid(scan.video, time_base=time_base, fps=rate)
        info = _info(container, stream, scan, grid, path)
        clock = _clock(container, stream, grid, packed=scan.packed.found)
        return Probe(
            info=info,
            table=grid.table,
            clock=clock,
            first_pts=grid.first_pts,
            entries=_entries(grid, scan, clock),
            packet_ticks=grid.packet_ticks if clock is Clock.packets else None,
        )


def real_video_stream(container: InputContainer, path: Path) -> AvVideoStream:
    """The first video stream that is not a cover picture or a row of thumbnails."""
    for stream in container.streams.video:
        if not stream.disposition & _NOT_FOOTAGE:
            return stream
    what = "only a cover picture" if container.streams.video else "no video stream"
    raise MediaError(f"{path.name} has {what}", reason="no-video", hint="name videos as the source")


@dataclass(slots=True)
class _Scan:
    video: VideoPackets = field(default_factory=VideoPackets)
    audio: dict[int, AudioPackets] = field(default_factory=dict)
    picture: VideoFrame | None = None
    packed: PackedPictures = field(default_factory=PackedPictures)


def _scan(container: InputContainer, stream: AvVideoStream, limits: Limits) -> _Scan:
    scan = _Scan(audio={s.index: AudioPackets() for s in container.streams.audio})
    if stream.codec_context is not None:
        stream.codec_context.thread_type = ThreadType.NONE
    looking = stream.codec_context is not None
    is_idr, is_hidden = idr_test(stream), hidden_test(stream)
    may_be_packed = looking and stream.codec_context.name == "mpeg4"
    for number, packet in enumerate(_packets(container, stream, scan)):
        if number >= limits.max_packets:
            raise MediaError(
                f"the file has more than {limits.max_packets} packets",
                reason="too-many-packets",
                hint="split it into shorter files",
            )
        if packet.size == 0:
            # The end of a stream: a decoder may hold its only picture back until then.
            if looking and scan.picture is None and packet.stream is stream:
                scan.picture = _decode_one(packet)
            continue
        if packet.stream_index != stream.index:
            before = len(scan.video.pts)
            note_audio(packet, scan.audio[packet.stream_index], video_packets=before)
            continue
        _note_video(packet, scan, hidden=packet.is_discard or is_hidden(packet))
        scan.video.idr.append(packet.is_keyframe and is_idr(packet))
        if may_be_packed:
            scan.packed.note(packet)
        if looking:
            looking = len(scan.video.idr) < _FIRST_PICTURE_PACKETS and not scan.video.encrypted
            scan.picture = _decode_one(packet)
            looking = looking and scan.picture is None
    if scan.packed.found:
        scan.video.hidden = array("b", scan.packed.dropped)
    return scan


def _packets(
    container: InputContainer, stream: AvVideoStream, scan: _Scan
) -> Iterator[Packet[Any]]:
    try:
        yield from container.demux(stream, *container.streams.audio)
    except FFmpegError:
        scan.video.failed = True


def _decode_one(packet: Packet[Any]) -> VideoFrame | None:
    try:
        frames = packet.decode()
    except (FFmpegError, AvEOFError):
        return None
    return frames[0] if frames else None


def _note_video(packet: Packet[Any], scan: _Scan, *, hidden: bool) -> None:
    video = scan.video
    video.pts.append(MISSING if packet.pts is None else packet.pts)
    video.dts.append(MISSING if packet.dts is None else packet.dts)
    video.durations.append(packet.duration or 0)
    video.sizes.append(packet.size)
    video.keyframes.append(packet.is_keyframe)
    video.hidden.append(hidden)
    video.corrupt += packet.is_corrupt
    if len(video.pts) == 1:
        video.encrypted = packet.has_sidedata("encryption_info")


def note_audio(packet: Packet[Any], audio: AudioPackets, *, video_packets: int = 0) -> None:
    """Take in an audio packet; `video_packets` are before it in the file."""
    if packet.pts is not None:
        if audio.first is None and packet.has_sidedata("skip_samples"):
            (audio.skip_samples,) = struct.unpack_from(
                "<I", bytes(packet.get_sidedata("skip_samples"))
            )
        leap = int(GAP_SECONDS / packet.time_base)
        audio.note(packet.pts, packet.duration or 0, leap=leap, video_packets=video_packets)
    audio.count += 1


def _refuse_too_large(stream: AvVideoStream, path: Path, limits: Limits) -> None:
    if stream.codec_context is not None and stream.width * stream.height > limits.max_pixels:
        raise MediaError(
            f"{path.name} has pictures of {stream.width} x {stream.height}, more than is allowed",
            reason="too-many-pixels",
            hint="scale it down first",
        )


def _refuse_unusable(stream: AvVideoStream, scan: _Scan, path: Path) -> None:
    if scan.video.encrypted or stream.codec_tag in ("encv", "drmi"):
        raise MediaError(
            f"{path.name} is encrypted", reason="encrypted", hint="decrypt it with its key first"
        )
    if stream.codec_context is None:
        raise MediaError(
            f"no decoder for the video of {path.name} ({stream.codec_tag!r})",
            reason="unknown-codec",
            hint="transcode it to H.264",
        )
    if not any(not hidden for hidden in scan.video.hidden):
        raise MediaError(
            f"{path.name} has a video stream without frames",
            reason="no-frames",
            hint="fetch the file again",
        )
    if scan.picture is None:
        raise MediaError(
            f"no picture of {path.name} can be decoded",
            reason="undecodable",
            hint="fetch the file again; if it plays elsewhere, transcode it to H.264",
        )
    if not (stream.width > 0 and stream.height > 0):
        raise MediaError(f"{path.name} has pictures of no size", reason="no-dimensions")


def _clock(container: InputContainer, stream: AvVideoStream, grid: Grid, *, packed: bool) -> Clock:
    reorders = stream.codec_context.name in ("h264", "hevc", "vvc")
    if packed or (container.format.name in _TIMELESS and reorders):
        return Clock.output
    return Clock.pts if grid.packet_ticks is None else Clock.packets


def _entries(grid: Grid, scan: _Scan, clock: Clock) -> npt.NDArray[np.bool_]:
    """Keyframes that are safe to begin at; only the start where packets or times are doubtful."""
    entries = np.zeros(len(grid.table), dtype=np.bool_)
    if clock is not Clock.pts or scan.video.corrupt or scan.video.failed:
        return entries
    shown = ~np.array(scan.video.hidden, dtype=bool)
    pts = np.array(scan.video.pts, dtype=np.int64)
    safe = pts[shown & np.array(scan.video.idr, dtype=bool)] - grid.first_pts
    entries[np.searchsorted(grid.table.ticks, safe)] = True
    return entries


def _info(
    container: InputContainer, stream: AvVideoStream, scan: _Scan, grid: Grid, path: Path
) -> VideoInfo:
    table = grid.table
    start = _start(container, scan.video, grid)
    duration = table.time(len(table))
    rate = stream.guessed_rate or stream.average_rate
    first, last = table.time(0), table.time(len(table) - 1)
    fps = float((len(table) - 1) / (last - first)) if len(table) > 1 else float(rate or 0)
    return VideoInfo(
        container=container.format.name,
        size_bytes=path.stat().st_size,
        video=_video_stream(stream, scan),
        audio=tuple(
            audio_stream(s, scan.audio[s.index], start, grid) for s in container.streams.audio
        ),
        num_frames_from_packets=len(table),
        duration_seconds=duration,
        fps=fps,
        is_variable_rate=_is_variable(table),
        video_bytes=sum(scan.video.sizes),
        max_keyframe_gap_seconds=_keyframe_gap(table),
        start_seconds=start,
        notes=_notes(container, stream, scan, grid),
        timecode=_timecode(container, stream),
    )


def _start(container: InputContainer, video: VideoPackets, grid: Grid) -> Fraction:
    """The instant of the container at which the first picture is shown, seconds.

    AVI shows its first picture when its first packet comes, as sound begins. FFmpeg takes reordered pictures
    for one frame later, by the lag of a decoder, and leaves the sound where it is.
    """
    first = grid.first_pts
    if container.format.name == "avi":
        shown = zip(video.dts, video.hidden, strict=True)
        first = min((dts for dts, hidden in shown if dts != MISSING and not hidden), default=first)
    return first * grid.table.time_base


def _timecode(container: InputContainer, stream: AvVideoStream) -> str | None:
    """What the video stream says, else a timecode track, else the file."""
    tracks = (one.metadata for one in container.streams if one.type == "data")
    said = (found.get("timecode") for found in (stream.metadata, *tracks, container.metadata))
    return next((one for one in said if one), None)


def _is_variable(table: FrameTable) -> bool:
    steps = np.diff(table.ticks)
    # Times rounded to a tick, or to Matroska's and Flash's millisecond on the way, are no variable rate.
    tolerance = max(1, int(Fraction(1, 1000) / table.time_base))
    return bool(len(steps)) and int(steps.max() - steps.min()) > tolerance


def _keyframe_gap(table: FrameTable) -> float:
    at = np.append(table.ticks[table.keyframes], table.end_tick)
    return float(int(np.diff(at, prepend=0).max()) * table.time_base)


def _notes(
    container: InputContainer, stream: AvVideoStream, scan: _Scan, grid: Grid
) -> tuple[str, ...]:
    table, video = grid.table, scan.video
    end = float((grid.first_pts + table.end_tick) * table.time_base)
    ends = [end] + [
        float(a.last * s.time_base)
        for s in container.streams.audio
        if (a := scan.audio[s.index]).last is not None and s.time_base is not None
    ]
    # Some containers count their duration from zero, some from the first packet: take the earlier end.
    header_end = ((container.duration or 0) + min(0, container.start_time or 0)) / 1_000_000
    fewer = container.format.name.startswith("mov") and len(video.pts) < stream.frames
    found = {
        "truncated": fewer or header_end > max(ends) + 0.5,
        "corrupt-packets": video.corrupt > 0,
        "read-error": video.failed,
        "no-first-keyframe": not bool(table.keyframes[0]),
        "several-videos": len(container.streams.video) > 1,
        "packed-pictures": scan.packed.found,
    }
    return (*grid.notes, *(slug for slug, there in found.items() if there))


def _video_stream(stream: AvVideoStream, scan: _Scan) -> VideoStream:
    picture = scan.picture
    assert picture is not None, "files without a picture were refused"
    context, time_base = stream.codec_context, stream.time_base
    assert time_base is not None, "the demuxer gives every stream a time base"
    aspect = stream.sample_aspect_ratio or Fraction(1)
    colours: Mapping[str, str | None] = colour_names(stream, picture)
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        width_px=stream.width,
        height_px=stream.height,
        # Beyond 1:10 it is a broken header, not a lens.
        sample_aspect=aspect if Fraction(1, 10) <= aspect <= 10 else Fraction(1),
        rotation_degrees=round(-picture.rotation / 90) * 90 % 360,
        pixel_format=picture.format.name,
        bit_depth=picture.format.components[0].bits,
        # 0 is unknown and 1 progressive; the header's word is not taken for a picture that says more.
        interlaced=context.field_order > 1 or picture.interlaced_frame,
        time_base=time_base,
        fps_from_header=float(stream.average_rate) if stream.average_rate else None,
        num_frames_from_header=stream.frames or None,
        duration_seconds_from_header=float(stream.duration * time_base)
        if stream.duration
        else None,
        color_primaries=colours["primaries"],
        color_transfer=colours["transfer"],
        color_space=colours["space"],
        color_range=colours["range"],
    )


def audio_stream(
    stream: AvAudioStream, packets: AudioPackets, start: Fraction, grid: Grid | None = None
) -> AudioStream:
    """Facts of an audio stream on a clock that begins at `start`, joined as the pictures of `grid` are."""
    time_base = stream.time_base or Fraction(1, stream.rate or 1)
    begins, lasts = Fraction(0), None
    jumps = () if grid is None else audio_jumps(packets, grid, audio_tick=time_base)
    end = audio_end(packets, jumps, time_base)
    if packets.first is not None and end is not None:
        skipped = Fraction(packets.skip_samples, stream.rate or 1)
        begins = packets.first * time_base + skipped - start
        lasts = max(0.0, float(end - packets.first * time_base - skipped))
    return AudioStream(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name
        if stream.codec_context
        else stream.codec_tag,
        sample_rate_hz=stream.rate or 0,
        channels=stream.channels or 0,
        language=stream.language,
        start_seconds=begins,
        duration_seconds=lasts,
        jumps=jumps,
    )
