"""How a track's clock stands to its video's, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Clock", "Offset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What an aligner says of one pair in one clip.

    Raises:
        ValueError: when there is neither an offset nor a reason why not.
    """

    seconds: float | None
    """How late the track is against the video in the middle of the clip, by the clock it was given with; None: cannot be told."""
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

    def corrected(self, offset: Offset, about: Fraction) -> Clock:
        """The clock that makes up for an offset that was measured with this one, around one instant.

        Offsets are taken to the microsecond and drifts to a billionth, so that the clock is exact.

        Raises:
            ValueError: when the offset is unknown.
        """
        if offset.seconds is None:
            raise ValueError(f"nothing was measured: {offset.absent}")
        late = Fraction(round(offset.seconds * 10**6), 10**6)
        drift = Fraction(round((offset.drift or 0.0) * 10**9), 10**9)
        start = self.offset_seconds + self.rate * (late - drift * about)
        return Clock(offset_seconds=start, rate=self.rate * (1 + drift))
