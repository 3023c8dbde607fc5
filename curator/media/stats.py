"""What reading a video cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

__all__ = ["DecodeStats"]


@dataclass(slots=True)
class DecodeStats:
    """What a pass did; counters only grow."""

    frames_decoded: int = 0
    """Native video frames that came out of the decoder."""
    damaged_packets: int = 0
    """Packets that the decoder refused; they cost their own frames only."""
    packets_read: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of the calling thread by part: ``decode``, ``views``, ``audio``, ``encode``.

    By the wall clock: asking for CPU time can cost as much as scaling a picture.
    """

    def spend(self, part: str, since: float) -> None:
        """Book the time since `since`, a `perf_counter`."""
        self.seconds[part] = self.seconds.get(part, 0.0) + perf_counter() - since
