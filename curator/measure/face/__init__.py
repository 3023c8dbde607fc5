"""Faces: how many, how large, where they look, whether the mouth moves, and whether with the voice."""

from __future__ import annotations

from curator.measure.face.lips import Lips
from curator.measure.face.measure import Detector, Face

__all__ = ["Detector", "Face", "Lips"]
