"""Measures for talking heads: how clean the voice is, and whether it is one voice."""

from __future__ import annotations

from curator_avatar.speakers import Speakers
from curator_avatar.voice import Voice

__all__ = ["Speakers", "Voice"]
