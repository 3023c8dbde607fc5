"""What the pictures of a clip look like, beyond their height and rate."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Fit", "Hdr", "Look", "Matrix"]


class Fit(enum.Enum):
    """What becomes of a picture whose sides do not stand to each other as the wanted ones do."""

    cover = "cover"
    """The middle of it fills the wanted size; the rest is cut off."""
    contain = "contain"
    """All of it is shown, with black bars."""


class Hdr(enum.Enum):
    """What becomes of HDR footage (PQ and HLG)."""

    refuse = "refuse"
    """Its clips are not encoded; the video counts as failed."""
    tonemap = "tonemap"
    """It is mapped to SDR (BT.709) as a reference player shows it."""


class Matrix(enum.Enum):
    """How R'G'B' is coded as Y'CbCr."""

    source = "source"
    """As in the source, and tagged so."""
    bt709 = "bt709"
    """As HD video, whatever the source: for readers that ignore tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How boxes of a source become pictures of a clip."""

    size: tuple[int, int] | None = None
    """Width and height, both even: always this, enlarged if need be. None: that of the box, even, never enlarged."""
    fit: Fit = Fit.cover
    """How a box of other proportions than `size` is brought to it."""
    hdr: Hdr = Hdr.refuse
    matrix: Matrix = Matrix.source
