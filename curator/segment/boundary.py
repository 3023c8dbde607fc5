"""Where one shot gives way to the next."""

from __future__ import annotations

from dataclasses import dataclass

from curator.model.clip import Transition

__all__ = ["Boundary"]


@dataclass(frozen=True, slots=True, order=True)
class Boundary:
    """A change of shot, in frame numbers.

    A hard cut at frame 40 is ``Boundary(40, 40, 40, Transition.cut)``; a dissolve whose blended
    frames are 40..59 is ``Boundary(40, 50, 60, Transition.dissolve)``.
    """

    first: int
    """The first blended frame."""
    middle: int
    """The first frame of the new shot."""
    last: int
    """One past the last blended frame."""
    transition: Transition

    def __post_init__(self) -> None:
        assert self.first <= self.middle <= self.last, "a boundary must lie in its own transition"
