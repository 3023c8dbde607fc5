"""Faces: how many, how large, where they look, whether the mouth is seen, moves, and moves with the voice."""

from __future__ import annotations

from curator.measure.face.lips import Lips
from curator.measure.face.measure import Detector, Face
from curator.measure.face.mouth import Mouth

__all__ = ["Detector", "Face", "Lips", "Mouth"]
