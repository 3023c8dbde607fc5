"""Splits by source video: which one a video falls in depends on its content alone."""

from __future__ import annotations

import hashlib

from curator.spec.recipe import Recipe

__all__ = ["TRAIN", "split_of"]

TRAIN = "train"


def split_of(recipe: Recipe, fingerprint: str) -> str:
    """The split of a video, stable when videos are added or renamed.

    The fingerprint is mapped to a point in [0, 1); every extra split owns an interval of it, in the
    order of their names, and the rest is ``train``.
    """
    digest = hashlib.sha256(f"split/1 {fingerprint}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    edge = 0.0
    for name in sorted(recipe.splits):
        edge += recipe.splits[name]
        if point < edge:
            return name
    return TRAIN
