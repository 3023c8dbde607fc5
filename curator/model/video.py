"""What is known of a video before any frame of it is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curator.model.tile import TILE_SECONDS

__all__ = ["AudioStream", "FrameTable", "Rights", "VideoInfo", "VideoRef", "VideoStream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Under which terms footage may be used; it travels from source to sample."""

    license: str | None
    """SPDX identifier or free text; None only when the recipe says ``rights: unchecked``."""
    attribution: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRef:
    """One media file that a source names. The url says where it is, never what it is."""

    url: str
    """As a user would write it: a path or an fsspec URL."""
    source: str
    """Name of the source in the recipe."""
    rights: Rights
    sidecars: Mapping[str, str] = field(default_factory=dict)
    """Role to url, e.g. ``{"transcript": "a.srt"}``."""
    readers: Mapping[str, str] = field(default_factory=dict)
    """Role to reader, where the source knows it and the recipe does not say otherwise."""
    cuts: tuple[Fraction, ...] = ()
    """Instants at which something else begins, as the source knows: episodes that share a file."""
    columns: Mapping[str, float | str] = field(default_factory=dict)
    """What its manifest says in the columns that the recipe asks for."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """Start of a url to where it is read instead: the commit of a branch at the time of the look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStream:
    """The video stream that is measured: the first that is not a cover picture."""

    index: int
    codec: str
    width_px: int
    """Stored width, before sample aspect and rotation."""
    height_px: int
    sample_aspect: Fraction
    """Width of a pixel over its height; 1 when the file does not say."""
    rotation_degrees: int
    """Clockwise turn that a player applies before showing: 0, 90, 180 or 270."""
    pixel_format: str
    bit_depth: int
    interlaced: bool
    """The header or the first pictures say so; fields are not separated."""
    time_base: Fraction
    fps_from_header: float | None
    color_primaries: str | None
    color_transfer: str | None
    color_space: str | None
    color_range: str | None
    num_frames_from_header: int | None
    duration_seconds_from_header: float | None

    @property
    def display_width_px(self) -> int:
        """Width as shown: square pixels, after rotation."""
        return self._display[0]

    @property
    def display_height_px(self) -> int:
        """Height as shown: square pixels, after rotation."""
        return self._display[1]

    @property
    def _display(self) -> tuple[int, int]:
        # Sample aspect stretches the width and never shrinks the height, as players do.
        width = max(1, round(self.width_px * self.sample_aspect))
        size = (width, self.height_px)
        return size if self.rotation_degrees % 180 == 0 else (size[1], size[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStream:
    """One audio stream of the container."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    language: str | None
    start_seconds: Fraction
    """On the video's clock: positive when sound starts after the first frame."""
    duration_seconds: float | None
    jumps: tuple[tuple[int, Fraction], ...] = ()
    """Where the file's clock restarts (recordings that were joined): number of a packet, and seconds to add
    to the stream's times from there on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """Container facts: header and packet scan, nothing decoded but (at most) one picture."""

    container: str
    size_bytes: int
    video: VideoStream
    audio: tuple[AudioStream, ...]
    num_frames_from_packets: int
    duration_seconds: Fraction
    """From the first frame's time to the end of the last frame, by packets."""
    fps: float
    """Frames per second, by packets: (n - 1) / (last time - first time); header when n < 2."""
    is_variable_rate: bool
    """Frame durations differ by more than the time base's rounding."""
    video_bytes: int
    """Sum of the video packets' sizes."""
    max_keyframe_gap_seconds: float
    start_seconds: Fraction
    """Container time of the first frame; it is zero on the video's clock."""
    notes: tuple[str, ...] = ()
    """Slugs of oddities: ``missing-pts``, ``truncated``, ``pts-not-monotonic``, ``encrypted`` ..."""
    timecode: str | None = None
    """Of the first frame, as the file says it: ``HH:MM:SS:FF``, with ``;`` before FF for drop frame."""

    @property
    def bits_per_pixel(self) -> float:
        """Compressed bits per stored pixel."""
        pixels = self.video.width_px * self.video.height_px * self.num_frames_from_packets
        return 8 * self.video_bytes / pixels if pixels else 0.0

    @property
    def num_tiles(self) -> int:
        """Tiles that hold at least one instant of the video."""
        return -(-self.duration_seconds // TILE_SECONDS)


@dataclass(frozen=True, slots=True, eq=False)
class FrameTable:
    """Every frame's time by the packet scan, in presentation order: the video's native time grid.

    Which frames a sampling rate selects is decided on this table alone, so it does not depend on
    where decoding began or on which frames turned out to be damaged.
    """

    ticks: npt.NDArray[np.int64]
    """``(n,)`` increasing presentation times in `time_base`; ``ticks[0] == 0``."""
    keyframes: npt.NDArray[np.bool_]
    """``(n,)`` whether the frame's packet is a keyframe."""
    sizes: npt.NDArray[np.int64]
    """``(n,)`` bytes of the frame's packet."""
    time_base: Fraction
    end_tick: int
    """End of the last frame."""

    def __len__(self) -> int:
        return len(self.ticks)

    def time(self, index: int) -> Fraction:
        """Presentation time of frame `index`, seconds; index ``n`` is the end of the video."""
        tick = self.end_tick if index == len(self.ticks) else int(self.ticks[index])
        return tick * self.time_base

    def index_at(self, seconds: Fraction) -> int:
        """The first frame whose time is at or after `seconds` (``n`` when there is none)."""
        tick = -((-seconds) // self.time_base)
        return int(np.searchsorted(self.ticks, tick))

    def select(self, fps: Fraction | None) -> npt.NDArray[np.int64]:
        """Frames that a sampling rate takes: for each ``k / fps``, the first frame at or after it.

        ``None`` takes every frame. A frame that serves two grid instants is taken once.
        """
        if fps is None:
            return np.arange(len(self.ticks), dtype=np.int64)
        # Frame i is taken when a grid instant lies in (t[i-1], t[i]]: integers, so no rounding.
        scaled = self.ticks * int(self.time_base.numerator * fps.numerator)
        cell = scaled // int(self.time_base.denominator * fps.denominator)
        taken: npt.NDArray[np.int64] = np.flatnonzero(np.diff(cell, prepend=-1) > 0)
        return taken
