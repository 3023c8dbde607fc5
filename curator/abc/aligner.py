"""The contract of what measures the offset between a video and one of its tracks.

An aligner is a frozen record of settings, like a measure. It sees one clip at a time, together with
the track around it, and says how late the track is. It never decides and never moves anything: the
recipe's `align` section holds the bounds, and the engine shifts the track and asks again.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Offset
from curator.model.track import Track
from curator.model.video import VideoInfo

__all__ = ["Aligner", "Hear", "Pair", "TrackKind"]

Hear: TypeAlias = Callable[[Span, int], npt.NDArray[np.float32]]
"""``hear(span, sample_rate_hz)``: mono samples ``(n,)`` of a span; 0 where there is no sound."""


class TrackKind(enum.Enum):
    """What an aligner can be put to."""

    own_audio = "own_audio"
    """The sound inside the video's container."""
    audio = "audio"
    """Sound from another file or another stream."""
    numbers = "numbers"
    motion = "motion"
    text = "text"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """A clip and one of its tracks. All times are on the video's clock, by the clock known so far."""

    span: Span
    """The clip."""
    video: VideoInfo
    series: Mapping[str, Series] = field(default_factory=dict)
    """``measure.series`` of what the aligner asked for, inside the clip widened by the largest offset."""
    track: Track | None = None
    """The whole track; None for sound."""
    heard: Hear | None = None
    """The track, where it is sound."""
    camera: Hear | None = None
    """The sound of the video itself, where there is one and the aligner `listens`."""


@runtime_checkable
class Aligner(Protocol):
    """A frozen dataclass of settings that describes how an offset is found."""

    name: ClassVar[str]
    """The operator's name in recipes and in the registry."""
    version: ClassVar[int]
    """Raise it whenever the same input would give another offset or confidence."""
    kinds: ClassVar[frozenset[TrackKind]]
    """What it can be put to."""
    measures: ClassVar[Mapping[str, Mapping[str, Any]]]
    """Measures whose series it needs, operator to settings, e.g. ``{"lips": {}}``."""
    of_track: ClassVar[frozenset[str]]
    """Those of the series that come from the track and not from the pictures (``lips.voice_low``): they
    are what a repair moves. Only aligners of `TrackKind.own_audio` have any."""
    listens: ClassVar[bool]
    """Whether it wants `Pair.heard` and `Pair.camera`."""
    confidence: ClassVar[str]
    """What its confidence means, and which values are typical for right and for wrong pairs."""

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        """How late the track is, looked for within ``[-max_offset_seconds, max_offset_seconds]``.

        Pure. Where nothing can be told the answer says why (`Offset.absent`); it is never a guess.
        """
        ...
