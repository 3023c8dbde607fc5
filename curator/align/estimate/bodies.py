"""Which joints of a skeleton are which of the points that a pose network fits."""

from __future__ import annotations

import re
from collections.abc import Mapping

from curator.model.track import Skeleton

__all__ = ["BODY", "HIPS", "parts_of"]

BODY: Mapping[str, int] = {
    "left elbow": 13,
    "right elbow": 14,
    "left wrist": 15,
    "right wrist": 16,
    "left knee": 25,
    "right knee": 26,
    "left ankle": 27,
    "right ankle": 28,
}
"""Joints that move much, and their numbers among the 33 points of BlazePose."""
HIPS = (23, 24)

_WORDS: Mapping[str, tuple[str, ...]] = {
    # The first that a skeleton has is taken: Biovision calls the knee's joint "LeftLeg", by its bone.
    "elbow": ("elbow", "forearm", "lowerarm", "lowarm", "radius"),
    "wrist": ("wrist", "hand"),
    "knee": ("knee", "lowerleg", "lowleg", "shin", "calf", "tibia", "leg"),
    "ankle": ("ankle", "foot"),
}
_SIDES: Mapping[str, tuple[str, ...]] = {"left": ("left", "l"), "right": ("right", "r")}


def parts_of(skeleton: Skeleton) -> dict[str, int]:
    """Index of the joint for each name of `BODY` that the skeleton has, left and right told by the name."""
    plain = [_plain(name) for name in skeleton.joints]
    found: dict[str, int] = {}
    for name in BODY:
        side, part = name.split()
        wanted = [
            form
            for word in _WORDS[part]
            for mark in _SIDES[side]
            for form in (mark + word, word + mark)
        ]
        index = next((plain.index(form) for form in wanted if form in plain), None)
        if index is not None:
            found[name] = index
    return found


def _plain(joint: str) -> str:
    """``leftforearm`` for ``mixamorig:Left_ForeArm``."""
    return re.sub(r"[^a-z]", "", joint.rsplit(":", 1)[-1].lower())
