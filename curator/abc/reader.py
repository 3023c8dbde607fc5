"""The contract of what reads sidecars: files beside a video that hold tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from curator.model.track import Track

__all__ = ["Sidecar", "TrackReader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A file to be read."""

    path: Path
    """Local, whatever its own name was."""
    name: str
    """Its own name, for messages and for the suffix: ``take3.bvh``."""
    video_seconds: float | None = None
    """How long the video is, for formats that know no end."""
    video: str | None = None
    """Address of the video it goes with, for formats that hold the tracks of many videos."""


@runtime_checkable
class TrackReader(Protocol):
    """A frozen dataclass of settings that describes how a file is read."""

    name: ClassVar[str]
    """The reader's name in recipes and in the registry: ``srt``, ``bvh``, ``table`` ..."""
    version: ClassVar[int]
    """Raise it whenever the same file would give other tracks."""
    suffixes: ClassVar[tuple[str, ...]]
    """Of files that it reads without being named, lower case, with the dot."""
    extra: ClassVar[str | None]
    """The pip extra of curator-build that it needs, e.g. ``"mocap"``."""

    def read(self, file: Sidecar) -> Mapping[str, Track]:
        """The file's tracks by name; a file that holds one track calls it ``""``.

        Raises:
            SourceError: ``sidecar-invalid``: what is wrong, with the file's name and the line, row or
                frame; ``extra-missing`` when a library is not installed.
        """
        ...
