"""Complex movement of whole bodies: who is in view and how they move, for models of 3D motion."""

from __future__ import annotations

from curator_motion.glimpse import Glimpse
from curator_motion.measure import Pose

__all__ = ["Glimpse", "Pose"]
