"""What reading a video cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import thread_time

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
    """CPU-seconds of the calling thread by part: ``decode``, ``views``, ``audio``, ``encode``."""

    def spend(self, part: str, since: float) -> None:
        """Book the CPU time since `since`, a `thread_time`."""
        self.seconds[part] = self.seconds.get(part, 0.0) + thread_time() - since
