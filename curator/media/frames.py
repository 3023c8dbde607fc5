"""Decoded pictures by their place in the frame table, whatever the file says about times."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import EOFError as AvEOFError
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from curator.media.probe import Clock, Probe
from curator.media.safety import Limits
from curator.media.stats import DecodeStats

__all__ = ["Doubt", "FrameDecoder"]

_LANDING_PACKETS = 32768
"""A seek that has not met its entry after so many video packets went wrong; sound is read from up to
a chapter before the pictures."""
_FLUSH_ERRORS = 64
_HIDDEN = -1


class Doubt(Exception):  # noqa: N818 - no error: the same is done again with more care
    """Damage, or a seek that went astray: only one thread from the file's start can be trusted."""


class FrameDecoder:
    """Decodes one video stream packet by packet.

    From the file's start with one thread it takes damage as it comes. Otherwise it raises `Doubt`
    at the first damage, since pictures concealed by the decoder depend on what it saw before.
    """

    def __init__(
        self,
        probe: Probe,
        container: InputContainer,
        *,
        stats: DecodeStats,
        threads: int,
        limits: Limits,
    ) -> None:
        stream = container.streams[probe.info.video.index]
        assert isinstance(stream, VideoStream), "the probe named a video stream"
        self.stream = stream
        self._probe, self._stats = probe, stats
        self._context = stream.codec_context
        self._context.options = {"max_pixels": str(limits.max_pixels)}
        self._context.thread_count = threads
        self._context.thread_type = ThreadType.FRAME if threads > 1 else ThreadType.NONE
        self._ticks = probe.table.ticks
        self._forgiving = threads == 1
        self._landing: int | None = None
        self._skipped = 0
        self._packets = 0
        self._last = -1
        self._decoded = 0

    def take_decoded(self) -> int:
        """Frames that came out of the decoder since the last call."""
        decoded, self._decoded = self._decoded, 0
        return decoded

    def land(self, entry: int) -> None:
        """Go on at frame `entry` of the table, one of the probe's entries; packets before it are left out."""
        self._forgiving = False
        self._landing = int(self._ticks[entry]) + self._probe.first_pts
        self._skipped, self._last = 0, entry - 1

    def feed(self, packet: Packet[Any]) -> Iterator[tuple[int, VideoFrame]]:
        """Frames that one packet of the stream completes, with their index.

        Raises:
            Doubt: see the class.
        """
        if self._landing is not None and not self._lands(packet):
            return
        if self._probe.packet_ticks is not None:
            self._restamp(packet)
        self._packets += 1
        start = perf_counter()
        try:
            frames = packet.decode()
        except FFmpegError:
            self._damage()
            return
        finally:
            self._stats.spend("decode", start)
        yield from self._placed(frames)

    def flush(self) -> Iterator[tuple[int, VideoFrame]]:
        """The frames that the decoder still holds.

        Raises:
            Doubt: see the class.
        """
        if self._landing is not None:
            raise Doubt
        for _ in range(_FLUSH_ERRORS):
            try:
                frames = self._context.decode(None)
            except AvEOFError:
                return
            except FFmpegError:
                self._damage()
                continue
            yield from self._placed(frames)

    def _lands(self, packet: Packet[Any]) -> bool:
        self._skipped += 1
        if packet.pts == self._landing and packet.is_keyframe:
            self._landing = None
            return True
        if self._skipped > _LANDING_PACKETS:
            raise Doubt
        return False

    def _restamp(self, packet: Packet[Any]) -> None:
        """Give a packet the time that the table has for it: decoders carry it to the frame."""
        ticks = self._probe.packet_ticks
        assert ticks is not None, "the caller has looked"
        tick = int(ticks[self._packets]) if self._packets < len(ticks) else _HIDDEN
        packet.pts = tick + self._probe.first_pts
        packet.dts = None

    def _damage(self) -> None:
        if not self._forgiving:
            raise Doubt
        self._stats.damaged_packets += 1

    def _placed(self, frames: list[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
        for frame in frames:
            self._decoded += 1
            if not self._forgiving and frame.is_corrupt:
                raise Doubt
            index = self._index(frame.pts)
            if index is not None:
                yield index, frame

    def _index(self, pts: int | None) -> int | None:
        following = self._last + 1
        if self._probe.clock is Clock.output:
            self._last = following
            return following if following < len(self._ticks) else None
        if pts is None:
            return None
        tick = pts - self._probe.first_pts
        # Nearly always it is the next one; searching the table costs more than the test.
        if following >= len(self._ticks) or self._ticks[following] != tick:
            following = int(np.searchsorted(self._ticks, tick))
            if following == len(self._ticks) or self._ticks[following] != tick:
                return None
        self._last = following
        return following
