"""Faces: how many, how large, where they look, and whether the mouth moves."""

from __future__ import annotations

from curator.measure.face.measure import Detector, Face

__all__ = ["Detector", "Face"]
