"""The contract of a shot detector: a measure whose series tell where the cuts are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from curator.abc.measure import Measure
from curator.model.clip import Shot
from curator.model.series import Series
from curator.model.video import FrameTable

__all__ = ["ShotDetector"]


class ShotDetector(Measure, Protocol):
    """Computes series like any measure; `shots` then reads the whole video's series at once."""

    def shots(self, series: Mapping[str, Series], table: FrameTable) -> tuple[Shot, ...]:
        """Shots that tile the video ``[0, table.time(len(table)))``; pure."""
        ...
