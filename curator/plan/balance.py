"""Quotas: clips in groups by what they have in common, and which of them are too many."""

from __future__ import annotations

import bisect
import hashlib
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from curator.plan.contenders import Contender
from curator.select.quota import over_quota
from curator.select.vectors import chains, kmeans, near_pairs
from curator.spec.recipe import BalanceSpec

__all__ = ["groups_of", "too_many"]


def too_many(
    name: str, quota: BalanceSpec, clips: Sequence[Contender], splits: Mapping[str, str]
) -> dict[int, tuple[str, float]]:
    """The clips over a quota, by number: (group, margin below zero).

    Args:
        clips: in an order that does not depend on how they were found.
        splits: of videos, by fingerprint.
    """
    groups = groups_of(quota, clips, splits)
    order = sorted(range(len(clips)), key=lambda i: _order(name, quota, clips[i]))
    over = over_quota(
        [groups[i] for i in order],
        [clips[i].span.seconds for i in order],
        max_seconds=_exact(quota.max_seconds),
        max_clips=quota.max_clips,
        max_share=_exact(quota.max_share),
    )
    return {order[rank]: (groups[order[rank]], margin) for rank, margin in over.items()}


def groups_of(
    quota: BalanceSpec, clips: Sequence[Contender], splits: Mapping[str, str]
) -> list[str]:
    """The group of each clip, in words. Clips without a value make a group: ``absent``."""
    if quota.by == "source":
        return [clip.source for clip in clips]
    if quota.by == "video":
        return [clip.fingerprint for clip in clips]
    if quota.by == "split":
        return [splits[clip.fingerprint] for clip in clips]
    if quota.clusters is not None or quota.max_distance is not None:
        return _by_vector(quota, clips)
    return [_by_signal(quota, clip) for clip in clips]


def _by_signal(quota: BalanceSpec, clip: Contender) -> str:
    signal = clip.signals.get(quota.by)
    if signal is None or signal.value is None:
        return "absent"
    if isinstance(signal.value, str) or not quota.buckets:
        return signal.value if isinstance(signal.value, str) else f"{signal.value:g}"
    edges = ("-inf", *(f"{edge:g}" for edge in quota.buckets), "inf")
    place = bisect.bisect_right(quota.buckets, signal.value)
    return f"{edges[place]}..{edges[place + 1]}"


def _by_vector(quota: BalanceSpec, clips: Sequence[Contender]) -> list[str]:
    held = [i for i, clip in enumerate(clips) if quota.by in clip.vectors]
    out = ["absent"] * len(clips)
    if not held:
        return out
    units = np.stack([clips[i].vectors[quota.by] for i in held])
    if quota.clusters is not None:
        labels = kmeans(units, quota.clusters)
    else:
        assert quota.max_distance is not None, "the compiler asks for either"
        pairs, _ = near_pairs(units, max_distance=quota.max_distance)
        labels = chains(len(held), pairs.tolist())
    for number, label in zip(held, labels, strict=True):
        out[number] = f"group-{label}"
    return out


def _order(name: str, quota: BalanceSpec, clip: Contender) -> tuple[float, str]:
    """Best first; what nothing tells apart is drawn by a hash of the content."""
    signal = None if quota.prefer is None else clip.signals.get(quota.prefer)
    value = -math.inf
    if signal is not None and isinstance(signal.value, int | float):
        value = float(signal.value)
    content = f"balance/1 {name} {clip.fingerprint} {clip.span.start} {clip.span.end}"
    return -value, hashlib.sha256(content.encode()).hexdigest()


def _exact(number: float | None) -> Fraction | None:
    """What the user wrote, not its nearest binary fraction."""
    return None if number is None else Fraction(str(number))
