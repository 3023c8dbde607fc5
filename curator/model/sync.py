"""How well two tracks of a clip agree in time, and the proof that a sample carries."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Clock", "Offset", "SyncProof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a track's clock stands to its video's: ``track = offset + rate * video``.

    One convention everywhere: a positive offset means that the track is late. What happens at 2.0 s
    of the video has the time stamp 2.1 s in a track with an offset of 0.1 s.

    Raises:
        ValueError: for a rate that is not positive.
    """

    offset_seconds: Fraction = Fraction(0)
    rate: Fraction = Fraction(1)
    """Track seconds per video second: 1.001 for a device whose clock runs a thousandth too fast."""

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"a clock's rate must be positive, got {self.rate}")

    def on_track(self, video_seconds: Fraction) -> Fraction:
        """The time stamp that the track has at an instant of the video."""
        return self.offset_seconds + self.rate * video_seconds

    def on_video(self, track_seconds: Fraction) -> Fraction:
        """The instant of the video that a time stamp of the track means."""
        return (track_seconds - self.offset_seconds) / self.rate

    def later(self, seconds: Fraction) -> Clock:
        """The clock when the track turns out to be late by `seconds` more, on the video's clock."""
        return Clock(offset_seconds=self.offset_seconds + self.rate * seconds, rate=self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What an aligner says of one pair in one clip.

    Raises:
        ValueError: when there is neither an offset nor a reason why not.
    """

    seconds: float | None
    """How late the track is against the video, by the clock it was given with; None: cannot be told."""
    confidence: float = 0.0
    """How far the best offset stands out of the others, in the unit that the aligner states."""
    drift: float | None = None
    """How much later the track gets per second of video (0.001: a thousandth), where that was asked for."""
    absent: str | None = None
    """Slug of why there is no offset: ``no-speech``, ``no-face``, ``too-short``, ``nothing-moves`` ..."""

    def __post_init__(self) -> None:
        if (self.seconds is None) != (self.absent is not None):
            raise ValueError("an offset is a number, or says why it is none")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncProof:
    """What is known of one track's synchrony in one sample."""

    track: str
    """Name of the track: ``audio``, ``mocap`` ..."""
    method: str
    """Aligner and version, e.g. ``lips/1``; ``declared`` where nothing can be measured."""
    offset_before_seconds: float | None
    """As measured, by the declared clock; None when it could not be told."""
    offset_after_seconds: float | None
    """Measured again after the repair; equals `offset_before_seconds` where nothing was repaired."""
    confidence: float
    shift_seconds: float = 0.0
    """By how much the track was moved earlier."""
    absent: str | None = None
