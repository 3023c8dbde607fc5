"""Clips as files: frame-exact pictures, sample-exact sound, the same bytes every time.

All clips of a video are cut in one pass. A clip holds the frames with ``start <= t < end`` by the
frame table and the samples with ``start <= t < end`` on the video's clock; times in the file count
from the span's start.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from av.video.frame import VideoFrame

from curator.abc.measure import AudioBlock, AudioNeed
from curator.media.frames import Doubt
from curator.media.framing import check_colours
from curator.media.hear import Heard, Hearing
from curator.media.mux import ClipWriter, VideoTrack, flac
from curator.media.planes import Box
from curator.media.probe import Probe
from curator.media.runs import Run, Stretch, plan_runs
from curator.media.safety import Limits
from curator.media.sound import Sound
from curator.media.source import Source
from curator.media.stats import DecodeStats
from curator.model.crop import CropPath
from curator.model.span import Span

__all__ = ["ENCODE_VERSION", "AudioTrack", "EncodedClip", "VideoTrack", "cut"]

ENCODE_VERSION = 4
"""Raise it when the same span and tracks would give other bytes."""

_REORDER_FRAMES = 17
"""No codec shows a frame later than 16 frames after its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTrack:
    """How the sound of a clip is written."""

    sample_rate_hz: int | None = None
    """None keeps the source's."""
    mono: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EncodedClip:
    """One span as bytes."""

    span: Span
    video: bytes | None
    """MP4 (H.264, with AAC when sound is asked for); None if not asked for, or no frame decodes."""
    audio: bytes | None
    """FLAC, 16 bit, sample-exact; None if not asked for or the video has no sound."""
    width_px: int | None
    height_px: int | None
    num_frames: int
    fps: float | None
    """The constant rate, or the mean rate where the source's times were kept."""
    num_samples: int
    sample_rate_hz: int | None
    channels: int | None


def cut(
    path: Path,
    probe: Probe,
    spans: Sequence[Span],
    *,
    video: VideoTrack | None,
    audio: AudioTrack | None,
    stats: DecodeStats,
    heard: Sequence[Heard | None] = (),
    crops: Sequence[CropPath | None] = (),
    threads: int = 1,
    limits: Limits | None = None,
) -> Iterator[EncodedClip]:
    """Encode `spans`, sorted and disjoint, in one sequential pass; clips come in order.

    Args:
        heard: for each span, where its sound comes from when it is not the video's own at the same
            time; none at all means that for every span.
        crops: for each span, which part of its pictures is shown, with a box for every frame; None
            shows all, and none at all means that for every span.

    Raises:
        MediaError: ``hdr-not-supported`` when pictures of an HDR video are asked for and `video`
            does not say how; ``matrix-not-supported``.
        ValueError: when the spans overlap, are not in order, or leave the video, or a crop is not of
            its span's frames.
    """
    _check(probe, spans, video)
    job = _Job(path, probe, video, audio, stats, limits or Limits())
    none: Sequence[None] = [None] * len(spans)
    items = [_Item(job, *each) for each in zip(spans, heard or none, crops or none, strict=True)]
    done = 0
    try:
        for clip in _cut(job, items, threads, may_seek=True):
            yield clip
            done += 1
    except Doubt:
        yield from _cut(job, items[done:], 1, may_seek=False)


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    probe: Probe
    video: VideoTrack | None
    audio: AudioTrack | None
    stats: DecodeStats
    limits: Limits

    @property
    def need(self) -> AudioNeed | None:
        if self.audio is None:
            return None
        return AudioNeed(sample_rate_hz=self.audio.sample_rate_hz, mono=self.audio.mono)


@dataclass(frozen=True, slots=True)
class _Item:
    """One span that is wanted, where its sound comes from, and what is shown of its pictures.

    Raises:
        ValueError: when the crop is not of the span's frames.
    """

    job: _Job
    span: Span
    heard: Heard | None
    crop: CropPath | None

    def __post_init__(self) -> None:
        if self.crop is None:
            return
        table, boxes = self.job.probe.table, self.crop.boxes
        ticks = table.ticks[table.index_at(self.span.start) : table.index_at(self.span.end)]
        if boxes.time_base != table.time_base or not np.array_equal(boxes.ticks, ticks):
            raise ValueError(f"the crop is not of the frames of {self.span}")

    @property
    def is_own(self) -> bool:
        """Whether its sound is the video's own, at the same time."""
        own = self.job.probe.info.audio
        return (
            self.job.audio is not None
            and self.heard is None
            and bool(own and own[0].sample_rate_hz)
        )

    @property
    def sounds(self) -> bool:
        """Whether there is any sound."""
        return self.is_own or (self.job.audio is not None and self.heard is not None)

    @property
    def sound_format(self) -> tuple[int, int] | None:
        """(samples per second, channels) of its sound."""
        if self.job.audio is None or not self.sounds:
            return None
        own = self.job.probe.info.audio
        stream = own[0] if self.heard is None else self.heard.sound.stream
        rate = self.job.audio.sample_rate_hz or stream.sample_rate_hz
        return rate, 1 if self.job.audio.mono else stream.channels

    def stretch(self, sound: Sound | None) -> Stretch:
        """What must be read for it."""
        table, span = self.job.probe.table, self.span
        begin, need = None, self.job.need
        if sound is not None and need is not None and self.is_own:
            begin = sound.reach([need], span, self.job.probe.info.duration_seconds)
        elif sound is not None:
            begin = span.start
        first = table.index_at(span.start) if self.job.video else None
        return Stretch(first, table.index_at(span.end), begin)


def _check(probe: Probe, spans: Sequence[Span], video: VideoTrack | None) -> None:
    if any(a.end > b.start for a, b in pairwise(spans)):
        raise ValueError("spans must be in order and must not overlap")
    if spans and not 0 <= spans[0].start < spans[-1].end <= probe.info.duration_seconds:
        raise ValueError(f"spans must lie in the video's {float(probe.info.duration_seconds)} s")
    if video is not None:
        check_colours(probe.info.video, video.look)


def _cut(
    job: _Job, items: Sequence[_Item], threads: int, *, may_seek: bool
) -> Iterator[EncodedClip]:
    if not items:
        return
    if job.video is None and not any(item.sounds for item in items):
        nothing = EncodedClip(items[0].span, None, None, None, None, 0, None, 0, None, None)
        yield from (replace(nothing, span=item.span) for item in items)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="curator-cut-")))
        source = stack.enter_context(
            Source(
                job.path,
                job.probe,
                pictures=job.video is not None,
                audio=any(item.is_own for item in items),
                stats=job.stats,
                threads=threads,
                beside=threads > 1,
                limits=job.limits,
            )
        )
        stretches = [item.stretch(source.sound) for item in items]
        for run in plan_runs(job.probe, stretches, may_seek=may_seek):
            clips = [_Clip(items[i], stretches[i], source, folder) for i in run.items]
            with closing(_work(source, run, clips)) as working:
                yield from working


def _work(source: Source, run: Run, clips: list[_Clip]) -> Generator[EncodedClip, None, None]:
    newest = -1
    with closing(source.read(run)) as reading:
        for frames in reading:
            for index, frame in frames:
                newest = max(newest, index)
                _route(clips, index, frame)
            while clips and clips[0].complete(newest):
                yield _finish(source, clips)
            if not clips:
                return
    while clips:  # the file has ended
        yield _finish(source, clips)


def _elsewhere(heard: Heard, span: Span, need: AudioNeed) -> AudioBlock:
    """The sound of a clip from another stream, or from another time."""
    with Hearing(heard.path, heard.sound) as hearing:
        return hearing.clip(span, heard.clock, sample_rate_hz=need.sample_rate_hz, mono=need.mono)


def _route(clips: list[_Clip], index: int, frame: VideoFrame) -> None:
    for clip in clips:
        if index < clip.end_frame:
            clip.offer(index, frame)
            return


def _finish(source: Source, clips: list[_Clip]) -> EncodedClip:
    clip = clips.pop(0).finish()
    if source.sound is not None and clips and clips[0].audio_from is not None:
        source.sound.forget(clips[0].audio_from)
    return clip


class _Clip:
    """One clip in the making."""

    def __init__(self, item: _Item, stretch: Stretch, source: Source, folder: Path) -> None:
        self._item, self._job, self._span, self._source = item, item.job, item.span, source
        self._first = self._next = item.job.probe.table.index_at(item.span.start)
        self.end_frame = stretch.end_frame
        self.audio_from = stretch.audio_from
        self._path = folder / f"{stretch.end_frame}.mp4"
        self._waiting: dict[int, VideoFrame] = {}
        self._writer: ClipWriter | None = None
        self._shown: tuple[VideoFrame, Fraction] | None = None
        """The latest picture, upright, and when it appears: written once its end is known."""
        self._count = 0
        self._block: AudioBlock | None = None
        self._due: int | None = None

    def offer(self, index: int, frame: VideoFrame) -> None:
        """Take a decoded frame before the clip's end; those before its start are not its own."""
        if index >= self._next:
            self._waiting[index] = frame
            self._settle(index)

    def complete(self, newest: int) -> bool:
        """Whether all frames are written or will never come, and the sound is there."""
        self._settle(newest)
        no_more = self._job.video is None or self._next >= self.end_frame
        return self._listen() and no_more

    def finish(self) -> EncodedClip:
        """The clip, with what there is of it."""
        self._settle(self.end_frame + _REORDER_FRAMES)
        self._listen(finished=True)
        video = self._close_video()
        return self._encoded(video)

    def _settle(self, newest: int) -> None:
        """Write waiting frames in order; one that is 17 frames late will not come."""
        while self._next < self.end_frame:
            frame = self._waiting.pop(self._next, None)
            if frame is not None:
                self._write(self._next, frame)
            elif newest < self._next + _REORDER_FRAMES:
                return
            self._next += 1

    def _write(self, index: int, frame: VideoFrame) -> None:
        start = perf_counter()
        table, track = self._job.probe.table, self._job.video
        assert track is not None, "frames come only where pictures are asked for"
        if self._writer is None:
            self._writer = self._open(track)
        time = table.time(index) - self._span.start
        if self._shown is not None:
            self._show(until=time)
        self._shown = (self._writer.upright(frame, self._box(index)), time)
        self._job.stats.spend("encode", start)

    def _open(self, track: VideoTrack) -> ClipWriter:
        crop = self._item.crop
        return ClipWriter(
            self._path,
            self._job.probe.info.video,
            track,
            sound=self._item.sound_format,
            box=None if crop is None else crop.size,
        )

    def _box(self, index: int) -> Box | None:
        crop = self._item.crop
        return None if crop is None else Box(*crop.values[index - self._first].tolist())

    def _show(self, *, until: Fraction, is_last: bool = False) -> None:
        """Write the latest picture, now that it is known how long it is shown.

        At a constant rate a picture appears at the instant nearest to its time, of several the latest,
        and stays until the next: what happens is seen at most half a frame early or late, and on
        average neither. Instants before the clip's first frame show that frame.
        """
        assert self._writer is not None, "a picture was prepared"
        assert self._shown is not None, "the caller has one"
        assert self._job.video is not None, "pictures are asked for"
        (picture, time), fps = self._shown, self._job.video.fps
        if fps is None:
            self._writer.add_picture(picture, time, until - time)
            self._count += 1
            return
        end = ceil(until * fps) if is_last else floor(until * fps + Fraction(1, 2))
        while self._count < max(
            1, end
        ):  # a clip begins with its first picture, whatever comes soon after
            self._writer.add_picture(picture, self._count / fps, 1 / fps)
            self._count += 1

    def _close_video(self) -> bytes | None:
        if self._writer is None:
            return None
        start = perf_counter()
        if self._shown is not None:
            self._show(until=self._span.seconds, is_last=True)
        if self._block is not None:
            self._writer.add_sound(self._block.samples, self._block.sample_rate_hz)
        data = self._writer.close()
        self._job.stats.spend("encode", start)
        return data

    def _listen(self, *, finished: bool = False) -> bool:
        """Take the sound as soon as all of it is there."""
        need, sound = self._job.need, self._source.sound
        if need is None or not self._item.sounds or self._block is not None:
            return True
        if self._item.heard is not None:
            self._block = _elsewhere(self._item.heard, self._span, need)
            return True
        assert sound is not None, "the video's own sound is read"
        duration = self._job.probe.info.duration_seconds
        if self._due is None:
            self._due = sound.due(need, self._span, duration)
        if finished or sound.reached >= self._due:
            self._block = sound.block(need, self._span, duration)
        return self._block is not None

    def _encoded(self, video: bytes | None) -> EncodedClip:
        track, block = self._job.video, self._block
        size = None if self._writer is None else self._writer.size
        rate = None
        if size is not None and track is not None:
            rate = float(track.fps or self._count / self._span.seconds)
        return EncodedClip(
            span=self._span,
            video=video,
            audio=None if block is None else flac(block.samples, block.sample_rate_hz),
            width_px=size[0] if size else None,
            height_px=size[1] if size else None,
            num_frames=self._count,
            fps=rate,
            num_samples=0 if block is None else block.samples.shape[1],
            sample_rate_hz=None if block is None else block.sample_rate_hz,
            channels=None if block is None else len(block.samples),
        )
