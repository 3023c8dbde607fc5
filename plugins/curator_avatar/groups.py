"""Groups of things that are alike on average, however many there are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["grouped"]


def grouped(likeness: npt.NDArray[np.float64], *, least: float) -> list[int]:
    """Sizes of the groups, largest first, that average linkage makes of ``(n, n)`` symmetric likeness.

    The two groups with the highest mean likeness become one, as long as that is at least `least`.
    """
    mean = likeness.astype(np.float64)
    np.fill_diagonal(mean, -np.inf)
    sizes = np.ones(len(mean))
    while len(mean) > 1:
        one, other = sorted(divmod(int(np.argmax(mean)), len(mean)))
        if mean[one, other] < least:
            break
        share = sizes[[one, other]] / sizes[[one, other]].sum()
        mean[one] = share @ mean[[one, other]]
        mean[:, one] = mean[one]
        mean[one, one] = -np.inf
        sizes[one] += sizes[other]
        mean = np.delete(np.delete(mean, other, axis=0), other, axis=1)
        sizes = np.delete(sizes, other)
    return sorted((int(size) for size in sizes), reverse=True)
