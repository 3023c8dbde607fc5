"""From two raw scores to one number: as published, and with the branches the right way round."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

__all__ = ["Reference", "calibrated", "official"]

_TECHNICAL, _AESTHETIC = 0.6104, 0.3896


@dataclass(frozen=True, slots=True)
class _Normal:
    mean: float
    std: float

    def z(self, value: float) -> float:
        return (value - self.mean) / self.std


class Reference(enum.Enum):
    """A set of videos whose raw scores (of DOVER, published with it) say what is usual.

    Members hold mean and standard deviation of the technical and of the aesthetic scores.
    """

    live_vqc = (_Normal(-0.0827, 0.0377), _Normal(0.1105, 0.0736))
    konvid_1k = (_Normal(-0.1108, 0.0416), _Normal(0.0460, 0.0844))
    lsvq_test = (_Normal(-0.1048, 0.0442), _Normal(0.0728, 0.0889))
    lsvq_1080p = (_Normal(-0.0894, 0.0416), _Normal(0.1296, 0.0757))
    youtube_ugc = (_Normal(-0.1047, 0.0398), _Normal(0.0792, 0.0805))
    cvd2014 = (_Normal(-0.0946, 0.0386), _Normal(0.1089, 0.0758))


def official(technical: float, aesthetic: float) -> float:
    """The published fusion of raw scores, 0 to 1, for comparison with published numbers.

    Its constants are those of LIVE-VQC, with the branches exchanged: the technical score is
    normalised like an aesthetic one and the other way round, so that of natural videos nearly all
    technical parts look bad and nearly all aesthetic parts good.
    """
    total = (technical - 0.1107) / 0.07355 * _TECHNICAL
    total += (aesthetic + 0.08285) / 0.03774 * _AESTHETIC
    return _logistic(total)


def calibrated(
    technical: float, aesthetic: float, reference: Reference = Reference.lsvq_test
) -> float:
    """The published weights, each branch normalised by its own scores on `reference`: 0 to 1, 0.5 is usual."""
    usual_technical, usual_aesthetic = reference.value
    return _logistic(
        _TECHNICAL * usual_technical.z(technical) + _AESTHETIC * usual_aesthetic.z(aesthetic)
    )


def _logistic(x: float) -> float:
    # Either form alone overflows at one end.
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
