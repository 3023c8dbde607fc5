"""Samples as episodes: one clock for all of them, and a value of every track for every frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from curator.convert.clips import Clip, Clips
from curator.errors import ConvertError
from curator.media.join import frame_times

__all__ = ["MAIN_CAMERA", "Episode", "episodes", "rate_of", "vectors_of"]

MAIN_CAMERA = "main"
"""What the picture of ``video`` is called among cameras."""
TOLERANCE_SECONDS = 1e-4
"""How far LeRobot lets a frame be from its time stamp."""
_NAMES = {"state": "observation.state", "action": "action"}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """One sample."""

    id: str
    split: str
    length: int
    """Frames."""
    task: str
    values: Mapping[str, Floats]
    """Feature to ``(length, width)`` values."""
    videos: Mapping[str, bytes]
    """Camera to MP4."""
    sizes: Mapping[str, tuple[int, int]]


def rate_of(clips: Clips) -> Fraction:
    """The one rate of all clips.

    Raises:
        ConvertError: ``convert-rates`` when they differ.
    """
    rates = {Fraction(row["fps"]).limit_denominator(1001) for row in clips.rows if row["fps"]}
    if len(rates) != 1:
        told = ", ".join(sorted(f"{float(rate):g}" for rate in rates)) or "none"
        raise ConvertError(
            f"LeRobot knows one rate for all episodes; the clips have {told}",
            reason="convert-rates",
            hint="build with sample.video.fps=30, or convert a part: --where 'fps == 30'",
        )
    [rate] = rates
    return rate


def vectors_of(clips: Clips) -> dict[str, str]:
    """Track to feature, for the tracks of numbers: ``state`` to ``observation.state``, ``action`` to itself."""
    names = [
        field.name.removeprefix("tracks.")
        for field in clips.schema
        if field.name.startswith("tracks.") and _has_values(field)
    ]
    return {name: _NAMES.get(name, f"observation.{name}") for name in names}


def episodes(clips: Clips, rate: Fraction) -> Iterator[Episode]:
    """Every sample that has all cameras and tracks; in the order of `clips`.

    Raises:
        ConvertError: ``convert-rates`` for a clip whose frames do not come at the rate,
            ``convert-sizes`` when the pictures of a camera have different sizes.
    """
    vectors = vectors_of(clips)
    sizes: dict[str, tuple[int, int]] = {}
    for clip in clips:
        videos = _videos(clip)
        if videos is None or any(clip.tracks[name] is None for name in vectors):
            continue
        length = _common_length(clip, videos, rate)
        made = {camera: _size_of(data) for camera, data in videos.items()}
        for camera, size in made.items():
            if sizes.setdefault(camera, size) != size:
                raise _sizes_differ(camera, size, sizes[camera])
        yield Episode(
            id=clip.id,
            split=clip.split,
            length=length,
            task=clip.caption,
            values={
                feature: _on_frames(clip.tracks[name], length, rate)
                for name, feature in vectors.items()
            },
            videos=videos,
            sizes=made,
        )


def _has_values(field: Any) -> bool:
    parts = [part.name for part in field.type] if str(field.type).startswith("struct") else []
    return parts == ["seconds", "values"]


def _videos(clip: Clip) -> dict[str, bytes] | None:
    """Camera to file; None when one is missing."""
    held = {MAIN_CAMERA: clip.video, **clip.cameras}
    return {name: data for name, data in held.items() if data} if all(held.values()) else None


def _common_length(clip: Clip, videos: Mapping[str, bytes], rate: Fraction) -> int:
    lengths = set()
    for camera, data in videos.items():
        times = frame_times(data)
        step = max(abs(float(t - k / rate)) for k, t in enumerate(times))
        if step > TOLERANCE_SECONDS:
            raise ConvertError(
                f"sample {clip.id}: frames of '{camera}' are up to {step:.4f} s from a steady {float(rate):g} per second",
                reason="convert-rates",
                hint="build with sample.video.fps=30 (and that of every camera)",
            )
        lengths.add(len(times) - 1)
    if len(lengths) != 1:
        raise ConvertError(
            f"sample {clip.id}: its cameras have {sorted(lengths)} frames",
            reason="convert-rates",
            hint="give every camera the rate of sample.video",
        )
    [length] = lengths
    return length


def _on_frames(cell: Mapping[str, Any], length: int, rate: Fraction) -> Floats:
    """The last value at or before each frame; before the first one, the first."""
    seconds = np.asarray(cell["seconds"], np.float64)
    values = np.asarray(cell["values"], np.float32).reshape(len(seconds), -1)
    frames = np.arange(length) / float(rate)
    last = np.searchsorted(seconds, frames + 1e-6, side="right") - 1
    return values[np.clip(last, 0, None)]


def _size_of(clip: bytes) -> tuple[int, int]:
    from curator.media.mp4 import read_index

    index = read_index(lambda offset, size: clip[offset : offset + size])
    return index.width_px, index.height_px


def _sizes_differ(camera: str, a: Sequence[int], b: Sequence[int]) -> ConvertError:
    return ConvertError(
        f"pictures of '{camera}' are {b[0]}x{b[1]} and {a[0]}x{a[1]} px; LeRobot knows one size",
        reason="convert-sizes",
        hint="build with both sample.video.width and height, or convert a part: --where 'width_px == 640'",
    )
