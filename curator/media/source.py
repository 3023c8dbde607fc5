"""An opened video whose pictures and sound are read together, from one place after another."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame

from curator.media.ahead import ahead
from curator.media.frames import Doubt, FrameDecoder
from curator.media.probe import Probe
from curator.media.runs import Run
from curator.media.safety import Limits, open_media
from curator.media.sound import Sound
from curator.media.stats import DecodeStats

__all__ = ["Source"]

_QUEUED_PACKETS = 4
"""With a thread of its own: packets decoded before their frames are asked for. Each holds a native frame."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one packet gave."""

    frames: list[tuple[int, VideoFrame]]
    decoded: int = 0
    """Frames that came out of the decoder, those outside the table as well."""
    audio: Packet[Any] | None = None
    passed: float | None = None
    """How far the pictures have gone in the file, seconds of the video's clock."""


class Source:
    """Pictures and sound of one file. Reading a run gives frames by index and fills `sound`."""

    def __init__(
        self,
        path: Path,
        probe: Probe,
        *,
        pictures: bool,
        audio: bool,
        stats: DecodeStats,
        threads: int,
        beside: bool,
        limits: Limits,
    ) -> None:
        self._path, self._probe, self._limits, self._stats = path, probe, limits, stats
        self._stack = ExitStack()
        self._container = self._stack.enter_context(open_media(path, limits=limits))
        self._decoder_is_fresh = True
        self._beside = beside
        self._landing: Fraction | None = None
        self._tick = float(probe.table.time_base)
        self.decoder = None
        """Of the pictures, if they are read."""
        self.sound = None
        """Of the first audio stream, if it is read."""
        if pictures:
            self.decoder = FrameDecoder(
                probe, self._container, stats=stats, threads=threads, limits=limits
            )
        if audio:
            facts, origin = probe.info.audio[0], probe.info.start_seconds
            self._audio_index = facts.index
            self.sound = Sound(facts, origin, self._open_decoder)
        wanted = self._wanted()
        for stream in self._container.streams:
            stream.discard = Discard.default if stream.index in wanted else Discard.all

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.sound is not None:
            self._stats.damaged_packets += self.sound.take_damage()
            self.sound.close()
        self._stack.close()

    def read(self, run: Run) -> Generator[list[tuple[int, VideoFrame]], None, None]:
        """For each packet of a run, and once more at the end of the file, the frames it completes.

        Raises:
            Doubt: damage or a seek that went astray, see `FrameDecoder`.
        """
        self._begin(run)
        taking = self._taking()
        # A decoder stands still between packets, so nothing else may be done there.
        with closing(ahead(taking, depth=_QUEUED_PACKETS) if self._beside else taking) as all_taken:
            for taken in all_taken:
                self._stats.frames_decoded += taken.decoded
                self._hear(taken)
                yield taken.frames
        if self.sound is not None:
            self.sound.finish()
        yield []

    def _taking(self) -> Generator[_Taken, None, None]:
        """Every packet of the wanted streams, pictures decoded."""
        with closing(self._packets()) as packets:
            for packet in packets:
                self._stats.packets_read += 1
                yield self._take(packet)
        if self.decoder is not None:
            frames = list(self.decoder.flush())
            yield _Taken(frames, self.decoder.take_decoded())

    def _wanted(self) -> list[int]:
        indices = [] if self.decoder is None else [self.decoder.stream.index]
        return indices if self.sound is None else [*indices, self._audio_index]

    def _packets(self) -> Generator[Packet[Any], None, None]:
        """Packets in file order; a read error is the end of the file."""
        streams = [self._container.streams[i] for i in self._wanted()]
        try:
            for packet in self._container.demux(*streams):
                if packet.size:
                    yield packet
        except FFmpegError:
            return

    def _begin(self, run: Run) -> None:
        self._landing = None
        if self.sound is not None:
            assert run.audio_from is not None, "with sound, every stretch has a first instant"
            begin = self.sound.begin(run.audio_from)
            if run.seek is not None:
                self._landing = max(begin, self._probe.info.audio[0].start_seconds)
        if self.decoder is not None and run.entry is not None:
            self.decoder.land(run.entry)
        if run.seek is None:
            return
        pts = int(self._probe.table.ticks[run.seek]) + self._probe.first_pts
        video = self._container.streams[self._probe.info.video.index]
        try:
            self._container.seek(pts, stream=video)
        except FFmpegError as error:
            raise Doubt from error

    def _take(self, packet: Packet[Any]) -> _Taken:
        if self.sound is not None and packet.stream_index == self._audio_index:
            return _Taken([], audio=packet)
        assert self.decoder is not None, "no other stream is read"
        dts = packet.dts
        frames = list(self.decoder.feed(packet))
        passed = None if dts is None else (dts - self._probe.first_pts) * self._tick
        return _Taken(frames, self.decoder.take_decoded(), passed=passed)

    def _hear(self, taken: _Taken) -> None:
        if self.sound is None:
            return
        if taken.audio is not None:
            start = perf_counter()
            self._check_landing(taken.audio)
            self.sound.feed(taken.audio)
            self._stats.spend("audio", start)
        elif taken.passed is not None:
            self.sound.passed(taken.passed)

    def _check_landing(self, packet: Packet[Any]) -> None:
        """After a seek, audio must begin before it is needed, or blocks would depend on the seek."""
        if self._landing is None or packet.pts is None or packet.time_base is None:
            return
        if packet.pts * packet.time_base - self._probe.info.start_seconds > self._landing:
            raise Doubt
        self._landing = None

    def _open_decoder(self) -> AudioCodecContext:
        """An audio decoder in its initial state: this container's, then those of the file opened again.

        A flush does not reset a decoder entirely (noise generators go on); a new one is the same each time.
        """
        if not self._decoder_is_fresh:
            # The decoder outlives its container, whose index takes megabytes in a long file.
            with open_media(self._path, limits=self._limits) as again:
                return self._audio_decoder(again)
        self._decoder_is_fresh = False
        return self._audio_decoder(self._container)

    def _audio_decoder(self, container: InputContainer) -> AudioCodecContext:
        context = container.streams[self._audio_index].codec_context
        assert isinstance(context, AudioCodecContext), "the probe named an audio stream"
        return context
