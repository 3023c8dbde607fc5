"""Clips one after another in one MP4 file, without encoding them again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from curator.errors import MediaError
from curator.media.mp4 import Read, read_index

__all__ = ["ClipJoin", "configuration", "frame_times"]


def frame_times(clip: bytes) -> list[Fraction]:
    """When each frame of an MP4 clip is shown, and the end, seconds.

    Raises:
        MediaError: ``clip-damaged`` or ``clip-unknown``.
    """
    index = read_index(_reader(clip))
    return [index.time(frame) for frame in range(len(index) + 1)]


def configuration(clip: bytes) -> bytes:
    """The decoder's configuration: clips of one configuration can lie in one stream."""
    return read_index(_reader(clip)).configuration


class ClipJoin:
    """Writes a file that shows clips in turn, each frame `fps` apart; pictures are copied as they are.

    Raises:
        MediaError: ``clip-damaged`` for a clip that is none.
    """

    def __init__(self, path: Path, fps: Fraction) -> None:
        self._fps = fps
        # Of all rates that cameras have, whole multiples of a frame; and fine enough to be exact.
        self._time_base = 1 / (fps * 512)
        self._out: OutputContainer = av.open(
            str(path), "w", format="mp4", options={"movflags": "faststart"}
        )
        self._stream: VideoStream | None = None
        self._frames = 0
        self._last: int | None = None

    def __enter__(self) -> ClipJoin:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.close()

    def add(self, clip: bytes, frames: int) -> Fraction:
        """Append a clip of so many frames; when its first frame is shown, seconds."""
        start = self._frames / self._fps
        with av.open(io.BytesIO(clip), "r", format="mp4") as container:
            source = container.streams.video[0]
            if self._stream is None:
                self._stream = self._out.add_stream_from_template(source)
                self._stream.time_base = self._time_base
            for packet in _packets(container, source):
                self._out.mux(self._moved(packet, Fraction(source.time_base or 1)))
        self._frames += frames
        return Fraction(start)

    def _moved(self, packet: Packet[VideoStream], time_base: Fraction) -> Packet[VideoStream]:
        """A packet on the joint clock: times of frames are multiples of the frame's length."""
        assert packet.pts is not None
        assert packet.dts is not None
        packet.pts = 512 * (self._frames + round(packet.pts * time_base * self._fps))
        dts = 512 * (self._frames + round(packet.dts * time_base * self._fps))
        # A clip with more frames in reserve than the one before begins to decode before that has ended.
        packet.dts = dts if self._last is None else max(dts, self._last + 1)
        self._last = packet.dts
        packet.duration = 512
        packet.time_base = self._time_base
        assert self._stream is not None
        packet.stream = self._stream
        return packet


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    try:
        yield from (one for one in container.demux(stream) if one.dts is not None)
    except av.error.FFmpegError as error:
        raise MediaError(f"a clip cannot be read: {error}", reason="clip-damaged") from error


def _reader(clip: bytes) -> Read:
    return lambda offset, size: clip[offset : offset + size]
