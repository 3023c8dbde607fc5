"""What a worker is asked to do and what it answers: small records that travel through a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from curator.abc.aligner import Aligner
from curator.abc.measure import Measure
from curator.abc.reader import TrackReader
from curator.errors import CuratorError
from curator.media.encode import AudioTrack, VideoTrack
from curator.model.crop import CropPath
from curator.model.span import Span
from curator.model.sync import Clock, Offset
from curator.model.tile import TileRange, Tiles

__all__ = [
    "AlignTask",
    "Aligned",
    "Ask",
    "Camera",
    "EncodeTask",
    "Encoded",
    "Lost",
    "MeasureTask",
    "Measured",
    "OpenTask",
    "Opened",
    "Part",
    "Read",
    "ReadTask",
    "Refused",
    "Reply",
    "SoundPlace",
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
class ReadTask:
    """Read the tracks of one sidecar, or of one more stream of the video."""

    path: Path
    reader: TrackReader
    url: str | None
    """The sidecar, a key of `beside`; None: the video itself."""
    name: str
    video: str
    """Address of the video, for datasets that hold the tracks of many."""
    video_seconds: float
    beside: Mapping[str, Path] = field(default_factory=dict)
    """Url to where the file lies now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundPlace:
    """Sound that is not the video's own at the same time."""

    url: str | None
    """A key of the task's `beside`; None: the video itself."""
    clock: Clock
    language: str | None = None
    stream: int | None = None
    """Number among the file's audio streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An offset to be measured: one aligner, one clip."""

    aligner: Aligner
    span: Span
    series: bytes
    """``measure.series`` of what the aligner asked for, as `encode_series` made them, on the video's clock."""
    track: bytes | None
    """As `encode_track` made it, on its own clock."""
    sound: SoundPlace | None
    """The track, where it is sound from elsewhere."""
    clock: Clock
    search_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignTask:
    """Measure offsets."""

    path: Path
    probe: bytes
    asks: Mapping[str, Ask]
    """By the key of the fact that each will become."""
    beside: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One more video, cut at the same instants."""

    url: str
    """A key of the task's `beside`."""
    video: VideoTrack
    clocks: tuple[Clock, ...]
    """For each span, how the camera's clock stands to the video's."""


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
    sounds: tuple[SoundPlace | None, ...] = ()
    """For each span, where its sound comes from when it is not the video's own; none at all: nowhere else."""
    crops: tuple[CropPath | None, ...] = ()
    """For each span, which part of its pictures is shown; none at all: all of it."""
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    """More videos, by their name in the sample."""
    beside: Mapping[str, Path] = field(default_factory=dict)


Task: TypeAlias = OpenTask | MeasureTask | ReadTask | AlignTask | EncodeTask


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
class Read:
    """The answer to `ReadTask`."""

    tracks: Mapping[str, bytes]
    """By name, as `encode_track` made them."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """The answer to `AlignTask`."""

    offsets: Mapping[str, Offset]
    """By the key of the question."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedClip:
    """One encoded sample: files in the task's folder and what they hold."""

    span: Span
    video: Path | None
    audio: Path | None
    facts: Mapping[str, int | float | None] = field(default_factory=dict)
    cameras: Mapping[str, Path] = field(default_factory=dict)


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


Reply: TypeAlias = Opened | Measured | Read | Aligned | Encoded | Refused | Lost
