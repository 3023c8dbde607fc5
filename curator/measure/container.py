"""What the file says of itself: facts that cost no decoding, judged before any frame is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, SupportsFloat

from curator.abc.measure import ClipSeries, Need, Tile, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.video import VideoInfo

__all__ = ["Container"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Facts of the whole video from its header and packets; the same for each of its clips.

    Sizes are as displayed: square pixels, after rotation. `bits_per_pixel` counts video packets
    over stored pixels of all frames. Flags are 1 or 0. `hdr` is told by the transfer curve (PQ or
    HLG).
    Typical: bits per pixel 0.05..0.2 for streaming H.264, below 0.02 starved or static, above 0.5
    camera originals; `max_keyframe_gap_seconds` 0.5..10.
    What fools it: headers lie about frame rates (`fps` is counted from packets; `freeze` tells the
    true rate of padded footage) and sizes say nothing of detail (see `sharpness`); a file can be
    interlaced without a flag.
    Source: the container, through FFmpeg; no code or weights of others.
    """

    name: ClassVar[str] = "container"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0
    series: ClassVar[tuple[SeriesSpec, ...]] = ()
    signals: ClassVar[tuple[SignalSpec, ...]] = tuple(
        SignalSpec(name=name, unit=unit, about=about)
        for name, unit, about in (
            ("duration_seconds", "s", "length of the video"),
            ("width_px", "px", "width as displayed"),
            ("height_px", "px", "height as displayed"),
            ("short_side_px", "px", "the lesser of width and height as displayed"),
            ("aspect", "w/h", "width over height as displayed"),
            ("fps", "fps", "frames per second, counted from packets"),
            ("variable_rate", "ratio", "1 when frame durations differ"),
            ("bits_per_pixel", "bit/px", "compressed bits per stored pixel"),
            ("size_bytes", "B", "size of the file"),
            ("bit_depth", "bit", "bits per component"),
            ("interlaced", "ratio", "1 when header or first pictures say interlaced"),
            ("hdr", "ratio", "1 when the transfer curve is PQ or HLG"),
            ("rotation_degrees", "deg", "clockwise turn that a player applies"),
            ("max_keyframe_gap_seconds", "s", "longest stretch without a keyframe"),
            ("codec", "text", "codec of the video stream"),
            ("container", "text", "format of the file"),
            ("audio", "ratio", "1 when there is an audio stream"),
            ("audio_codec", "text", "codec of the first audio stream"),
            ("audio_sample_rate_hz", "Hz", "sampling rate of the first audio stream"),
            ("audio_channels", "count", "channels of the first audio stream"),
        )
    )

    @property
    def needs(self) -> Mapping[str, Need]:
        return {}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {**_picture(clip.video), **_sound(clip.video)}


_HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        return {}


def _picture(info: VideoInfo) -> dict[str, Signal]:
    video = info.video
    width, height = video.display_width_px, video.display_height_px
    return {
        "duration_seconds": _number(info.duration_seconds),
        "width_px": _number(width),
        "height_px": _number(height),
        "short_side_px": _number(min(width, height)),
        "aspect": _number(width / height),
        "fps": _number(info.fps),
        "variable_rate": _number(info.is_variable_rate),
        "bits_per_pixel": _number(info.bits_per_pixel),
        "size_bytes": _number(info.size_bytes),
        "bit_depth": _number(video.bit_depth),
        "interlaced": _number(video.interlaced),
        "hdr": _number(video.color_transfer in _HDR_TRANSFERS),
        "rotation_degrees": _number(video.rotation_degrees),
        "max_keyframe_gap_seconds": _number(info.max_keyframe_gap_seconds),
        "codec": Signal(video.codec),
        "container": Signal(info.container),
    }


def _sound(info: VideoInfo) -> dict[str, Signal]:
    if not info.audio:
        absent = Signal(None, absent="no-audio")
        missing = ("audio_codec", "audio_sample_rate_hz", "audio_channels")
        return {"audio": Signal(0.0), **dict.fromkeys(missing, absent)}
    first = info.audio[0]
    return {
        "audio": Signal(1.0),
        "audio_codec": Signal(first.codec),
        "audio_sample_rate_hz": _number(first.sample_rate_hz),
        "audio_channels": _number(first.channels),
    }


def _number(value: SupportsFloat) -> Signal:
    return Signal(float(value))
