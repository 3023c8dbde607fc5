"""What a build tells whoever watches it. The engine says what happens; how it looks is the command line's."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Called by the coordinator alone, in one thread. Implementations never raise."""

    def start(self, total_videos: int, total_seconds: float | None) -> None:
        """The build begins; `total_seconds` of footage, None while that is not known."""
        ...

    def pass_started(self, name: str, total_seconds: float | None) -> None:
        """A pass (``scan``, ``pass 2``, ``encode``) begins; calling again updates the total."""
        ...

    def advance(self, pass_name: str, video_seconds: float, frames: int) -> None:
        """A pass got on by some seconds of video, for which `frames` frames were decoded."""
        ...

    def video_done(self, url: str, outcome: str) -> None:
        """Everything about a video is decided; `outcome` is ``ok`` or ``failed``."""
        ...

    def note(self, text: str) -> None:
        """One line for people."""
        ...

    def finish(self) -> None:
        """The build is over, or was interrupted."""
        ...


class Silent:
    """Tells nobody."""

    def start(self, total_videos: int, total_seconds: float | None) -> None:
        """Nothing."""

    def pass_started(self, name: str, total_seconds: float | None) -> None:
        """Nothing."""

    def advance(self, pass_name: str, video_seconds: float, frames: int) -> None:
        """Nothing."""

    def video_done(self, url: str, outcome: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""
