"""What a build found out: the verdicts of every video, and the samples that were cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from curator.model.clip import Row, Shot
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.video import Rights, VideoInfo, VideoRef

__all__ = ["CutSheet", "Failure", "FunnelStep", "Outcome", "Sample", "SignalInfo", "TrackInfo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that could not be done for one video. Never a low score."""

    stage: str
    """``open``, ``probe``, ``measure``, ``encode`` or ``changed``."""
    reason: str
    """Slug: ``crash``, ``timeout``, ``memory``, ``not-a-video``, ``changed-while-read`` ..."""
    message: str
    op: str | None = None
    """The measure at fault, when one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that was decided about one video."""

    ref: VideoRef
    fingerprint: str | None
    """None when the file could not even be read."""
    info: VideoInfo | None
    shots: tuple[Shot, ...] = ()
    shot_signals: tuple[Mapping[str, Signal], ...] = ()
    """Per shot, the signals known of the whole shot (first pass)."""
    rows: tuple[Row, ...] = ()
    """Tile the video: every second has one verdict."""
    failures: tuple[Failure, ...] = ()
    split: str = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutSheet:
    """All that it takes to cut a sample out of its footage, wherever that lies."""

    document: str
    """JSON: what the sample's key is the digest of."""
    boxes: bytes | None = None
    """Which part of each picture is shown, where it is not all of it: the series ``crop``
    (`curator.store.series`) on the video's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What was cut to make one more column of a sample."""

    url: str
    fingerprint: str
    """Of the file's content."""
    span: Span
    """On the file's own clock. It may begin before the file does, or end after it, by less than a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A kept clip, encoded. Bytes are files of the store."""

    id: str
    """Short hex digest of what the sample is: source fingerprint, span, encoding."""
    key: str
    """Full key of the encoding in the store."""
    url: str
    source: str
    fingerprint: str
    span: Span
    split: str
    rights: Rights
    signals: Mapping[str, Signal]
    margin: float | None
    video: Path | None
    """MP4: H.264, plus AAC for players when there is sound."""
    audio: Path | None
    """FLAC, sample-exact; the clip's sound track for training."""
    width_px: int | None
    height_px: int | None
    fps: float | None
    num_frames: int | None
    sample_rate_hz: int | None
    channels: int | None
    num_samples: int | None
    source_width_px: int | None = None
    """Of the source as shown: the pixels that tracks count in."""
    source_height_px: int | None = None
    videos: Mapping[str, Path] = field(default_factory=dict)
    """MP4s of more cameras, by name."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Of more cameras, by name."""
    tracks: Mapping[str, Path] = field(default_factory=dict)
    """``tracks``: series of measures inside the clip, on the video's clock (`curator.store.series`);
    ``tracks.NAME``: a sidecar's track on the clip's clock (`curator.store.tracks`)."""
    cut: CutSheet | None = None
    """Of a virtual sample, which is not encoded: what its media would be is not known then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """One line of the funnel, in the order in which footage falls."""

    name: str
    """``videos``, ``size``, ``shots``, ``where.frontal``, ``length``, ``keep.voice`` ..."""
    about: str
    """The bound in words, e.g. ``speech.share >= 0.5``."""
    seconds_in: float
    seconds_out: float
    clips_in: int | None
    clips_out: int | None
    unique_seconds: float | None = None
    """What would come back if only this condition were off; None where that is not defined."""
    unique_clips: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalInfo:
    """A column of the metrics: what it means, and where the recipe draws its lines."""

    name: str
    unit: str
    about: str
    op: str
    version: int
    thresholds: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Condition name to (lowest, highest) value that passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInfo:
    """A track that is released with every sample, as column ``tracks.NAME``."""

    name: str
    of: str
    """``measure.series`` or ``sidecar.ROLE`` in the recipe."""
    unit: str
    about: str
    op: str
    version: int
    shape: tuple[int | None, ...]
    """Of one value."""
    kind: str = "series"
    """``series`` (of a measure), or of a sidecar ``numbers``, ``motion`` or ``text``."""
    fields: tuple[str, ...] = ()
    """Names along the last axis; of motion, the joints."""
    units: tuple[str, ...] = ()
    """Along the last axis, or one for all; `unit` says it for a series."""
    parents: tuple[int, ...] = ()
    """Of motion: index of each joint's parent."""
    up: str | None = None
    """Of motion: the axis that points up."""
