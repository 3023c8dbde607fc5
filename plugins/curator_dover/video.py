"""A whole video scored as published: for comparison with published numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curator_dover.network import Network
from curator_dover.sampling import fragments, segments, thirds, whole

__all__ = ["RawScores", "score_video"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawScores:
    """Raw scores of one network: unbounded, more is better, each on a scale of its own."""

    technical: float
    aesthetic: float


def score_video(
    network: Network,
    num_frames: int,
    read: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]],
    *,
    seed: int = 0,
) -> RawScores:
    """The published protocol: three technical clips, one from each third, and 32 frames from all over.

    `read` gives frames by their numbers (with repeats) as ``(n, h, w, 3)`` RGB at native size.
    """
    rng = np.random.default_rng(seed)
    clips = thirds(num_frames, rng)
    technical = [network.technical(fragments(read(clip), rng)) for clip in clips]
    aesthetic = network.aesthetic(whole(read(segments(num_frames, rng))))
    return RawScores(technical=float(np.mean(technical)), aesthetic=aesthetic)
