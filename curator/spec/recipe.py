"""The recipe as types. The YAML, the reference page and the completion are all made from these fields.

Maps are open (`dict[str, ...]`): a user names the entries. Hydra sees them as plain maps, and each
entry is typed when the recipe is compiled, so that every mistake can be shown where it was written.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from curator.errors import Location
from curator.model.look import Fit, Hdr, Matrix

__all__ = [
    "Absent",
    "AlignSpec",
    "AudioSpec",
    "BalanceSpec",
    "Bars",
    "CameraSpec",
    "Clips",
    "ClockSpec",
    "Condition",
    "CropSpec",
    "DistinctSpec",
    "Index",
    "LayoutName",
    "LikenessSpec",
    "MeasureSpec",
    "Otherwise",
    "PackSpec",
    "Partial",
    "ReadSpec",
    "Recipe",
    "RightsMode",
    "RightsSpec",
    "SampleSpec",
    "SecondsSpec",
    "SegmentSpec",
    "ShotsSpec",
    "SnapSpec",
    "SourceSpec",
    "SplitSpec",
    "StillSpec",
    "TrackSpec",
    "VideoSpec",
    "When",
]


class Absent(enum.Enum):
    """What a condition says when its signal has no value (never for failures: those are unscored)."""

    drop = "drop"
    keep = "keep"
    unscored = "unscored"


class Clips(enum.Enum):
    """Whether a release holds its pictures and sound."""

    encoded = "encoded"
    """It does."""
    virtual = "virtual"
    """It says where they are in the footage, which whoever uses it has: `curator materialize`."""


class Index(enum.Enum):
    """How near vectors are found."""

    auto = "auto"
    exact = "exact"
    faiss = "faiss"


class LayoutName(enum.Enum):
    """Where the clips of a release are."""

    parquet = "parquet"
    """In the rows."""
    files = "files"
    """Files of their own."""
    webdataset = "webdataset"
    """In tar files."""


class Otherwise(enum.Enum):
    """What becomes of a clip whose tracks cannot be brought into agreement."""

    drop = "drop"
    keep = "keep"


class Partial(enum.Enum):
    """What becomes of a cue, or a word, that a clip has but a part of."""

    middle = "middle"
    """It belongs to the clip that has its middle: of two clips that meet, to exactly one. For speech."""
    overlap = "overlap"
    """It belongs to every clip that has a part of it. For notes that are true all the while."""
    inside = "inside"
    """It is left out."""


class RightsMode(enum.Enum):
    """Whether every source must say under which licence it may be used."""

    required = "required"
    unchecked = "unchecked"


@dataclass(frozen=True, kw_only=True)
class RightsSpec:
    """Which licences the footage of a release may have."""

    allow: tuple[str, ...]
    """SPDX identifiers, or free text as sources write it; a video under anything else is a mistake."""


@dataclass(frozen=True, kw_only=True)
class ClockSpec:
    """What is known of a track's clock before anything is measured: ``track = offset + rate * video``."""

    offset_seconds: float = 0.0
    """How late the track is: what happens at 2.0 s of the video has the time stamp 2.0 + offset."""
    rate: float = field(default=1.0, metadata={"unit": "ratio"})
    """Track seconds per video second: 1.001 for a device whose clock runs a thousandth too fast."""


@dataclass(frozen=True, kw_only=True)
class ReadSpec:
    """How one kind of sidecar is read."""

    op: str | None = None
    """A reader (`curator ops`), or ``sound`` for audio files and further audio streams; by the file's suffix unless given. Without a sidecar of that role it reads the video's own container."""
    clock: ClockSpec = field(default_factory=ClockSpec)
    params: Mapping[str, Any] = field(default_factory=dict, metadata={"written": False})
    """Settings of the reader, written beside `op`."""


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """Where videos come from, and under which terms."""

    url: str
    """A path, glob or fsspec URL of videos (``data/**/*.mp4``, ``s3://bucket/films/*.mp4``), a manifest (``.csv``, ``.jsonl``, ``.parquet``) with a ``url`` column, or the folder of a LeRobot dataset."""
    license: str | None = None
    """SPDX identifier or free text; a manifest's ``license`` column overrides it."""
    attribution: str | None = None
    """Whom to credit; a manifest's ``attribution`` column overrides it."""
    camera: str | None = None
    """Of a LeRobot dataset: the camera whose videos are judged (``top``); null is the first. The others are sidecars by their names, the numbers are ``sidecar.robot.state``, ``sidecar.robot.action`` ..."""
    sidecars: Mapping[str, str] = field(default_factory=dict)
    """Role to path pattern beside each video, with ``{stem}`` and ``{dir}``, e.g. ``transcript: "{stem}.srt"``."""
    read: Mapping[str, ReadSpec] = field(default_factory=dict)
    """How sidecars are read, by role; a role without an entry is read by its file's suffix."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A bound on a series (under ``segment.where``) or on a signal (under ``keep``)."""

    of: str
    """What is judged: ``measure.series`` under `where`; ``measure.signal`` or ``measure.series.statistic`` under `keep`."""
    min: float | None = None
    """Lowest value that passes, in the unit of what is judged."""
    max: float | None = None
    """Highest value that passes."""
    abs_max: float | None = None
    """Highest absolute value that passes."""
    equals: float | str | None = None
    """The only value that passes."""
    absent: Absent = Absent.drop
    """What to do where there is no value."""
    expect: float | None = field(default=None, metadata={"unit": "ratio"})
    """Share of what it judges that it is expected to let through: orders the passes, decides nothing (``25%`` may be written)."""


@dataclass(frozen=True, kw_only=True)
class SecondsSpec:
    """How long clips are."""

    min: float = field(default=2.0, metadata={"unit": "s"})
    """Shortest clip, seconds; shorter stretches are dropped as ``too-short``."""
    max: float = field(default=20.0, metadata={"unit": "s"})
    """Longest clip, seconds; longer stretches are cut where `split` says, else into equal parts."""
    trim: float = field(default=0.0, metadata={"unit": "s"})
    """Seconds left out at both ends of every shot."""


@dataclass(frozen=True, kw_only=True)
class ShotsSpec:
    """Which detector finds the cuts, and its settings."""

    op: str = "cuts"
    """Name of a shot detector (`curator ops`)."""
    params: Mapping[str, Any] = field(default_factory=dict, metadata={"written": False})
    """Its settings, written beside `op`."""


@dataclass(frozen=True, kw_only=True)
class SnapSpec:
    """Clips begin and end where nobody is in mid-sentence; ``snap: speech`` takes all defaults."""

    of: str = "speech.probability"
    """A series of how probable speech is, as ``measure.series``: its pauses are where clips begin and end."""
    text: str | None = "sidecar.transcript"
    """A transcript, ``sidecar.ROLE[.TRACK]``: where a video has it, between its sentences is better than in a pause. Null: pauses alone."""
    within_seconds: float = 1.0
    """An end moves by no more than this, and never out of the stretch in which ``where`` holds; where no boundary is that near it stays."""
    pause_seconds: float = 0.3
    """A shorter silence is part of the speech."""


class When(enum.Enum):
    """Which stretches are split."""

    always = "always"
    """All: what lies between two such moments is a clip of its own."""
    long = "long"
    """Those that are longer than a clip may be; others stay whole."""


@dataclass(frozen=True, kw_only=True)
class SplitSpec:
    """Moments at which one clip ends and the next begins, though all conditions hold. Either `dip`, or `min` and `max`."""

    of: str
    """A series, ``measure.series``, or a number of a track, ``sidecar.ROLE.TRACK.value``."""
    dip: float | None = field(default=None, metadata={"unit": "ratio"})
    """Cut where the value is lowest, and at most this share of the peaks on both sides: ``0.3`` is where motion falls below a third of what it was and will be."""
    floor: float | None = None
    """With `dip`: lower values count as this one, in the unit of the series, so that the noise of stillness has no dips."""
    min: float | None = None
    """Cut in the middle of every span in which the value is at least this ..."""
    max: float | None = None
    """... and at most this: the middle of the time in which a gripper is open. A span at an end of the stretch parts nothing."""
    when: When = When.always
    """``always``, or ``long``: only what is longer than `seconds.max`, in place of equal parts."""


@dataclass(frozen=True, kw_only=True)
class SegmentSpec:
    """How a video becomes clips."""

    shots: ShotsSpec = field(default_factory=ShotsSpec)
    seconds: SecondsSpec = field(default_factory=SecondsSpec)
    where: Mapping[str, Condition] = field(default_factory=dict)
    """Frame-level conditions; a clip is a longest span of a shot in which all of them hold."""
    forgive_seconds: float = 0.0
    """A failure of the conditions no longer than this, between two stretches that hold, is forgiven."""
    split: Mapping[str, SplitSpec] = field(default_factory=dict)
    """Where a stretch becomes several clips, by a name of your choice; the first ones have precedence, and no clip becomes shorter than `seconds.min`."""
    snap: SnapSpec | None = field(default=None, metadata={"short": str})
    """Move the ends of clips to between sentences, and to pauses of the speech."""


@dataclass(frozen=True, kw_only=True)
class MeasureSpec:
    """An operator and its settings, under the name that conditions use."""

    op: str
    """Name of a measure (`curator ops`)."""
    params: Mapping[str, Any] = field(default_factory=dict, metadata={"written": False})
    """Its settings, written beside `op`."""


@dataclass(frozen=True, kw_only=True)
class LikenessSpec:
    """Near-duplicates by the meaning of their pictures: clips whose embeddings point the same way."""

    of: str
    """A series of vectors, as ``measure.series``; a clip's vector is their mean."""
    max_distance: float
    """Largest cosine distance (1 - cosine) of two clips that count as one."""


@dataclass(frozen=True, kw_only=True)
class DistinctSpec:
    """Of clips that show the same footage, one is kept; ``distinct: {}`` takes all defaults."""

    pictures: bool = True
    """Compare pictures and their movement (measure ``phash``): finds copies that were re-encoded, scaled, cropped, graded, or begin elsewhere."""
    max_distance: float = field(default=0.13, metadata={"unit": "ratio"})
    """Largest distance of two copies by their pictures: three quarters of the share of hash bits that differ, plus 1 - correlation of the movement; where nothing moves, twice the share of bits."""
    min_overlap: float = field(default=0.5, metadata={"unit": "ratio"})
    """Share of the shorter clip that must be seen again in the other."""
    mirror: bool = False
    """A mirrored copy counts as a copy."""
    vectors: Mapping[str, LikenessSpec] = field(default_factory=dict)
    """Embeddings to compare as well, by a name of your choice."""
    index: Index = Index.auto
    """How near vectors are found: ``exact`` compares all pairs, ``faiss`` (extra ``dedup``) scales to millions, ``auto`` takes faiss above 20,000 clips."""
    prefer: str | None = None
    """Signal of a clip (``measure.signal`` or ``measure.series.statistic``); of two copies the one with more of it is kept. Ties, and null, go to the longer clip, then to the first by content."""
    against: tuple[str, ...] = ()
    """Earlier releases, as folders of one version or folders that hold versions: what they have is dropped here."""


@dataclass(frozen=True, kw_only=True)
class BalanceSpec:
    """A quota: how much of what is kept may be alike in one respect."""

    by: str
    """What makes a group: ``source``, ``video``, ``split``, a signal of clips (``measure.signal`` or ``measure.series.statistic``), or a series of vectors (``measure.series``)."""
    buckets: tuple[float, ...] = ()
    """Edges, increasing, that cut a number into groups: ``[60, 120]`` makes below 60, 60 up to 120, and 120 or more."""
    clusters: int | None = None
    """For vectors: how many groups (k-means by angle)."""
    max_distance: float | None = None
    """For vectors, in place of `clusters`: clips chained by cosine distances up to this are one group, e.g. one identity."""
    max_seconds: float | None = field(default=None, metadata={"unit": "s"})
    """Most seconds that one group may have."""
    max_clips: int | None = None
    """Most clips that one group may have."""
    max_share: float | None = field(default=None, metadata={"unit": "ratio"})
    """Largest share of the kept seconds that one group may have; where there are too few groups for that, each gets an equal part."""
    prefer: str | None = None
    """Signal of a clip; those with more of it stay. Null chooses by a hash of the content: at random, and always the same."""


@dataclass(frozen=True, kw_only=True)
class AlignSpec:
    """How well a track must agree with the pictures, and what is done where it does not."""

    op: str
    """Name of an aligner (`curator ops`)."""
    max_offset_seconds: float
    """Largest offset that is accepted, or repaired."""
    search_seconds: float | None = None
    """How far an offset is looked for; twice `max_offset_seconds` unless given."""
    min_confidence: float = field(default=0.0, metadata={"unit": ""})
    """Least confidence, in the aligner's unit; below it the offset counts as unknown: ``NAME:unsure``."""
    repair: bool = True
    """Shift the track by its offset; then measured again, it must be within `residual_seconds`."""
    residual_seconds: float | None = None
    """Largest offset that may be left; half a frame of the clip unless given."""
    absent: Absent = Absent.drop
    """What to do where no offset can be told (no face, no speech, nothing moves, too unsure)."""
    otherwise: Otherwise = Otherwise.drop
    """What to do with a clip that is out of sync and cannot be repaired; kept ones carry the proof all the same."""
    params: Mapping[str, Any] = field(default_factory=dict, metadata={"written": False})
    """Settings of the aligner, written beside `op`."""


@dataclass(frozen=True, kw_only=True)
class StillSpec:
    """What counts as standing still in a track of numbers, for conditions on ``sidecar.ROLE.TRACK.still_share``
    and the like. openpi's rule for DROID: 7 steps of 15 per second, none of which changes a number by 0.001."""

    change: float = 0.015
    """All numbers change by less than this per second, in the track's own unit; 0.001 in 1/15 s unless given."""
    seconds: float = 0.46
    """A shorter rest is no idle run; a hair below 7 of 15 per second unless given."""


class Bars(enum.Enum):
    """What becomes of black and other flat bars around a picture."""

    keep = "keep"
    cut = "cut"


@dataclass(frozen=True, kw_only=True)
class CropSpec:
    """A part of the picture that follows a subject, of one size for the whole clip; it never leaves the picture."""

    follow: str
    """``face`` (measure ``face``), ``upper_body`` or ``person`` (measure ``pose``), or the name of any measure with series ``x``, ``y``, ``width`` and ``height``: centre and sides as shares of the picture."""
    size: int | None = field(default=None, metadata={"unit": "px"})
    """Height of the crop as released, even; enlarged if need be. Null keeps the source's own pixels, at most `height` of the video track."""
    aspect: float = field(default=1.0, metadata={"unit": "ratio"})
    """Width over height."""
    margin: float | None = field(default=None, metadata={"unit": "ratio"})
    """Room around the subject on each side, as a share of the subject; null is 0.6 around faces (hairline to chin) and 0.1 around all else."""
    slack: float = field(default=0.08, metadata={"unit": "ratio"})
    """How far the subject may go from the middle before the crop moves, as a share of the crop's sides; 0 keeps it in the middle."""
    smooth_seconds: float = field(default=0.6, metadata={"unit": "s"})
    """About how long the crop takes to change its speed; it looks both ways, so it is never late."""


@dataclass(frozen=True, kw_only=True)
class VideoSpec:
    """The video track of a sample."""

    height: int | None = field(default=None, metadata={"unit": "px"})
    """Height in pixels, width follows (both even); null keeps the source's display size. Never enlarged."""
    fps: Fraction | None = None
    """Constant frames per second, exact (``30000/1001`` may be written); null keeps the source's own frames and times."""
    crf: int = 18
    """Constant quality of the H.264 encoder: 0 lossless, 51 worst."""
    preset: str = "veryfast"
    """Speed of the H.264 encoder."""
    keyframe_seconds: float | None = field(default=1.0, metadata={"unit": "s"})
    """At most this long from one keyframe to the next, so that a training can begin anywhere at little cost; null leaves it to the encoder (250 frames): smaller files."""
    width: int | None = field(default=None, metadata={"unit": "px"})
    """With `height`: every clip has exactly this width and height, both even, enlarged if need be."""
    fit: Fit = Fit.cover
    """How pictures of other proportions come to `width` and `height`: ``cover`` cuts off what is too much on both sides, ``contain`` adds black bars."""
    bars: Bars = Bars.keep
    """``cut`` takes flat bars off (letterbox and pillarbox, by measure ``bars``), the same all through a clip."""
    crop: CropSpec | None = None
    """A crop that follows a subject; where it was in each frame is released as the track ``crop``."""
    hdr: Hdr = Hdr.refuse
    """HDR footage (PQ, HLG): ``refuse`` counts the video as failed, ``tonemap`` maps it to SDR (BT.2390, BT.709)."""
    matrix: Matrix = Matrix.source
    """How colours are coded: ``source`` as in the source, tagged so; ``bt709`` always alike, for readers that ignore tags."""


@dataclass(frozen=True, kw_only=True)
class CameraSpec(VideoSpec):
    """One more camera that saw the same: another video, cut at the same instants."""

    of: str
    """``sidecar.ROLE``, whose file is a video."""


@dataclass(frozen=True, kw_only=True)
class AudioSpec:
    """The audio track of a sample."""

    of: str | None = None
    """``sidecar.ROLE`` for sound from another file or stream; null is the video's first audio stream."""
    sample_rate_hz: int | None = None
    """Resampled to this rate; null keeps the source's own."""
    mono: bool = False
    """Mean of the channels."""


@dataclass(frozen=True, kw_only=True)
class TrackSpec:
    """What is released beside pictures and sound: what a measure saw, or what a sidecar holds."""

    of: str
    """A series of any shape, as ``measure.series``, or a sidecar's track, as ``sidecar.ROLE`` (``sidecar.ROLE.NAME`` where the file holds several)."""
    fps: Fraction | None = None
    """Values per second of the clip's clock, exact (``30000/1001`` may be written); null keeps the times that the track has. Only for sidecars."""
    max_gap_seconds: float = 0.2
    """With `fps`: nothing is made up across a longer hole in the track; there are no values there."""
    partial: Partial | None = None
    """Of text: which cues belong to a clip that has but a part of them. Null is ``middle`` for captions and transcripts, and ``overlap`` for what a recorded dataset says (instructions)."""


@dataclass(frozen=True, kw_only=True)
class SampleSpec:
    """The modalities of a sample; null leaves one out."""

    video: VideoSpec | None = field(default_factory=VideoSpec)
    audio: AudioSpec | None = field(default_factory=AudioSpec)
    videos: Mapping[str, CameraSpec] = field(default_factory=dict)
    """More cameras, by a name of your choice; column ``video.NAME``."""
    tracks: Mapping[str, TrackSpec] = field(default_factory=dict)
    """Series of measures and tracks of sidecars to release, by a name of your choice; column ``tracks.NAME``."""


@dataclass(frozen=True, kw_only=True)
class PackSpec:
    """How samples are laid out in files; ``pack: files`` takes the defaults of that layout."""

    layout: LayoutName = LayoutName.parquet
    """``parquet``: clips are in the rows. ``files``: each clip is an MP4, the rows beside them in tables. ``webdataset``: clips are in tar files that trainings stream, the rows in a table beside each."""
    clips: Clips = Clips.encoded
    """``virtual``: no pictures and no sound, for footage that may not be passed on; spans, signals, tracks and rights are released, and `curator materialize` cuts the clips out of the user's own copies."""

    shard_mib: int = 256
    """Largest size of a shard, MiB. Shards of a smaller set are smaller, about a hundredth of it, so that a new video rewrites little."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to build. Everything that changes the result is here; how it is run is not."""

    name: str
    """Names the release."""
    target: str
    """The use case: ``avatar``, ``motion``, ``robotics`` ..."""
    description: str = ""
    """One or two sentences for the dataset card."""
    rights: RightsMode | RightsSpec = RightsMode.required
    """``required``: a source without a licence is a mistake, and so are licences that exclude each other. ``unchecked``: build all the same. ``{allow: [CC-BY-4.0, CC0-1.0]}``: nothing but these."""
    max_failed: float = field(default=0.02, metadata={"unit": "ratio"})
    """Share of videos that may fail before the build ends with exit code 3 (``2%`` may be written)."""
    sources: Mapping[str, SourceSpec] = field(default_factory=dict)
    segment: SegmentSpec = field(default_factory=SegmentSpec)
    measure: Mapping[str, MeasureSpec] = field(default_factory=dict)
    """Settings of measures; one that no condition uses is never run. An operator's own name needs no entry."""
    keep: Mapping[str, Condition] = field(default_factory=dict)
    """Clip-level thresholds; all must hold."""
    distinct: DistinctSpec | None = None
    """Near-duplicates among the clips that all thresholds keep; null keeps them."""
    balance: Mapping[str, BalanceSpec] = field(default_factory=dict)
    """Quotas on what is left, applied in this order."""
    align: Mapping[str, AlignSpec] = field(default_factory=dict)
    """What must agree with the pictures: ``audio`` for the sound of the sample, or a sidecar's track by its name (``ROLE`` or ``ROLE.NAME``)."""
    still: StillSpec = field(default_factory=StillSpec)
    """What conditions on tracks call idle."""
    sample: SampleSpec = field(default_factory=SampleSpec)
    splits: Mapping[str, float] = field(default_factory=dict, metadata={"unit": "ratio"})
    """Share of videos per extra split, e.g. ``{test: 0.05}``; the rest is ``train``."""
    pack: PackSpec = field(default_factory=PackSpec, metadata={"short": LayoutName})
    places: Mapping[str, Location] = field(
        default_factory=dict, compare=False, repr=False, metadata={"written": False}
    )
    """Where each key was written, by dotted path: for errors only, never part of a key."""
