"""Sound of any stream of any file, on a clock that may run otherwise than the video's.

Samples come from the same decoder and are placed the same way as the sound of a video
(`curator.media.sound`); they are resampled once, whatever has to be made up for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard

from curator.abc.measure import AudioBlock, AudioNeed
from curator.errors import MediaError
from curator.media.probe import Probe, audio_stream, note_audio
from curator.media.safety import Limits, open_media
from curator.media.scan import AudioPackets
from curator.media.sound import Sound, resampled
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.video import AudioStream

__all__ = ["Heard", "Hearing", "SoundFile", "find_sound", "probe_sound"]

_PAD_SECONDS = Fraction(1, 20)
"""Native samples around a stretch that is resampled; the filter reaches 16 samples of the lower rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFile:
    """One audio stream of one file, and the instant of the container at which its clock is zero."""

    stream: AudioStream
    origin: Fraction
    duration_seconds: Fraction
    """Up to the end of its last packet, on its own clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Where the sound of a clip comes from, when it is not simply the video's at the same time."""

    path: Path
    sound: SoundFile
    clock: Clock


def probe_sound(path: Path, *, limits: Limits | None = None) -> tuple[SoundFile, ...]:
    """The audio streams of a file that is no video; each clock begins with the stream's first sample.

    Raises:
        MediaError: ``no-audio``, and what `open_media` raises.
    """
    with open_media(path, limits=limits or Limits()) as container:
        noted = {stream.index: AudioPackets() for stream in container.streams.audio}
        if not noted:
            raise MediaError(f"{path.name} has no audio stream", reason="no-audio")
        try:
            for packet in container.demux(*container.streams.audio):
                if packet.size:
                    note_audio(packet, noted[packet.stream_index])
        except FFmpegError:
            pass  # what was read so far counts
        return tuple(_sound_file(stream, noted[stream.index]) for stream in container.streams.audio)


def find_sound(
    path: Path,
    probe: Probe | None,
    *,
    language: str | None = None,
    stream: int | None = None,
    limits: Limits | None = None,
) -> SoundFile:
    """The audio stream that is meant: of a video when `probe` is given, else of a file of its own.

    Args:
        language: as the container says it, e.g. ``eng``; the first stream with it is taken.
        stream: number among the file's audio streams, from 0.

    Raises:
        MediaError: ``no-audio`` when the file has no such stream.
    """
    if probe is None:
        found = probe_sound(path, limits=limits)
    else:
        info = probe.info
        found = tuple(
            SoundFile(stream=one, origin=info.start_seconds, duration_seconds=info.duration_seconds)
            for one in info.audio
        )
    if stream is not None:
        found = found[stream : stream + 1]
    if language is not None:
        found = tuple(one for one in found if one.stream.language == language)
    if not found:
        wanted = f" {stream}" if stream is not None else ""
        wanted += f" in '{language}'" if language is not None else ""
        raise MediaError(f"{path.name} has no audio stream{wanted}", reason="no-audio")
    return found[0]


class Hearing:
    """One audio stream, opened. Blocks may be asked for in any order; forward is cheapest."""

    def __init__(self, path: Path, sound: SoundFile, *, limits: Limits | None = None) -> None:
        self._path, self._file, self._limits = path, sound, limits or Limits()
        self._sound = Sound(sound.stream, sound.origin, self._open_decoder)
        self._packets: Generator[Packet[Any], None, None] | None = None
        self._from: Fraction | None = None
        """First instant that the decoders at work give."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._sound.close()

    def clip(
        self, span: Span, clock: Clock, *, sample_rate_hz: int | None = None, mono: bool = False
    ) -> AudioBlock:
        """The samples of a span of the video's clock: as many as the video's own sound would have there."""
        rate = sample_rate_hz or self._file.stream.sample_rate_hz
        count = ceil(span.end * rate) - ceil(span.start * rate)
        if clock.rate == 1:
            first = ceil(clock.on_track(span.start) * rate)
            samples, covered = self._at_rate(first, count, rate, mono=mono)
        else:
            samples, covered = self._stretched(span, clock, rate, count, mono=mono)
        samples.setflags(write=False)
        covered.setflags(write=False)
        return AudioBlock(samples, rate, ceil(span.start * rate), 0, 0, covered)

    def _at_rate(
        self, first: int, count: int, rate: int, *, mono: bool
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """`count` samples from sample `first` of the track's clock on; beyond its ends there is silence."""
        last = floor(self._file.duration_seconds * rate)
        a, b = max(first, 0), min(first + count, last)
        channels = 1 if mono else self._file.stream.channels
        samples = np.zeros((channels, count), np.float32)
        covered = np.zeros(count, np.bool_)
        if a < b:
            need = AudioNeed(sample_rate_hz=rate, mono=mono)
            block = self._block(need, Span(Fraction(a, rate), Fraction(b, rate)))
            inside = slice(a - first, b - first)
            samples[:, inside] = block.samples
            covered[inside] = block.covered
        return samples, covered

    def _stretched(
        self, span: Span, clock: Clock, rate: int, count: int, *, mono: bool
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """The same where the clocks run at different rates: native samples are taken for slightly more per second."""
        native = self._file.stream.sample_rate_hz
        start, end = clock.on_track(span.start), clock.on_track(span.end)
        first = ceil((start - _PAD_SECONDS) * native)
        raw, known = self._at_rate(
            first, ceil((end + _PAD_SECONDS) * native) - first, native, mono=mono
        )
        fast = round(native * clock.rate)
        held = resampled(raw, fast, rate)
        skip = round((start - Fraction(first, native)) / clock.rate * rate)
        samples = np.zeros((len(held), count), np.float32)
        part = held[:, skip : skip + count]
        samples[:, : part.shape[1]] = part
        at = np.clip((np.arange(count) + skip) * fast // rate, 0, len(known) - 1)
        return np.clip(samples, -1.0, 1.0), known[at]

    def _block(self, need: AudioNeed, span: Span) -> AudioBlock:
        duration = self._file.duration_seconds
        first = self._sound.reach([need], span, duration)
        if self._from is None or first < self._from or self._packets is None:
            self._start(first)
        due = self._sound.due(need, span, duration)
        while self._sound.reached < due:
            assert self._packets is not None, "reading has begun"
            packet = next(self._packets, None)
            if packet is None:
                self._sound.finish()
            else:
                self._sound.feed(packet)
        block = self._sound.block(need, span, duration)
        self._sound.forget(first)
        self._from = first
        return block

    def _start(self, first: Fraction) -> None:
        self._stop()
        needed_from = self._sound.begin(first)
        self._packets = self._read(needed_from)
        self._from = first

    def _stop(self) -> None:
        if self._packets is not None:
            self._packets.close()
            self._packets = None

    def _read(self, needed_from: Fraction) -> Generator[Packet[Any], None, None]:
        """Packets of the stream from an instant of its clock on."""
        with open_media(self._path, limits=self._limits) as container:
            stream = container.streams[self._file.stream.index]
            for other in container.streams:
                other.discard = Discard.default if other is stream else Discard.all
            if needed_from > 0 and stream.time_base and not self._file.stream.jumps:
                try:
                    container.seek(
                        int((needed_from + self._file.origin) / stream.time_base), stream=stream
                    )
                except FFmpegError:
                    return
            with closing(_demuxed(container.demux(stream))) as packets:
                yield from packets

    def _open_decoder(self) -> AudioCodecContext:
        with open_media(self._path, limits=self._limits) as again:
            context = again.streams[self._file.stream.index].codec_context
            assert isinstance(context, AudioCodecContext), "the probe named an audio stream"
            return context


def _demuxed(packets: Iterator[Packet[Any]]) -> Generator[Packet[Any], None, None]:
    """Packets with content; a read error is the end of the file."""
    try:
        for packet in packets:
            if packet.size:
                yield packet
    except FFmpegError:
        return


def _sound_file(stream: Any, noted: AudioPackets) -> SoundFile:
    tick = stream.time_base or Fraction(1, stream.rate or 1)
    skipped = Fraction(noted.skip_samples, stream.rate or 1)
    origin = (noted.first or 0) * tick + skipped
    facts = audio_stream(stream, noted, origin)
    return SoundFile(
        stream=facts,
        origin=origin,
        duration_seconds=Fraction(round((facts.duration_seconds or 0.0) * 10**6), 10**6),
    )
