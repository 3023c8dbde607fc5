"""Small synthetic videos whose content is known exactly: parts, sounds, and the number of every frame.

    make_video(path, [still(2), noise(1), pan(3)], audio=[tone(2, 440), silence(1)])

Every frame carries its number as two rows of 12 black or white squares (the number and its
complement), readable after strong compression with `read_number`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import OutputContainer
from av.packet import Packet
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

__all__ = [
    "Gray",
    "Part",
    "Sound",
    "black",
    "dissolve",
    "fade",
    "flash",
    "flat",
    "frame_times",
    "make_video",
    "noise",
    "pan",
    "read_number",
    "silence",
    "sound_samples",
    "still",
    "tone",
]

Gray = npt.NDArray[np.float32]

_BITS = 12
_REORDERING = frozenset({"libx264", "libx265", "mpeg4", "mpeg2video"})
_MARGIN_SHARE = 16  # a mark row takes 1/16 of the height at the top and at the bottom


class _Paint(Protocol):
    def __call__(self, share: float, frame: int, height: int, width: int, /) -> Gray: ...


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of pictures. `paint` gives ``(h, w)`` luma in 0..1 for a share 0..1 of the part."""

    seconds: Fraction
    paint: _Paint


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of sound: a sine, or silence for 0 Hz."""

    seconds: Fraction
    hertz: float
    amplitude: float = 0.5


def still(seconds: float, seed: int = 0) -> Part:
    """The same textured picture throughout; another seed is another picture."""
    return _part(seconds, lambda _share, _frame, height, width: _texture(height, width, seed))


def noise(seconds: float, seed: int = 0) -> Part:
    """Independent noise in every frame."""

    def paint(_share: float, frame: int, height: int, width: int) -> Gray:
        values = np.random.default_rng((seed, frame)).random((height, width), dtype=np.float32)
        return np.asarray(values, dtype=np.float32)

    return _part(seconds, paint)


def pan(seconds: float, pixels: float = 100, seed: int = 0) -> Part:
    """A textured picture that moves left by `pixels` in all."""

    def paint(share: float, _frame: int, height: int, width: int) -> Gray:
        wide = _texture(height, width + int(abs(pixels)) + 1, seed)
        at = round(share * abs(pixels))
        return wide[:, at : at + width]

    return _part(seconds, paint)


def flat(seconds: float, level: float = 0.5) -> Part:
    """One level of gray."""
    return _part(
        seconds,
        lambda _share, _frame, height, width: np.full((height, width), level, dtype=np.float32),
    )


def black(seconds: float) -> Part:
    """Black."""
    return flat(seconds, 0.0)


def fade(part: Part, *, to_black: bool) -> Part:
    """A part that goes linearly to black, or comes from it."""

    def paint(share: float, frame: int, height: int, width: int) -> Gray:
        return part.paint(share, frame, height, width) * np.float32(
            1 - share if to_black else share
        )

    return replace(part, paint=paint)


def dissolve(seconds: float, first: Part, second: Part) -> Part:
    """A linear mix from `first` to `second`."""

    def paint(share: float, frame: int, height: int, width: int) -> Gray:
        a = first.paint(share, frame, height, width)
        b = second.paint(share, frame, height, width)
        return a * np.float32(1 - share) + b * np.float32(share)

    return _part(seconds, paint)


def flash(part: Part, at: float = 0.5, frames: int = 1, fps: float = 30) -> Part:
    """A part with a few white frames at a share `at` of it."""
    length = frames / (float(part.seconds) * fps)

    def paint(share: float, frame: int, height: int, width: int) -> Gray:
        picture = part.paint(share, frame, height, width)
        return np.ones_like(picture) if at <= share < at + length else picture

    return replace(part, paint=paint)


def tone(seconds: float, hertz: float, amplitude: float = 0.5) -> Sound:
    """A sine."""
    return Sound(_exact(seconds), hertz, amplitude)


def silence(seconds: float) -> Sound:
    """Digital silence."""
    return Sound(_exact(seconds), 0.0)


def frame_times(
    parts: Sequence[Part], fps: Fraction, vfr: Sequence[int] | None = None
) -> list[Fraction]:
    """Presentation times of all frames, the end of the last appended. `vfr`: see `make_video`."""
    total, times, k = sum(part.seconds for part in parts), [Fraction(0)], 0
    while times[-1] < total:
        times.append(times[-1] + (vfr[k % len(vfr)] if vfr else 1) / fps)
        k += 1
    return times


def make_video(
    path: Path,
    parts: Sequence[Part],
    *,
    fps: Fraction = Fraction(30000, 1001),
    size: tuple[int, int] = (320, 180),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    gop: int = 30,
    b_frames: int = 2,
    vfr: Sequence[int] | None = None,
    start: Fraction = Fraction(0),
    rotation: int = 0,
    sample_aspect: Fraction = Fraction(1),
    audio: Sequence[Sound] | npt.NDArray[np.float32] = (),
    audio_codec: str = "aac",
    audio_rate: int = 48000,
    audio_offset: Fraction = Fraction(0),
    mux: dict[str, str] | None = None,
) -> list[Fraction]:
    """Write a video; the container follows from the suffix. Returns `frame_times`.

    `vfr` repeats lengths of frames in units of ``1 / fps``; `start` is the time of the first frame in
    the container; `rotation` is the clockwise turn that a player applies; `audio_offset` is when the
    sound begins after the first frame. `audio` may also be ``(n,)`` samples. With `gop` 1 every picture
    is a keyframe.
    """
    times = frame_times(parts, fps, vfr)
    settings = {"fflags": "+bitexact", **(mux or {})}
    if path.suffix in (".mp4", ".mov"):
        # Edit lists count in movie time, 1 ms by default: sound would be up to half of it off.
        settings = {"movie_timescale": str(audio_rate), **settings}
    with av.open(str(path), "w", container_options=settings) as out:
        video = _add_video(out, codec, fps, size, pixel_format, options or {}, gop, b_frames)
        video.codec_context.sample_aspect_ratio = sample_aspect
        if rotation:
            video.set_display_rotation(-rotation)
        samples = audio if isinstance(audio, np.ndarray) else sound_samples(audio, audio_rate)
        sound = _add_audio(out, audio_codec, audio_rate) if len(samples) else None
        packets = list(_encode_video(video, parts, times, fps, start))
        if sound is not None:
            begin = start + audio_offset
            packets += _encode_audio(sound, samples, audio_rate, begin)
        packets.sort(key=_decode_time)
        for packet in packets:
            out.mux(packet)
    return times


def sound_samples(sounds: Sequence[Sound], rate: int) -> npt.NDArray[np.float32]:
    """``(n,)`` samples of sounds one after another, each beginning at phase 0."""
    pieces: list[npt.NDArray[np.float64]] = [np.zeros(0)]
    for sound in sounds:
        t = np.arange(round(sound.seconds * rate)) / rate
        pieces.append(sound.amplitude * np.sin(2 * np.pi * sound.hertz * t))
    return np.concatenate(pieces).astype(np.float32)


def read_number(picture: npt.NDArray[np.uint8]) -> int | None:
    """The frame number in a gray ``(h, w)`` or RGB picture at any scale; None when it cannot be read."""
    gray = picture.astype(np.float32)
    if gray.ndim == 3:
        gray = gray.mean(axis=2)
    height, width = gray.shape
    band = max(1.0, height / _MARGIN_SHARE)
    x = ((np.arange(_BITS) + 0.5) * width / _BITS).astype(int)
    top, bottom = gray[int(band / 2), x], gray[int(height - band / 2), x]
    bits = top > bottom
    if np.abs(top - bottom).min() < 40:
        return None
    return int((bits * (1 << np.arange(_BITS))).sum())


def _part(seconds: float, paint: _Paint) -> Part:
    return Part(_exact(seconds), paint)


def _exact(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(1_000_000)


def _texture(height: int, width: int, seed: int) -> Gray:
    """Smooth blobs over fine grain: something for every measure to hold on to."""
    rng = np.random.default_rng(seed)
    cells = rng.random((9, -(-width // 24) + 1), dtype=np.float32)
    rows = np.arange(height) * 9 // height
    blobs = cells[rows][:, np.arange(width) // 24]
    grain = rng.random((height, width), dtype=np.float32)
    return np.asarray(0.15 + 0.6 * blobs + 0.1 * grain, dtype=np.float32)


def _mark(picture: Gray, number: int) -> Gray:
    height, width = picture.shape
    band = -(-height // _MARGIN_SHARE)
    bits = (number >> np.arange(_BITS)) & 1
    row = bits[np.arange(width) * _BITS // width].astype(np.float32)
    marked = picture.copy()
    marked[:band], marked[-band:] = row, 1 - row
    return marked


def _pictures(
    parts: Sequence[Part], times: Sequence[Fraction], size: tuple[int, int]
) -> Iterator[Gray]:
    begin, number = Fraction(0), 0
    for k, part in enumerate(parts):
        end = begin + part.seconds
        while number < len(times) - 1 and (times[number] < end or k == len(parts) - 1):
            share = float((times[number] - begin) / part.seconds)
            yield _mark(part.paint(share, number, size[1], size[0]), number)
            number += 1
        begin = end


def _add_video(
    out: OutputContainer,
    codec: str,
    fps: Fraction,
    size: tuple[int, int],
    pixel_format: str,
    options: dict[str, str],
    gop: int,
    b_frames: int,
) -> VideoStream:
    fast = {"preset": "ultrafast", "crf": "16"} if codec in ("libx264", "libx265") else {}
    stream = out.add_stream(codec, rate=fps, options={**fast, **options})
    assert isinstance(stream, VideoStream), f"{codec} encodes no pictures"
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    context = stream.codec_context
    context.time_base = 1 / fps
    context.gop_size = gop
    if pixel_format.startswith("yuvj"):
        context.color_range = ColorRange.JPEG
    context.max_b_frames = b_frames if gop > 1 and codec in _REORDERING else 0
    context.thread_count = 1
    context.thread_type = ThreadType.NONE
    return stream


def _add_audio(out: OutputContainer, codec: str, rate: int) -> AudioStream:
    stream = out.add_stream(codec, rate=rate)
    assert isinstance(stream, AudioStream), f"{codec} encodes no sound"
    stream.codec_context.layout = "mono"
    return stream


def _encode_video(
    stream: VideoStream,
    parts: Sequence[Part],
    times: Sequence[Fraction],
    fps: Fraction,
    start: Fraction,
) -> Iterator[Packet[Any]]:
    size = (stream.width, stream.height)
    for number, picture in enumerate(_pictures(parts, times, size)):
        frame = _frame(picture, stream.pix_fmt or "yuv420p")
        frame.pts = round((start + times[number]) * fps)
        frame.time_base = 1 / fps
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _frame(picture: Gray, pixel_format: str) -> av.VideoFrame:
    height, width = picture.shape
    if pixel_format == "yuv420p" and not (width % 2 or height % 2):
        luma = np.clip(np.rint(16 + 219 * picture), 16, 235).astype(np.uint8)
        chroma = np.full((height // 2, width), 128, np.uint8)
        return av.VideoFrame.from_ndarray(np.concatenate([luma, chroma]), "yuv420p")
    gray = np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.repeat(gray[..., None], 3, axis=2), "rgb24")
    full = ColorRange.JPEG if pixel_format.startswith("yuvj") else ColorRange.MPEG
    return frame.reformat(format=pixel_format, dst_color_range=full)


def _encode_audio(
    stream: AudioStream, samples: npt.NDArray[np.float32], rate: int, begin: Fraction
) -> Iterator[Packet[Any]]:
    offset = round(begin * rate)
    for at in range(0, len(samples), 1024):
        block = np.ascontiguousarray(samples[None, at : at + 1024])
        frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = offset + at
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _decode_time(packet: Packet[Any]) -> Fraction:
    assert packet.dts is not None, "encoders stamp their packets"
    return packet.dts * packet.time_base
