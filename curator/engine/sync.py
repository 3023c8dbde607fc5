"""The tasks that read sidecars and measure offsets, as a worker does them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from math import isfinite
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curator.abc.aligner import Hear, Pair
from curator.abc.reader import Sidecar
from curator.align.clock import series_on_video, track_on_video
from curator.engine.task import (
    Aligned,
    AlignTask,
    Ask,
    Camera,
    EncodeTask,
    Read,
    ReadTask,
    SoundPlace,
)
from curator.errors import MeasureError, MediaError
from curator.media.decode import DecodeStats
from curator.media.encode import cut
from curator.media.hear import Heard, Hearing, SoundFile, find_sound
from curator.media.probe import Probe, probe
from curator.media.stored import load
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock, Offset
from curator.store.series import decode_series
from curator.store.tracks import decode_track, encode_track

__all__ = ["align", "film", "heard_of", "read"]


def read(task: ReadTask) -> Read:
    """Read the tracks of one sidecar.

    Raises:
        SourceError: what the reader says of the file.
    """
    begun = time.process_time()
    path = task.path if task.url is None else task.beside[task.url]
    file = Sidecar(path=path, name=task.name, video_seconds=task.video_seconds, video=task.video)
    tracks = task.reader.read(file)
    return Read(
        tracks={name: encode_track(track) for name, track in tracks.items()},
        seconds=time.process_time() - begun,
    )


def align(task: AlignTask) -> Aligned:
    """Measure the offsets of some clips."""
    begun = time.process_time()
    found = load(task.probe)
    with ExitStack() as stack:
        listen = _Listening(task, found, stack)
        offsets = {key: _estimate(ask, found, listen) for key, ask in task.asks.items()}
    return Aligned(offsets=offsets, seconds=time.process_time() - begun)


def heard_of(task: EncodeTask, own: Probe) -> list[Heard | None]:
    """Where the sound of every span of an encoding task comes from."""
    found: dict[tuple[str | None, str | None, int | None], tuple[Path, SoundFile]] = {}
    out: list[Heard | None] = []
    for place in task.sounds:
        if place is None:
            out.append(None)
            continue
        name = (place.url, place.language, place.stream)
        if name not in found:
            found[name] = _find(place, task.path, task.beside, own)
        path, sound = found[name]
        out.append(Heard(path=path, sound=sound, clock=place.clock))
    return out


def film(task: EncodeTask, name: str, camera: Camera, stats: DecodeStats) -> list[Path]:
    """Cut the spans of a task out of one more camera's video.

    Raises:
        MediaError: ``camera-too-short`` where the camera did not see all of a clip; and what reading
            it raises.
    """
    path = task.beside[camera.url]
    found = probe(path)
    whole = Span(Fraction(0), found.info.duration_seconds)
    spans = []
    for span, clock in zip(task.spans, camera.clocks, strict=True):
        seen = Span(clock.on_track(span.start), clock.on_track(span.end))
        inside = seen.clip(whole)
        if inside is None or seen.seconds - inside.seconds > 1 / Fraction(found.info.fps):
            raise MediaError(
                f"camera '{name}' has nothing of {seen} s: it is {float(whole.seconds):.3f} s long",
                reason="camera-too-short",
                hint="check the clock of its sidecar, or leave the camera out",
            )
        spans.append(inside)
    clips = cut(path, found, spans, video=camera.video, audio=None, stats=stats)
    files = []
    for number, clip in enumerate(clips):
        if clip.video is None:
            raise MediaError(f"no picture of {clip.span} can be decoded", reason="no-pictures")
        files.append(task.folder / f"{number}.{name}.mp4")
        files[-1].write_bytes(clip.video)
    return files


def _find(
    place: SoundPlace, video: Path, beside: Mapping[str, Path], found: Probe
) -> tuple[Path, SoundFile]:
    path = video if place.url is None else beside[place.url]
    own = found if place.url is None else None
    return path, find_sound(path, own, language=place.language, stream=place.stream)


class _Listening:
    """The files that aligners listen to, each opened once in a task."""

    def __init__(self, task: AlignTask, own: Probe, stack: ExitStack) -> None:
        self._task, self._probe, self._stack = task, own, stack
        self._open: dict[tuple[str | None, str | None, int | None], Hearing] = {}

    def camera(self) -> Hear | None:
        """The sound of the video itself."""
        if not self._probe.info.audio:
            return None
        return self.hear(SoundPlace(url=None, clock=Clock()))

    def hear(self, place: SoundPlace) -> Hear:
        """One sound, by its clock."""
        name = (place.url, place.language, place.stream)
        if name not in self._open:
            path, sound = _find(place, self._task.path, self._task.beside, self._probe)
            self._open[name] = self._stack.enter_context(Hearing(path, sound))
        return partial(_hear, self._open[name], place.clock)


def _hear(
    hearing: Hearing, clock: Clock, span: Span, sample_rate_hz: int
) -> npt.NDArray[np.float32]:
    block = hearing.clip(span, clock, sample_rate_hz=sample_rate_hz, mono=True)
    mono: npt.NDArray[np.float32] = block.samples[0]
    return mono


def _estimate(ask: Ask, own: Probe, listen: _Listening) -> Offset:
    listens = ask.aligner.listens
    track = None if ask.track is None else track_on_video(decode_track(ask.track), ask.clock)
    found = ask.aligner.estimate(
        Pair(
            span=ask.span,
            video=own.info,
            series=_series(ask),
            track=track,
            heard=listen.hear(ask.sound) if ask.sound is not None and listens else None,
            camera=listen.camera() if listens else None,
        ),
        max_offset_seconds=ask.search_seconds,
    )
    if not all(map(isfinite, (found.seconds or 0.0, found.confidence, found.drift or 0.0))):
        raise MeasureError(
            f"aligner '{ask.aligner.name}' said {found} of {ask.span}",
            reason="aligner-broke",
            hint="please report it to the aligner's author",
        )
    return found


def _series(ask: Ask) -> dict[str, Series]:
    """The series, those of the track moved to where the clock puts them."""
    moved: Callable[[Series], Series] = partial(series_on_video, clock=ask.clock)
    return {
        name: moved(series) if name in ask.aligner.of_track else series
        for name, series in decode_series(ask.series).items()
    }
