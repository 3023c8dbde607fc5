"""What somebody laid over the picture, or put in its place, and what nobody should train on."""

from __future__ import annotations

from curator_overlay.layout import Layout
from curator_overlay.logos import Logos
from curator_overlay.marks import Marks
from curator_overlay.nsfw import Nsfw
from curator_overlay.text import Text

__all__ = ["Layout", "Logos", "Marks", "Nsfw", "Text"]
