"""What chance alone does, as numbers that aligners can share."""

from __future__ import annotations

from math import comb
from statistics import NormalDist

__all__ = ["at_least", "deviations"]

_NORMAL = NormalDist()
_LEAST = 1e-33
_HIGHEST = 12.0


def at_least(hits: int, count: int, chance: float) -> float:
    """Probability of at least `hits` successes in `count` trials, each with `chance`."""
    return float(
        sum(
            comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in range(hits, count + 1)
        )
    )


def deviations(probability: float) -> float:
    """Standard deviations above the mean beyond which a normal number lies with `probability`; 0 to 12."""
    if probability >= 0.5:
        return 0.0
    return min(_HIGHEST, -_NORMAL.inv_cdf(max(probability, _LEAST)))
