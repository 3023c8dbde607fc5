"""Which shard a sample lives in, so that a new release rewrites only the shards that changed.

A shard is a leaf of a binary tree over the samples' addresses, and a leaf splits in two only when
it outgrows the limit. So the layout is a function of the set of samples alone, and a sample that
comes or goes touches the leaf that it lives in and no other.

The limit is about a hundredth of the whole set, so that this leaf is a small part of it. It is one
of a few values, each four times the one before: only when a set has grown fourfold does the limit
change, and everything is packed anew once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["ADDRESS_BITS", "Leaf", "address", "leaves", "shard_limit"]

ADDRESS_BITS = 64
_VIDEO_BITS = 16
"""A video's clips stay together (a new video touches one shard) until that one video outgrows a shard."""

_FEW_SAMPLES = 64
"""So few are kept in one file: it is small, and people look into it."""
_SHARE = 96
"""A shard holds this part of the set at most: 200 videos, one of them new, then rewrite 2 % at most."""
_LEAST_BYTES = 128 * 2**10
"""Below, a file would be mostly its own description."""
_STEP = 4


@dataclass(frozen=True, slots=True, order=True)
class Leaf:
    """What the tree knows of a sample: where it belongs and how much room it takes."""

    address: str
    """`ADDRESS_BITS` characters ``0`` or ``1``."""
    id: str
    size_bytes: int


def address(fingerprint: str, sample_id: str) -> str:
    """The place of a sample in the tree: bits of its video's hash, then bits of its own."""
    video = _bits(f"video {fingerprint}")[:_VIDEO_BITS]
    return video + _bits(f"sample {sample_id}")[: ADDRESS_BITS - _VIDEO_BITS]


def shard_limit(sizes_bytes: Sequence[int], *, most_bytes: int) -> int:
    """The largest size of a shard for a set of samples of these sizes, never above `most_bytes`."""
    if len(sizes_bytes) < _FEW_SAMPLES:
        return most_bytes
    ideal, limit = sum(sizes_bytes) // _SHARE, _LEAST_BYTES
    while limit * _STEP <= ideal:
        limit *= _STEP
    return min(limit, most_bytes)


def leaves(
    samples: Iterable[Leaf], *, limit_bytes: int, most_samples: int | None = None
) -> Mapping[str, tuple[Leaf, ...]]:
    """Samples by shard: the shard's address prefix (empty while one shard holds them all).

    A shard exceeds the limits only when it holds a single sample (or samples of one address).

    Raises:
        ValueError: for a limit that is not positive.
    """
    if limit_bytes <= 0:
        raise ValueError(f"a shard must have room for something, got {limit_bytes} bytes")
    pending: list[tuple[str, tuple[Leaf, ...]]] = [("", tuple(sorted(samples)))]
    found: dict[str, tuple[Leaf, ...]] = {}
    while pending:
        prefix, held = pending.pop()
        if _fits(prefix, held, limit_bytes, most_samples):
            if held:
                found[prefix] = held
            continue
        for bit in "01":
            half = tuple(leaf for leaf in held if leaf.address[len(prefix)] == bit)
            pending.append((prefix + bit, half))
    return dict(sorted(found.items()))


def _fits(prefix: str, held: tuple[Leaf, ...], limit_bytes: int, most_samples: int | None) -> bool:
    if len(held) < 2 or len(prefix) == ADDRESS_BITS:
        return True
    if most_samples is not None and len(held) > most_samples:
        return False
    return sum(leaf.size_bytes for leaf in held) <= limit_bytes


def _bits(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest()[:8]
    return f"{int.from_bytes(digest, 'big'):064b}"
