"""What a worker is asked to do and what it answers: small records that travel through a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from curator.abc.measure import Measure
from curator.errors import CuratorError
from curator.media.encode import AudioTrack, VideoTrack
from curator.model.span import Span
from curator.model.tile import TileRange, Tiles

__all__ = [
    "EncodeTask",
    "Encoded",
    "Lost",
    "MeasureTask",
    "Measured",
    "OpenTask",
    "Opened",
    "Part",
    "Refused",
    "Reply",
    "Task",
    "Work",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTask:
    """Read the header and the packets of one video."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One measure at work in a task."""

    key: str
    """Digest of its settings and weights: a worker keeps one loaded model for each."""
    measure: Measure
    weights: Mapping[str, Path]
    tiles: Tiles
    """Those of the task's tiles that it is wanted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTask:
    """Measure some tiles of one video in one decode, each with the measures that are wanted there."""

    path: Path
    probe: bytes
    """As `curator.media.probe.dump` made it."""
    works: Mapping[str, Work]
    """By the key of the fact that each will become."""
    tiles: Tiles
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeTask:
    """Cut and encode spans of one video, in one decode."""

    path: Path
    probe: bytes
    spans: tuple[Span, ...]
    video: VideoTrack | None
    audio: AudioTrack | None
    folder: Path
    """Where the encoded files are put; they are named by span number."""


Task: TypeAlias = OpenTask | MeasureTask | EncodeTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The answer to `OpenTask`."""

    probe: bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Facts of one measure over one run of tiles."""

    key: str
    tiles: TileRange
    output: bytes
    """Series, as `curator.store.series.encode_series` made them."""
    seconds: float
    """CPU-seconds of the measure itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The answer to `MeasureTask`."""

    parts: tuple[Part, ...]
    frames_decoded: int
    seconds: float
    """CPU-seconds of the whole task."""
    decode_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedClip:
    """One encoded sample: files in the task's folder and what they hold."""

    span: Span
    video: Path | None
    audio: Path | None
    facts: Mapping[str, int | float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The answer to `EncodeTask`."""

    clips: tuple[EncodedClip, ...]
    frames_decoded: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The worker did its part and says why it cannot: the video or the measure is at fault."""

    error: CuratorError
    op: str | None = None
    """Key of the work at fault, when one is."""
    tile: int | None = None
    """The tile that it failed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """There is no answer: the worker crashed, or was stopped by a limit."""

    reason: str
    """``crash``, ``timeout`` or ``memory``."""
    message: str


Reply: TypeAlias = Opened | Measured | Encoded | Refused | Lost
