"""Tiles from numpy arrays: what a measure would be given for footage whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import (
    AudioBlock,
    AudioNeed,
    ClipSeries,
    FrameBlock,
    FrameNeed,
    Gatherer,
    Measure,
    Tile,
    View,
)
from curator.model.series import Series
from curator.model.signal import Signal, Support
from curator.model.span import Span
from curator.model.tile import tile_span
from curator.model.video import AudioStream, FrameTable, VideoInfo, VideoStream

__all__ = ["Footage", "join", "run", "summary", "tiles_of", "video_info"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_PATCH_PX = 128


@dataclass(frozen=True, eq=False)
class Footage:
    """A synthetic video whose frames, times and sound are arrays."""

    frames: _Bytes
    """``(n, h, w, 3)`` RGB, or ``(n, h, w)`` stored luma (16 is black, 235 is white) without colour."""
    fps: Fraction = Fraction(25)
    audio: npt.NDArray[np.float32] | None = None
    """``(channels, samples)`` from the first frame on; None is a video without sound."""
    sample_rate_hz: int = 48_000
    covered: npt.NDArray[np.bool_] | None = None
    """``(samples,)`` False where the stream has no sound; None covers everything."""
    rotation_degrees: int = 0
    _planes: dict[str, _Bytes] = field(default_factory=dict, repr=False)

    @property
    def table(self) -> FrameTable:
        """Times of the frames: one tick is one frame."""
        n = len(self.frames)
        return FrameTable(
            np.arange(n, dtype=np.int64),
            np.arange(n) % 25 == 0,
            np.full(n, 1000, np.int64),
            1 / self.fps,
            n,
        )

    def view(self, need: FrameNeed) -> _Bytes:
        """All frames in one view, close to how `curator.media` derives it."""
        name = f"{need.view.name}-{need.max_side_px}"
        if name not in self._planes:
            side = need.max_side_px
            made = [_view(frame, need.view, side, self.rotation_degrees) for frame in self.frames]
            self._planes[name] = np.stack(made)
        return self._planes[name]


def video_info(footage: Footage) -> VideoInfo:
    """Container facts that agree with synthetic footage."""
    height, width = footage.frames.shape[1:3]
    seconds = len(footage.frames) / footage.fps
    stream = VideoStream(
        index=0,
        codec="h264",
        width_px=width,
        height_px=height,
        sample_aspect=Fraction(1),
        rotation_degrees=footage.rotation_degrees,
        pixel_format="yuv420p",
        bit_depth=8,
        interlaced=False,
        time_base=1 / footage.fps,
        fps_from_header=float(footage.fps),
        color_primaries="bt709",
        color_transfer="bt709",
        color_space="bt709",
        color_range="tv",
        num_frames_from_header=len(footage.frames),
        duration_seconds_from_header=float(seconds),
    )
    return VideoInfo(
        container="mp4",
        size_bytes=2000 * len(footage.frames),
        video=stream,
        audio=() if footage.audio is None else (_audio_stream(footage),),
        num_frames_from_packets=len(footage.frames),
        duration_seconds=seconds,
        fps=float(footage.fps),
        is_variable_rate=False,
        video_bytes=1000 * len(footage.frames),
        max_keyframe_gap_seconds=float(25 / footage.fps),
        start_seconds=Fraction(0),
    )


def tiles_of(measure: Measure, footage: Footage) -> tuple[Tile, ...]:
    """The tiles that a decode pass would give `measure`, arrays read-only."""
    info, table = video_info(footage), footage.table
    return tuple(
        _tile(measure, footage, info, table, index) for index in range(int(info.num_tiles))
    )


def run(
    measure: Measure, footage: Footage, *, weights: Mapping[str, Path] | None = None
) -> dict[str, Series]:
    """Every series of `measure` over the whole footage; `weights` are paths by name, if it has any."""
    running = measure.start(weights or {})
    found = join([running.tile(tile) for tile in tiles_of(measure, footage)])
    return {**found, **measure.gather(found)} if isinstance(measure, Gatherer) else found


def summary(
    measure: Measure,
    footage: Footage,
    *,
    span: Span | None = None,
    weights: Mapping[str, Path] | None = None,
) -> Mapping[str, Signal]:
    """The signals of `measure` for one clip; the whole footage when no span is given."""
    info = video_info(footage)
    clip = span or Span(Fraction(0), info.duration_seconds)
    pairs = {spec.name for spec in measure.series if spec.support is Support.pair}
    series = {
        name: values.within(clip, skip_first=name in pairs)
        for name, values in run(measure, footage, weights=weights).items()
    }
    return measure.summarise(ClipSeries(clip, info, series))


def join(parts: list[Mapping[str, Series]]) -> dict[str, Series]:
    """One series per name from the results of tiles in order."""
    names = sorted({name for part in parts for name in part})
    return {name: Series.join([part[name] for part in parts if name in part]) for name in names}


def _tile(
    measure: Measure, footage: Footage, info: VideoInfo, table: FrameTable, index: int
) -> Tile:
    span = tile_span(index).clip(Span(Fraction(0), info.duration_seconds))
    assert span is not None
    frames: dict[str, FrameBlock] = {}
    audio: dict[str, AudioBlock] = {}
    for name, need in measure.needs.items():
        if isinstance(need, FrameNeed):
            frames[name] = _frames(footage, need, table, span)
        elif footage.audio is not None:
            audio[name] = _audio(footage, need, span)
    return Tile(index=index, span=span, video=info, frames=frames, audio=audio)


def _frames(footage: Footage, need: FrameNeed, table: FrameTable, span: Span) -> FrameBlock:
    taken = table.select(need.fps)
    first = int(np.searchsorted(taken, table.index_at(span.start)))
    last = int(np.searchsorted(taken, table.index_at(span.end)))
    low, high = max(0, first - need.before), min(len(taken), last + need.after)
    chosen = taken[low:high]
    pixels = footage.view(need)[chosen]
    pixels.setflags(write=False)
    return FrameBlock(
        pixels=pixels,
        ticks=table.ticks[chosen],
        time_base=table.time_base,
        before=first - low,
        after=high - last,
    )


def _audio(footage: Footage, need: AudioNeed, span: Span) -> AudioBlock:
    sound, there, rate = _heard(footage, need)
    start, end = round(span.start * rate), round(span.end * rate)
    low = max(0, start - round(need.before_seconds * rate))
    high = end + round(need.after_seconds * rate)
    samples = np.zeros((len(sound), high - low), np.float32)
    covered = np.zeros(high - low, np.bool_)
    part = sound[:, low:high]
    samples[:, : part.shape[1]] = part
    covered[: part.shape[1]] = there[low:high]
    samples.setflags(write=False)
    return AudioBlock(
        samples=samples,
        sample_rate_hz=rate,
        start=low,
        before=start - low,
        after=high - end,
        covered=covered,
    )


def _heard(
    footage: Footage, need: AudioNeed
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], int]:
    """All sound at the wanted rate, where the stream has some, and that rate."""
    assert footage.audio is not None
    sound = footage.audio.mean(axis=0, keepdims=True) if need.mono else footage.audio
    there = np.ones(sound.shape[1], np.bool_) if footage.covered is None else footage.covered
    rate = need.sample_rate_hz or footage.sample_rate_hz
    if rate == footage.sample_rate_hz:
        return sound, there, rate
    old = np.arange(sound.shape[1])
    count = max(1, sound.shape[1] * rate // footage.sample_rate_hz)
    at = np.arange(count) * (footage.sample_rate_hz / rate)
    # Linear: what lies above half the new rate folds down, which synthetic tones do not mind.
    resampled = np.stack([np.interp(at, old, channel) for channel in sound]).astype(np.float32)
    return resampled, there[np.minimum(at.astype(np.int64), len(old) - 1)], rate


def _audio_stream(footage: Footage) -> AudioStream:
    assert footage.audio is not None
    return AudioStream(
        index=1,
        codec="aac",
        sample_rate_hz=footage.sample_rate_hz,
        channels=len(footage.audio),
        language=None,
        start_seconds=Fraction(0),
        duration_seconds=footage.audio.shape[1] / footage.sample_rate_hz,
    )


def _view(frame: _Bytes, view: View, max_side_px: int | None, rotation_degrees: int) -> _Bytes:
    if view is View.patch:
        return _patches(_luma(frame))
    if view is View.rgb:
        assert max_side_px is not None
        picture = frame if frame.ndim == 3 else _rgb(frame)
        return _small(np.rot90(picture, -(rotation_degrees // 90)), max_side_px)
    if view is View.luma:
        return _small(_luma(frame), 320)
    if view is View.chroma:
        return _chroma(frame)
    small = _small(frame if frame.ndim == 3 else _rgb(frame), 320)
    return _u8(cv2.resize(small, (48, 27), interpolation=cv2.INTER_AREA))


def _luma(frame: _Bytes) -> _Bytes:
    if frame.ndim == 2:
        return frame
    rgb = frame.astype(np.float32)
    weighted = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return _u8(np.round(16 + weighted * (219 / 255)))


def _rgb(luma: _Bytes) -> _Bytes:
    grey = np.clip((luma.astype(np.float32) - 16) * (255 / 219), 0, 255)
    return _u8(np.repeat(np.round(grey)[..., None], 3, axis=-1))


def _chroma(frame: _Bytes) -> _Bytes:
    small = _small(frame, 320)
    height, width = small.shape[:2]
    half = (max(1, width // 2), max(1, height // 2))
    if small.ndim == 2:
        return np.full((half[1], half[0], 2), 128, np.uint8)
    rgb = small.astype(np.float32)
    y = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    u = 128 + 224 / 255 * (rgb[..., 2] - y) / 1.8556
    v = 128 + 224 / 255 * (rgb[..., 0] - y) / 1.5748
    return _u8(cv2.resize(np.round(np.dstack([u, v])), half, interpolation=cv2.INTER_AREA))


def _small(picture: _Bytes, max_side_px: int) -> _Bytes:
    """Longest side brought to `max_side_px`, even sides, area filter, never enlarged."""
    height, width = picture.shape[:2]
    scale = min(1.0, max_side_px / max(height, width))
    size = tuple(max(2, 2 * round(side * scale / 2)) for side in (width, height))
    if size == (width, height):
        return np.ascontiguousarray(picture)
    return _u8(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _patches(luma: _Bytes) -> _Bytes:
    """``(k, 128, 128)`` crops on a 3 x 3 grid; fewer where they would coincide."""
    rows, columns = (_corners(side) for side in luma.shape)
    crops = [luma[y : y + _PATCH_PX, x : x + _PATCH_PX] for y in rows for x in columns]
    return np.stack(crops) if crops else np.zeros((0, _PATCH_PX, _PATCH_PX), np.uint8)


def _corners(side: int) -> list[int]:
    if side < _PATCH_PX:
        return []
    room = side - _PATCH_PX
    return sorted({int(room * k / 2) // 16 * 16 for k in range(3)})


def _u8(values: object) -> _Bytes:
    made: _Bytes = np.clip(np.asarray(values), 0, 255).astype(np.uint8)
    return made
