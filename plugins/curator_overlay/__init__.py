"""What somebody laid over the picture, or put in its place, and what nobody should train on."""

from __future__ import annotations

from curator_overlay.nsfw import Nsfw
from curator_overlay.text import Text

__all__ = ["Nsfw", "Text"]
