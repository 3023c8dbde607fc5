"""Audio on the video's clock, sample-accurate, and the same wherever reading began.

Audio decoders carry state over many packets (noise generators, overlap, bit reservoirs), so a
decoder that began elsewhere gives other samples. The timeline is therefore cut into *chapters* of
fixed length: every chapter is decoded by a decoder of its own, fed from `_WARM_SECONDS` before it, and
contributes exactly its own samples. Resampling is done tile by tile from absolute positions for the
same reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, gcd
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import EOFError as AvEOFError
from av.error import FFmpegError
from av.packet import Packet

from curator.abc.measure import AudioBlock, AudioNeed
from curator.model.span import Span
from curator.model.video import AudioStream

__all__ = ["CHAPTER_SECONDS", "Sound", "resampled"]

CHAPTER_SECONDS = 64
_WARM_SECONDS = 1
"""Longer than any decoder's memory but that of its noise generator."""
_TAIL_SECONDS = 0.25
"""Packets after a chapter's end that may still hold samples of it."""
_PAD_SECONDS = Fraction(1, 20)
"""Native samples around a resampled stretch; the filter reaches 16 samples of the lower rate."""
_LAG_SECONDS = 20
"""Interleaving may be this poor; a longer hole in the audio must not make pictures pile up."""
_FOREVER = 10**15
_ANCHOR_SECONDS = 1
"""Containers round times to a millisecond or so; an anchor is the median over this much audio."""

Samples: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Chunk:
    start: int
    samples: Samples


@dataclass(slots=True)
class _Chapter:
    """One decoder at work on one chapter."""

    index: int
    decoder: AudioCodecContext
    pending: list[tuple[int, Samples]] = field(default_factory=list)
    """Frames of the current unbroken run: position by its time stamp, samples."""
    pending_length: int = 0
    anchor: int | None = None
    """Position of the run's first sample, once known."""
    counted: int = 0
    """Samples of the run so far."""


class Sound:
    """Collects decoded audio of one stream; gives blocks as soon as they are complete.

    `open_decoder` gives decoders in their initial state. Feed packets in file order to `feed`, then
    call `finish` once.
    """

    def __init__(
        self, stream: AudioStream, origin: Fraction, open_decoder: Callable[[], AudioCodecContext]
    ) -> None:
        self._rate = stream.sample_rate_hz
        self._channels = stream.channels
        self._origin, self._origin_seconds = origin, float(origin)
        self._open_decoder = open_decoder
        self._jumps = stream.jumps
        self._fed = 0
        self._end = None
        if stream.duration_seconds is not None:
            self._end = float(stream.start_seconds) + stream.duration_seconds - 0.002
        self._chapters: list[_Chapter] = []
        self._chunks: list[_Chunk] = []
        self._frontier = -_FOREVER
        self._first_chapter = 0
        self.complete = False
        """No more samples will come."""
        self._damaged = 0

    def reach(self, needs: Collection[AudioNeed], tile: Span, duration: Fraction) -> Fraction:
        """The first instant of the stream that the blocks of `tile` read."""
        return Fraction(min(self._native_range(n, tile, duration)[0] for n in needs), self._rate)

    @staticmethod
    def warm_start(first: Fraction) -> Fraction:
        """The time from which packets are needed for blocks that read from `first` on."""
        return Fraction(_warm_start(max(0, floor(first / CHAPTER_SECONDS))))

    def take_damage(self) -> int:
        """Packets that could not be decoded since the last call."""
        damaged, self._damaged = self._damaged, 0
        return damaged

    def begin(self, start: Fraction) -> Fraction:
        """Start anew for blocks that read from `start` on; returns the time from which packets are needed."""
        self.close()
        self._chunks.clear()
        self._fed = 0
        self._frontier = -_FOREVER
        self.complete = False
        self._first_chapter = max(0, floor(start / CHAPTER_SECONDS))
        return Sound.warm_start(self._first_chapter * Fraction(CHAPTER_SECONDS))

    def feed(self, packet: Packet[Any]) -> None:
        """Decode one packet of the stream. One whose clock jumps has to be read from the file's start."""
        if self._jumps:
            self._join(packet)
        if packet.pts is None or packet.size == 0 or self.complete:
            return
        # Floats: exact fractions for every packet would cost more than the decoder, and a packet's time
        # only chooses its chapter, the same way each time.
        time_base = packet.time_base
        tick = float(time_base)
        time = packet.pts * tick - self._origin_seconds
        newest = self._chapters[-1].index if self._chapters else self._first_chapter - 1
        while time >= _warm_start(newest + 1):
            newest += 1
            if time < (newest + 1) * CHAPTER_SECONDS + _TAIL_SECONDS:
                self._chapters.append(_Chapter(newest, self._open_decoder()))
        for chapter in list(self._chapters):
            if time >= (chapter.index + 1) * CHAPTER_SECONDS + _TAIL_SECONDS:
                self._close(chapter)
            else:
                self._decode(chapter, packet, time, time_base)
        if self._end is not None and time + (packet.duration or 0) * tick >= self._end:
            self.finish()

    def _join(self, packet: Packet[Any]) -> None:
        """Put the packet's time on the one clock that the pictures are on; decoders carry it along."""
        added = next((by for at, by in self._jumps[::-1] if at <= self._fed), Fraction(0))
        self._fed += 1
        if packet.pts is not None:
            packet.pts += round(added / packet.time_base)
            packet.dts = None

    def passed(self, time: float) -> None:
        """The file has gone on to `time` in other streams: audio that lags far behind is not waited for."""
        self._frontier = max(self._frontier, int((time - _LAG_SECONDS) * self._rate))

    def close(self) -> None:
        """Drop the decoders at work."""
        self._chapters.clear()

    def finish(self) -> None:
        """The stream has ended."""
        for chapter in list(self._chapters):
            self._close(chapter)
        self.complete = True

    def due(self, need: AudioNeed, tile: Span, duration: Fraction) -> int:
        """What `reached` must attain before `block` can be called."""
        return self._native_range(need, tile, duration)[1]

    @property
    def reached(self) -> int:
        """Samples before this one will not change any more."""
        return _FOREVER if self.complete else self._frontier

    def forget(self, before: Fraction) -> None:
        """Drop samples that no block from `before` on will read."""
        limit = floor(before * self._rate)
        self._chunks = [c for c in self._chunks if c.start + c.samples.shape[1] > limit]

    def block(self, need: AudioNeed, tile: Span, duration: Fraction) -> AudioBlock:
        """The need's audio of one tile."""
        rate = need.sample_rate_hz or self._rate
        first, last = _output_range(need, tile, duration, rate)
        own_first, own_last = ceil(tile.start * rate), ceil(min(tile.end, duration) * rate)
        begin, end = self._native_range(need, tile, duration)
        native, covered = self._take(begin, end)
        if need.mono:
            native = native.mean(axis=0, keepdims=True, dtype=np.float32)
        if rate != self._rate:
            offset = begin * rate // self._rate
            native = resampled(native, self._rate, rate)[:, first - offset : last - offset]
            at = np.arange(first, last, dtype=np.int64) * self._rate // rate - begin
            covered = covered[at]
        samples = np.clip(native, -1.0, 1.0)
        assert samples.shape[1] == last - first, "a block holds one sample for each instant"
        samples.setflags(write=False)
        covered.setflags(write=False)
        return AudioBlock(samples, rate, first, own_first - first, last - own_last, covered)

    def _native_range(self, need: AudioNeed, tile: Span, duration: Fraction) -> tuple[int, int]:
        rate = need.sample_rate_hz or self._rate
        first, last = _output_range(need, tile, duration, rate)
        if rate == self._rate:
            return first, last
        pad = ceil(_PAD_SECONDS * self._rate)
        # The first native sample coincides with an output sample, so phases never depend on the tile.
        step = self._rate // gcd(self._rate, rate)
        begin = floor((Fraction(first * self._rate, rate) - pad) / step) * step
        return begin, ceil(Fraction(last * self._rate, rate)) + pad

    def _take(self, begin: int, end: int) -> tuple[Samples, npt.NDArray[np.bool_]]:
        out = np.zeros((self._channels, end - begin), np.float32)
        covered = np.zeros(end - begin, np.bool_)
        # Backwards: where times overlap, what came first in the file is heard.
        for chunk in reversed(self._chunks):
            a, b = max(begin, chunk.start), min(end, chunk.start + chunk.samples.shape[1])
            if a < b:
                out[:, a - begin : b - begin] = chunk.samples[:, a - chunk.start : b - chunk.start]
                covered[a - begin : b - begin] = True
        return out, covered

    def _decode(
        self, chapter: _Chapter, packet: Packet[Any], time: float, time_base: Fraction
    ) -> None:
        try:
            frames = chapter.decoder.decode(packet)
        except FFmpegError:
            # A decoder that begins in mid-stream may complain of what it lacks: not damage.
            self._damaged += floor(time / CHAPTER_SECONDS) == chapter.index
            return
        for frame in frames:
            self._place(chapter, frame, time_base)

    def _place(self, chapter: _Chapter, frame: AudioFrame, time_base: Fraction) -> None:
        if frame.sample_rate != self._rate or frame.samples == 0:
            return
        samples = _as_float(frame, self._channels)
        expected = None
        if chapter.pending:
            expected = chapter.pending[0][0] + chapter.pending_length
        elif chapter.anchor is not None:
            expected = chapter.anchor + chapter.counted
        if frame.pts is None:
            position = expected if expected is not None else chapter.index * self._rate
        else:
            position = self._position(frame.pts, time_base)
        tolerance = (2 * float(time_base) + 0.002) * self._rate
        if expected is not None and abs(position - expected) > tolerance:
            self._settle(chapter)
            chapter.anchor, chapter.counted = None, 0
        if chapter.anchor is not None:
            self._add(chapter, samples)
            return
        chapter.pending.append((position, samples))
        chapter.pending_length += samples.shape[1]
        if chapter.pending_length >= _ANCHOR_SECONDS * self._rate:
            self._settle(chapter)

    def _position(self, pts: int, time_base: Fraction) -> int:
        """A time stamp in samples of the video's clock, rounded; exact, in integers."""
        origin = self._origin
        scale = time_base.denominator * origin.denominator
        ticks = pts * time_base.numerator * origin.denominator
        zero = origin.numerator * time_base.denominator
        return (2 * (ticks - zero) * self._rate + scale) // (2 * scale)

    def _settle(self, chapter: _Chapter) -> None:
        """Fix where a run begins by the median of its frames' time stamps, and place it."""
        if not chapter.pending:
            return
        lengths = [samples.shape[1] for _, samples in chapter.pending]
        counted = np.cumsum([0, *lengths[:-1]])
        stamps = np.array([position for position, _ in chapter.pending])
        chapter.anchor = int(np.median(stamps - counted))
        chapter.counted = 0
        pending, chapter.pending, chapter.pending_length = chapter.pending, [], 0
        for _, samples in pending:
            self._add(chapter, samples)

    def _add(self, chapter: _Chapter, samples: Samples) -> None:
        assert chapter.anchor is not None, "a run is placed before samples are added"
        start = chapter.anchor + chapter.counted
        chapter.counted += samples.shape[1]
        low = chapter.index * CHAPTER_SECONDS * self._rate if chapter.index else -self._rate
        high = (chapter.index + 1) * CHAPTER_SECONDS * self._rate
        a, b = max(start, low), min(start + samples.shape[1], high)
        if a < b:
            self._chunks.append(_Chunk(a, samples[:, a - start : b - start]))
            self._frontier = max(self._frontier, b)

    def _close(self, chapter: _Chapter) -> None:
        for frame in _drain(chapter.decoder):
            self._place(chapter, frame, frame.time_base or Fraction(1, self._rate))
        self._settle(chapter)
        self._chapters.remove(chapter)


def resampled(samples: Samples, rate: int, new_rate: int) -> Samples:
    """``(channels, n)`` at another rate; the first sample keeps its time."""
    return np.concatenate([_resample_one(channel, rate, new_rate) for channel in samples])


def _resample_one(channel: Samples, rate: int, new_rate: int) -> Samples:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(channel[None]), "fltp", "mono")
    frame.sample_rate = rate
    resampler = AudioResampler("fltp", "mono", new_rate)
    parts: Sequence[AudioFrame] = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray() for part in parts], axis=1, dtype=np.float32)


def _output_range(need: AudioNeed, tile: Span, duration: Fraction, rate: int) -> tuple[int, int]:
    first = max(Fraction(0), tile.start - need.before_seconds)
    last = min(duration, tile.end + need.after_seconds)
    return ceil(first * rate), ceil(last * rate)


def _warm_start(chapter: int) -> int:
    """When packets for a chapter begin, seconds; the first takes all there are."""
    return chapter * CHAPTER_SECONDS - _WARM_SECONDS if chapter else -(10**9)


def _drain(decoder: AudioCodecContext) -> Iterator[AudioFrame]:
    try:
        yield from decoder.decode(None)
    except (FFmpegError, AvEOFError):
        return


def _as_float(frame: AudioFrame, channels: int) -> Samples:
    """``(channels, n)``; a frame with another number of channels gives its mean to all."""
    count = len(frame.layout.channels)
    if frame.format.name == "fltp" and count == channels:  # what most decoders give
        samples = np.empty((count, frame.samples), np.float32)
        for row, plane in zip(samples, frame.planes, strict=True):
            row[:] = np.frombuffer(memoryview(plane), np.float32, frame.samples)
        return samples
    raw: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, count).T
    values: Samples = raw.astype(np.float32)
    if raw.dtype == np.uint8:
        values = (values - np.float32(128)) / np.float32(128)
    elif raw.dtype.kind == "i":
        values = values / np.float32(2 ** (8 * raw.dtype.itemsize - 1))
    if count != channels:
        values = np.repeat(values.mean(axis=0, keepdims=True), channels, axis=0)
    return values.astype(np.float32, copy=False)
