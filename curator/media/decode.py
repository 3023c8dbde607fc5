"""One demux and one decode of a video for everything that looks at it or listens to it.

The law: the blocks of a tile depend on the file, the tile and the need alone. Not on other needs,
other tiles, where decoding began, or the number of threads. So frames are chosen on the frame
table, decoding begins only at entries that give the same pictures as a decode from the start, and
at the first sign of damage a pass falls back to one thread from the start of the file.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from curator.abc.measure import AudioBlock, AudioNeed, FrameBlock, FrameNeed, Need
from curator.media.ahead import ahead
from curator.media.frames import Doubt
from curator.media.gather import Gather
from curator.media.probe import Probe
from curator.media.runs import Run, Stretch, plan_runs
from curator.media.safety import Limits
from curator.media.sound import Sound
from curator.media.source import Source
from curator.media.stats import DecodeStats
from curator.media.windows import FrameWindows
from curator.model.span import Span
from curator.model.tile import Tiles, tile_span

__all__ = ["DecodeStats", "DecodedTile", "read_tiles"]


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
    beside: bool = False,
    limits: Limits | None = None,
) -> Iterator[DecodedTile]:
    """Decode what `needs` ask of `tiles`, in order; tiles beyond the video are left out.

    Frames that cannot be decoded are missing from their blocks. `threads` is for decoding pictures.
    With more than one, or with `beside` (there is a core to spare), decoding and deriving views go
    on, each in a thread of its own, while the caller works on a tile.

    Raises:
        MediaError: when the file cannot be opened any more.
    """
    indices = [k for k in tiles if k < probe.info.num_tiles]
    request = _Request(path, probe, tuple(needs), limits or Limits(), stats)
    # Without a core to spare threads only hand pictures from one cache to another.
    beside = beside or threads > 1
    reading = _read_doubting(request, indices, threads, beside=beside)
    yield from ahead(reading) if beside else reading


def _read_doubting(
    request: _Request, indices: list[int], threads: int, *, beside: bool
) -> Generator[DecodedTile, None, None]:
    """All tiles: fast, and from the first doubt on with care."""
    done = 0
    try:
        for tile in _read(request, indices, threads, may_seek=True, beside=beside):
            yield tile
            done += 1
    except Doubt:
        yield from _read(request, indices[done:], 1, may_seek=False, beside=False)


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

    def stretch(self, tile: int, windows: FrameWindows, sound: Sound | None) -> Stretch:
        bounds = windows.bounds(tile)
        begin = None
        if sound is not None:
            begin = sound.reach(self.audio, self.span(tile), self.probe.info.duration_seconds)
        end = max(windows.tile_end(tile), bounds[1] + 1 if bounds else 0)
        return Stretch(bounds[0] if bounds else None, end, begin)


def _read(
    request: _Request, indices: list[int], threads: int, *, may_seek: bool, beside: bool
) -> Iterator[DecodedTile]:
    """One opened file working through its tiles.

    Raises:
        Doubt: the tiles not given yet need a careful pass.
    """
    frames, audio = request.frames, request.audio
    if not indices or not (frames or audio):
        yield from (DecodedTile(k, request.span(k), {}) for k in indices)
        return
    windows = FrameWindows(request.probe.table, frames)
    source = Source(
        request.path,
        request.probe,
        pictures=bool(frames),
        audio=bool(audio),
        stats=request.stats,
        threads=threads,
        beside=beside,
        limits=request.limits,
    )
    with source:
        stretches = [request.stretch(k, windows, source.sound) for k in indices]
        gather = Gather(request.probe, windows, indices)
        desk = _Desk(request, source, gather, dict(zip(indices, stretches, strict=True)))
        for run in plan_runs(request.probe, stretches, may_seek=may_seek):
            yield from desk.work(run, [indices[item] for item in run.items])


class _Desk:
    """Takes frames and sound in, gives complete tiles out."""

    def __init__(
        self, request: _Request, source: Source, gather: Gather, stretches: dict[int, Stretch]
    ) -> None:
        self._request, self._source, self._gather = request, source, gather
        self._stretches = stretches
        self._heard: dict[Need, FrameBlock | AudioBlock] = {}
        """Audio blocks of the tile in work: taken as soon as they are there, so that what comes later in the file cannot matter."""
        self._due: list[tuple[int, AudioNeed]] | None = None
        """What is still to be heard for that tile, the soonest last; None when not yet looked up."""

    def work(self, run: Run, tiles: list[int]) -> Iterator[DecodedTile]:
        """The tiles of one run.

        Raises:
            Doubt: see `FrameDecoder`.
        """
        self._gather.restart()
        left = list(tiles)
        with closing(self._source.read(run)) as reading:
            for frames in reading:
                for index, frame in frames:
                    self._gather.offer(index, frame, self._request.stats)
                while left and self._complete(left[0]):
                    yield self._give(left.pop(0), left)
                if not left:
                    return
        while left:  # the file has ended
            self._listen(left[0])
            yield self._give(left.pop(0), left)

    def _complete(self, tile: int) -> bool:
        heard = self._listen(tile)
        return heard and self._gather.complete(tile)

    def _listen(self, tile: int) -> bool:
        """Take the audio blocks of `tile` that are there; whether all are."""
        sound = self._source.sound
        if sound is None:
            return True
        if self._due is None:
            span, duration = self._request.span(tile), self._request.probe.info.duration_seconds
            found = [(sound.due(n, span, duration), n) for n in self._request.audio]
            self._due = sorted(found, key=lambda pair: pair[0], reverse=True)
        while self._due and sound.reached >= self._due[-1][0]:
            self._hear(sound, tile, self._due.pop()[1])
        return not self._due

    def _hear(self, sound: Sound, tile: int, need: AudioNeed) -> None:
        start = perf_counter()
        duration = self._request.probe.info.duration_seconds
        self._heard[need] = sound.block(need, self._request.span(tile), duration)
        self._request.stats.spend("audio", start)

    def _give(self, tile: int, left: list[int]) -> DecodedTile:
        blocks = {**self._heard, **self._gather.blocks(tile)}
        self._heard, self._due = {}, None
        self._gather.forget(tile + 1)
        following = self._stretches[left[0]].audio_from if left else None
        if self._source.sound is not None and following is not None:
            self._source.sound.forget(following)
        return DecodedTile(tile, self._request.span(tile), blocks)
