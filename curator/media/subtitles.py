"""Subtitle streams of a container, as packets of text on the video's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from curator.errors import MediaError
from curator.media.safety import Limits, open_media

__all__ = ["SubtitlePacket", "SubtitleStream", "read_subtitles"]

_PICTURES = frozenset({"dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "dvb_teletext", "xsub"})
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitlePacket:
    """What one packet says, in the markup of its format."""

    start: Fraction
    """Seconds on the clock that `read_subtitles` was given; may be below 0."""
    end: Fraction | None
    """None when the packet has no duration."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleStream:
    """One stream of text."""

    index: int
    """Number among the container's streams."""
    codec: str
    """``srt``, ``ass``, ``mov_text``, ``webvtt`` ..."""
    language: str | None
    """As the container says it, e.g. ``eng``."""
    is_default: bool
    packets: Sequence[SubtitlePacket]
    notes: Sequence[str] = ()
    """Packets that could not be read."""


def read_subtitles(
    path: Path, *, zero: Fraction = Fraction(0), limits: Limits | None = None
) -> tuple[SubtitleStream, ...]:
    """Every text stream, by index; streams of pictures (DVD, Blu-ray, DVB) are left out.

    Args:
        path: a local container.
        zero: the container's time at the instant that is to be 0, the video's first frame.
        limits: what the file may ask for.

    Raises:
        MediaError: whatever `open_media` raises, and ``undecodable`` when it holds more than 64 MiB of text.
    """
    with open_media(path, limits=limits or Limits()) as container:
        streams = {one.index: one for one in container.streams.subtitles if _codec(one)}
        if not streams:
            return ()
        held: dict[int, list[SubtitlePacket]] = {index: [] for index in streams}
        notes: dict[int, list[str]] = {index: [] for index in streams}
        total = 0
        try:
            for packet in container.demux(list(streams.values())):
                total += packet.size
                if total > _MAX_BYTES:
                    message = f"{path.name} holds more than {_MAX_BYTES} bytes of subtitles"
                    raise MediaError(message, reason="undecodable")
                _take(packet, zero, held, notes)
        except FFmpegError as error:
            for index in streams:
                notes[index].append(f"damaged from here on: {error.strerror}")
        return tuple(_stream(one, held[index], notes[index]) for index, one in streams.items())


def _codec(stream: Stream) -> str | None:
    # FFmpeg's own name; PyAV brings no decoder of WebVTT, so that stream has no context.
    context = stream.codec_context
    name = "webvtt" if context is None else context.name
    return None if name in _PICTURES else name


def _take(
    packet: Packet[Any],
    zero: Fraction,
    held: dict[int, list[SubtitlePacket]],
    notes: dict[int, list[str]],
) -> None:
    if packet.pts is None or packet.size == 0:  # the flush, and gaps
        return
    index, base = packet.stream.index, packet.time_base
    data = bytes(packet)
    context = packet.stream.codec_context
    if context is not None and context.name == "mov_text":
        # Two bytes of length, the text, then boxes of style.
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    start = packet.pts * base - zero
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").strip("\0")
    except UnicodeDecodeError:
        notes[index].append(f"packet at {float(start):.3f} s: no UTF-8 text, left out")
        return
    end = start + packet.duration * base if packet.duration else None
    if text.strip():
        held[index].append(SubtitlePacket(start=start, end=end, text=text))


def _stream(stream: Stream, packets: list[SubtitlePacket], notes: list[str]) -> SubtitleStream:
    return SubtitleStream(
        index=stream.index,
        codec=_codec(stream) or "",
        language=stream.language,
        is_default=bool(stream.disposition & Disposition.default),
        packets=tuple(packets),
        notes=tuple(notes),
    )
