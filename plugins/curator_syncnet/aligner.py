"""The aligner `syncnet`: a voice against the lips in view, by the published network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from curator.abc.aligner import Pair, TrackKind
from curator.model.sync import Offset
from curator_syncnet.distances import agreement

__all__ = ["SyncNetAligner"]

_VISUAL, _AUDIO = "syncnet.visual", "syncnet.audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncNetAligner:
    """How late a voice is against the lips that speak, where SyncNet's vectors lie closest.

    The mean distance over the clip at every offset, each 20 ms, read between them. It needs the measure
    `syncnet`, and that a checkpoint: `measure.syncnet.weights_from`.

    Typical: within a frame in 99 % of clips of 4 s and longer, as published.
    What fools it: what fools `syncnet`.
    Source: Chung and Zisserman, ACCV workshops 2016. The published sign is the other one.
    """

    name: ClassVar[str] = "syncnet"
    version: ClassVar[int] = 1
    kinds: ClassVar[frozenset[TrackKind]] = frozenset({TrackKind.own_audio})
    measures: ClassVar[Mapping[str, Mapping[str, Any]]] = {"syncnet": {}}
    of_track: ClassVar[frozenset[str]] = frozenset({_AUDIO})
    listens: ClassVar[bool] = False
    confidence: ClassVar[str] = (
        "as published: median less least distance over offsets of whole frames within 0.6 s; above 5 for people who"
        " are heard, 2 to 4 in noise, below 2 for another voice"
    )

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        """How late the voice is. Absent: ``no-pictures``, ``no-audio``, ``no-face``, ``too-short``."""
        if _VISUAL not in pair.series:
            return Offset(seconds=None, absent="no-pictures")
        if _AUDIO not in pair.series:
            return Offset(seconds=None, absent="no-audio")
        seen = pair.series[_VISUAL].within(pair.span)
        found = agreement(seen, pair.series[_AUDIO], most_seconds=max_offset_seconds)
        if isinstance(found, str):
            return Offset(seconds=None, absent=found)
        return Offset(seconds=found.seconds, confidence=found.confidence)
