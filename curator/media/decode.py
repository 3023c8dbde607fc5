"""One demux and one decode of a video for everything that looks at it or listens to it.

The law: the blocks of a tile depend on the file, the tile and the need alone. Not on other needs,
other tiles, where decoding began, or the number of threads. So frames are chosen on the frame
table, decoding begins only at entries that give the same pictures as a decode from the start, and
at the first sign of damage a pass falls back to one thread from the start of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import thread_time
from typing import Any

from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream

from curator.abc.measure import AudioBlock, AudioNeed, FrameBlock, FrameNeed, Need
from curator.media.frames import Doubt, FrameDecoder
from curator.media.gather import Gather
from curator.media.probe import Probe
from curator.media.runs import Run, plan_runs
from curator.media.safety import Limits, open_media
from curator.media.sound import Sound
from curator.media.stats import DecodeStats
from curator.media.windows import FrameWindows
from curator.model.span import Span
from curator.model.tile import Tiles, tile_span

__all__ = ["DecodeStats", "DecodedTile", "audio_decoders", "packets_of", "read_tiles"]


@dataclass(frozen=True, slots=True, eq=False)
class DecodedTile:
    """The blocks of one tile; an `AudioNeed` of a video without audio has none."""

    index: int
    span: Span
    """The tile, clipped to the video."""
    blocks: Mapping[Need, FrameBlock | AudioBlock]


def read_tiles(
    path: Path,
    probe: Probe,
    needs: Collection[Need],
    tiles: Tiles,
    *,
    stats: DecodeStats,
    threads: int = 1,
    limits: Limits | None = None,
) -> Iterator[DecodedTile]:
    """Decode what `needs` ask of `tiles`, in order; tiles beyond the video are left out.

    Frames that cannot be decoded are missing from their blocks.

    Raises:
        MediaError: when the file cannot be opened any more.
    """
    indices = [k for k in tiles if k < probe.info.num_tiles]
    request = _Request(path, probe, tuple(needs), limits or Limits(), stats)
    done = 0
    try:
        for tile in _read(request, indices, threads, may_seek=True):
            yield tile
            done += 1
    except Doubt:
        yield from _read(request, indices[done:], 1, may_seek=False)


@dataclass(frozen=True, slots=True)
class _Request:
    path: Path
    probe: Probe
    needs: tuple[Need, ...]
    limits: Limits
    stats: DecodeStats

    @property
    def frames(self) -> list[FrameNeed]:
        return [need for need in self.needs if isinstance(need, FrameNeed)]

    @property
    def audio(self) -> list[AudioNeed]:
        streams = self.probe.info.audio
        if not streams or not streams[0].sample_rate_hz:
            return []
        return list(dict.fromkeys(n for n in self.needs if isinstance(n, AudioNeed)))

    def span(self, tile: int) -> Span:
        span = tile_span(tile)
        end = min(span.end, self.probe.info.duration_seconds)
        return Span(span.start, end) if span.start < end else span


def _read(
    request: _Request, indices: list[int], threads: int, *, may_seek: bool
) -> Iterator[DecodedTile]:
    """One opened file working through its tiles.

    Raises:
        Doubt: the tiles not given yet need a careful pass.
    """
    frames, audio = request.frames, request.audio
    if not indices or not (frames or audio):
        yield from (DecodedTile(k, request.span(k), {}) for k in indices)
        return
    probe = request.probe
    with ExitStack() as stack:
        container = stack.enter_context(open_media(request.path, limits=request.limits))
        windows = FrameWindows(probe.table, frames)
        sound = None
        if audio:
            decoders = audio_decoders(container, request.path, probe, request.limits, stack)
            sound = Sound(probe.info.audio[0], probe.info.start_seconds, decoders)
        decoder = None
        if frames:
            decoder = FrameDecoder(
                probe, container, stats=request.stats, threads=threads, limits=request.limits
            )
        gather = Gather(probe, windows, indices) if frames else None
        desk = _Desk(request, container, decoder, gather, sound)
        begins = [desk.audio_from(k) for k in indices]
        for run in plan_runs(probe, windows, indices, begins, may_seek=may_seek):
            yield from desk.work(run)


class _Desk:
    """Takes packets in, gives complete tiles out."""

    def __init__(
        self,
        request: _Request,
        container: InputContainer,
        decoder: FrameDecoder | None,
        gather: Gather | None,
        sound: Sound | None,
    ) -> None:
        self._request, self._container = request, container
        self._decoder, self._gather, self._sound = decoder, gather, sound
        self._audio_index = request.probe.info.audio[0].index if sound else -1
        self._heard: dict[Need, FrameBlock | AudioBlock] = {}
        """Audio blocks of the tile in work: taken as soon as they are there, so that what comes later in the file cannot matter."""
        self._landing: Fraction | None = None
        """After a seek, the instant at or before which the first audio packet must be."""

    def audio_from(self, tile: int) -> Fraction | None:
        """The first instant of audio that a tile reads."""
        if self._sound is None:
            return None
        info = self._request.probe.info
        return self._sound.reach(
            self._request.audio, self._request.span(tile), info.duration_seconds
        )

    def work(self, run: Run) -> Iterator[DecodedTile]:
        """The tiles of one run.

        Raises:
            Doubt: see `FrameDecoder`.
        """
        self._begin(run)
        left = list(run.tiles)
        streams = [self._container.streams[i] for i in self._stream_indices()]
        with closing(packets_of(self._container, streams)) as packets:
            for packet in packets:
                self._take(packet)
                while left and self._complete(left[0]):
                    yield self._give(left.pop(0))
                if not left:
                    return
        self._end()
        for tile in left:
            self._listen(tile)
            yield self._give(tile)

    def _stream_indices(self) -> list[int]:
        indices = [] if self._decoder is None else [self._decoder.stream.index]
        return indices if self._sound is None else [*indices, self._audio_index]

    def _begin(self, run: Run) -> None:
        wanted = self._stream_indices()
        for stream in self._container.streams:
            stream.discard = Discard.default if stream.index in wanted else Discard.all
        self._landing = None
        if self._gather is not None:
            self._gather.restart()
        if self._sound is not None:
            assert run.audio_from is not None, "with sound, every tile has a first instant"
            begin = self._sound.begin(run.audio_from)
            if run.entry is not None:
                first = self._request.probe.info.audio[0].start_seconds
                self._landing = max(begin, first)
        if run.entry is not None:
            self._seek(run.entry)

    def _seek(self, entry: int) -> None:
        if self._decoder is not None:
            self._decoder.seek(entry)
            return
        probe = self._request.probe
        video = self._container.streams[probe.info.video.index]
        try:
            self._container.seek(int(probe.table.ticks[entry]) + probe.first_pts, stream=video)
        except FFmpegError as error:
            raise Doubt from error

    def _take(self, packet: Packet[Any]) -> None:
        stats = self._request.stats
        stats.packets_read += 1
        start = thread_time()
        if packet.stream_index == self._audio_index:
            assert self._sound is not None, "only a sound asks for audio packets"
            self._check_landing(packet)
            self._sound.feed(packet)
            stats.spend("audio", start)
            return
        assert self._decoder is not None, "no other stream is read"
        assert self._gather is not None, "who decodes gathers"
        for index, frame in self._decoder.feed(packet):
            self._gather.offer(index, frame, stats)
        if self._sound is not None and packet.dts is not None:
            probe = self._request.probe
            self._sound.passed((packet.dts - probe.first_pts) * probe.table.time_base)

    def _check_landing(self, packet: Packet[Any]) -> None:
        """After a seek, audio must begin before it is needed, or blocks would depend on the seek."""
        if self._landing is None or packet.pts is None:
            return
        time = packet.pts * packet.time_base - self._request.probe.info.start_seconds
        if time > self._landing:
            raise Doubt
        self._landing = None

    def _end(self) -> None:
        """The file has ended: what the decoders still hold comes out."""
        if self._decoder is not None and self._gather is not None:
            for index, frame in self._decoder.flush():
                self._gather.offer(index, frame, self._request.stats)
        if self._sound is not None:
            self._sound.finish()

    def _complete(self, tile: int) -> bool:
        heard = self._sound is None or self._listen(tile)
        return heard and (self._gather is None or self._gather.complete(tile))

    def _listen(self, tile: int) -> bool:
        """Take the audio blocks of `tile` that are there; whether all are."""
        if self._sound is None:
            return True
        span, duration = self._request.span(tile), self._request.probe.info.duration_seconds
        for need in self._request.audio:
            if need not in self._heard and self._sound.has(need, span, duration):
                start = thread_time()
                self._heard[need] = self._sound.block(need, span, duration)
                self._request.stats.spend("audio", start)
        return len(self._heard) == len(self._request.audio)

    def _give(self, tile: int) -> DecodedTile:
        blocks: dict[Need, FrameBlock | AudioBlock] = {}
        blocks.update(self._heard)
        self._heard = {}
        if self._gather is not None:
            blocks.update(self._gather.blocks(tile))
            self._gather.forget(tile + 1)
        if self._sound is not None:
            self._sound.forget(self.audio_from(tile + 1) or Fraction(0))
            self._request.stats.damaged_packets += self._sound.take_damage()
        return DecodedTile(tile, self._request.span(tile), blocks)


def packets_of(
    container: InputContainer, streams: Sequence[Stream]
) -> Generator[Packet[Any], None, None]:
    """The packets of some streams in file order; a read error is the end of the file."""
    try:
        for packet in container.demux(*streams):
            if packet.size:
                yield packet
    except FFmpegError:
        return


def audio_decoders(
    container: InputContainer, path: Path, probe: Probe, limits: Limits, stack: ExitStack
) -> Callable[[], AudioCodecContext]:
    """Audio decoders in their initial state: this container's, then those of the file opened again.

    A flush does not reset a decoder entirely (noise generators go on), a new one is the same each time.
    """
    index = probe.info.audio[0].index
    sources = [container]

    def open_decoder() -> AudioCodecContext:
        source = sources.pop() if sources else stack.enter_context(open_media(path, limits=limits))
        context = source.streams[index].codec_context
        assert isinstance(context, AudioCodecContext), "the probe named an audio stream"
        return context

    return open_decoder
