"""Writers of clip files: MP4 with H.264 and AAC for players, FLAC for exact sound."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags, ThreadType
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from curator.media.colour import colour_codes, matrix_and_range
from curator.media.framing import Framing
from curator.media.planes import Box
from curator.media.sound import resampled
from curator.model.look import Look
from curator.model.video import VideoStream as VideoFacts

__all__ = ["ClipWriter", "VideoTrack", "clip_size", "flac"]

Samples = npt.NDArray[np.float32]

_BITEXACT = {"fflags": "+bitexact"}
"""No encoder names, dates or random ids in the file."""
_MP4 = {**_BITEXACT, "movflags": "+faststart", "max_interleave_delta": "0"}
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_AAC_BITS_PER_CHANNEL = 96_000
_CPU_AVX_512F = 13  # of cv::CpuFeatures, which cv2 does not export
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_SCALE = Interpolation.BICUBIC | Interpolation.BITEXACT | Interpolation.ACCURATE_RND


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTrack:
    """How the pictures of a clip are written."""

    height: int | None = None
    """Height as shown, pixels; never enlarged. None keeps the source's."""
    fps: Fraction | None = None
    """A constant rate, or None for the source's own times."""
    crf: int = 18
    """x264's constant rate factor: 18 is visually lossless, 23 its default."""
    preset: str = "veryfast"
    """x264's preset."""
    keyframe_seconds: Fraction | None = field(default=None, metadata={"neutral": None})
    """From one keyframe to the next at most; None leaves it to x264: 250 frames."""
    look: Look | None = field(default=None, metadata={"neutral": None})
    """A size, a fit, a grade; None makes whole pictures smaller and nothing else."""


def clip_size(video: VideoFacts, height_px: int | None) -> tuple[int, int]:
    """Width and height of a clip: upright, square pixels, both even, never enlarged."""
    width, height = video.display_width_px, video.display_height_px
    scale = min(Fraction(1), Fraction(height_px or height, height))
    return tuple(max(2, round(side * scale) // 2 * 2) for side in (width, height))  # type: ignore[return-value]


class ClipWriter:
    """One MP4 in the making. Give it pictures in order, then the sound, then `close`."""

    def __init__(
        self,
        path: Path,
        facts: VideoFacts,
        track: VideoTrack,
        *,
        sound: tuple[int, int] | None,
        box: tuple[float, float] | None = None,
    ) -> None:
        """A file at `path`, empty so far.

        Args:
            path: it is deleted by `close`.
            facts: of the source.
            track: how pictures are written.
            sound: sample rate and number of channels that `add_sound` will bring.
            box: width and height of the boxes that `upright` will be given, if any.
        """
        self._path, self._facts, self._track = path, facts, track
        self._framing = None
        if track.look is not None or box is not None:
            self._framing = Framing(facts, track.look or Look(), box, track.height)
        self.size = clip_size(facts, track.height) if self._framing is None else self._framing.size
        self._matrix, self._range = matrix_and_range(facts)
        self._scaler = VideoReformatter()
        self._time_base = 1 / track.fps if track.fps is not None else _fine(facts.time_base)
        # Edit lists count in movie time: with its default of 1 ms a clip would begin up to 0.5 ms off.
        options = {**_MP4, "movie_timescale": str(_timescale(self._time_base))}
        self._container = av.open(str(path), "w", format="mp4", container_options=options)
        self._video = self._add_video()
        self._sound_rate = 0
        self._audio = None if sound is None else self._add_audio(*sound)
        self._last_pts = -1

    def add_picture(self, upright: VideoFrame, time: Fraction, seconds: Fraction) -> None:
        """Encode a picture made by `upright` from `time` on, for `seconds`."""
        pts = max(round(time / self._time_base), self._last_pts + 1)
        self._last_pts = pts
        upright.pts = pts
        upright.time_base = self._time_base
        upright.duration = max(1, round(seconds / self._time_base))
        self._container.mux(self._video.encode(upright))

    def upright(self, frame: VideoFrame, box: Box | None = None) -> VideoFrame:
        """A decoded frame, or a box of it, as it is stored: upright, scaled, 8-bit 4:2:0 of limited range."""
        if self._framing is not None:
            return self._framing.picture(frame, box)
        width, height = self.size
        turns = self._facts.rotation_degrees // 90
        stored = (height, width) if turns % 2 else (width, height)
        scaled = self._scaler.reformat(
            frame,
            *stored,
            "yuv420p",
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            src_color_range=self._range,
            dst_color_range=ColorRange.MPEG,
            interpolation=_SCALE,
            threads=1,
        )
        if turns or scaled is frame:
            # A frame of its own: the decoder still owns what it gave.
            scaled = VideoFrame.from_ndarray(_turned(scaled, turns), "yuv420p")
        scaled.pict_type = PictureType.NONE  # else x264 repeats the source's picture types
        return scaled

    def add_sound(self, samples: Samples, rate: int) -> None:
        """Encode the whole sound, ``(channels, n)``, from the span's start on."""
        assert self._audio is not None, "the writer was made without sound"
        channels = len(self._audio.layout.channels)
        if len(samples) != channels:
            samples = np.repeat(samples.mean(axis=0, keepdims=True), channels, axis=0)
        if rate != self._sound_rate:
            samples = resampled(samples, rate, self._sound_rate)
        for start in range(0, samples.shape[1], 1024):
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", _LAYOUTS[channels]
            )
            frame.sample_rate = self._sound_rate
            frame.time_base = Fraction(1, self._sound_rate)
            frame.pts = start
            self._container.mux(self._audio.encode(frame))

    def close(self) -> bytes:
        """Finish the file, delete it, and return what it held."""
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._container.close()
        data = self._path.read_bytes()
        self._path.unlink()
        return data

    def _add_video(self) -> VideoStream:
        options = {"crf": str(self._track.crf), "preset": self._track.preset, "flags": "+cgop"}
        if cv2.checkHardwareSupport(_CPU_AVX_512F):
            # x264's AVX-512 lookahead reads memory it never wrote when the padded width is not a
            # multiple of 64: the same pictures then give other bytes each time. AVX2 is as fast.
            options["x264-params"] = "asm=AVX2"
        rate = self._track.fps or Fraction(self._facts.fps_from_header or 25)
        if self._track.keyframe_seconds is not None:
            options["g"] = str(max(1, round(self._track.keyframe_seconds * rate)))
        stream = self._container.add_stream(
            "libx264", rate=rate.limit_denominator(1001), options=options
        )
        assert isinstance(stream, VideoStream), "libx264 encodes pictures"
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        context.flags |= (
            Flags.frame_duration
        )  # else the last picture lasts as long as the one before
        context.thread_count = 1
        context.thread_type = ThreadType.NONE
        framing = self._framing
        tags = colour_codes(self._facts) if framing is None else framing.tags()
        for attribute, code in tags.items():
            setattr(context, attribute, code)
        return stream

    def _add_audio(self, rate: int, channels: int) -> AudioStream:
        self._sound_rate = rate if rate in _AAC_RATES else 48000
        stream = self._container.add_stream("aac", rate=self._sound_rate)
        assert isinstance(stream, AudioStream), "aac encodes sound"
        channels = channels if channels <= 2 else 1
        stream.codec_context.layout = _LAYOUTS[channels]
        stream.codec_context.bit_rate = _AAC_BITS_PER_CHANNEL * channels
        return stream


def flac(samples: Samples, rate: int) -> bytes:
    """``(channels, n)`` in [-1, 1] as 16-bit FLAC: exact for 16-bit sources."""
    channels = len(samples)
    values = np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)
    out = io.BytesIO()
    with av.open(out, "w", format="flac", container_options=_BITEXACT) as container:
        stream = container.add_stream("flac", rate=rate, options={"flags": "+bitexact"})
        assert isinstance(stream, AudioStream), "flac encodes sound"
        stream.codec_context.layout = _LAYOUTS[channels]
        stream.codec_context.format = "s16"
        for start in range(0, values.shape[1], 4096):
            block = np.ascontiguousarray(values[:, start : start + 4096].T).reshape(1, -1)
            frame = AudioFrame.from_ndarray(block, "s16", _LAYOUTS[channels])
            frame.sample_rate = rate
            frame.time_base = Fraction(1, rate)
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _fine(time_base: Fraction) -> Fraction:
    """A clock on which the source's frames and nearly any span's start fall exactly."""
    source = time_base.denominator
    return Fraction(1, source * -(-90_000 // source))


def _timescale(time_base: Fraction) -> int:
    """The clock that FFmpeg gives an MP4 track: the time base, made at least as fine as 1/10000 s."""
    scale = time_base.denominator
    while scale < 10_000:
        scale *= 2
    return scale


def _turned(frame: VideoFrame, quarter_turns: int) -> npt.NDArray[np.uint8]:
    """The 4:2:0 planes turned clockwise, packed one under the other as PyAV wants them."""
    parts = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        parts.append(np.rot90(rows[:, : plane.width], -quarter_turns).reshape(-1))
    width = frame.height if quarter_turns % 2 else frame.width
    return np.concatenate(parts).reshape(-1, width)
