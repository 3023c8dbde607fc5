"""A sample on its way into files: what every layout is written from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROW_BYTES", "Entry", "media_name"]

ROW_BYTES = 1024
"""What the columns of a row that are neither media nor tracks are counted as."""
_SUFFIX = {"video": ".mp4", "audio": ".flac"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sample: its media as files, the rest as a row that is made when its turn comes."""

    id: str
    split: str
    fingerprint: str
    url: str
    media: Mapping[str, Path]
    """Column to file; what the sample does not have is left out."""
    plain_bytes: int
    """What all but media counts."""
    row: Callable[[], dict[str, Any]]
    """Every column but media."""

    @property
    def size_bytes(self) -> int:
        """What the sample counts when shards are made."""
        return self.plain_bytes + sum(path.stat().st_size for path in self.media.values())


def media_name(sample: str, column: str) -> str:
    """``ID.mp4``, ``ID.flac``, or ``ID.NAME.mp4`` of another camera."""
    suffix = _SUFFIX.get(column)
    return sample + (suffix or f".{column.partition('.')[2]}.mp4")
