"""The aligner `onsets`: what begins with a flash or a jolt against what begins with a bang."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log1p
from typing import Any, ClassVar

import numpy as np

from curator.abc.aligner import Pair, TrackKind
from curator.align.estimate.activity import Floats
from curator.align.estimate.events import beats, bursts, flashes
from curator.align.estimate.luck import at_least, deviations
from curator.model.sync import Offset

__all__ = ["Onsets", "coincidence"]

_FLASH, _CHANGE, _LEVEL = "onsets.flash", "onsets.change", "onsets.level"
_MARGIN_SECONDS = 0.01
_FEWEST_FRAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Onsets:
    """How late the sound is, from things that are seen and heard to happen at once.

    Seen: frames that flash (a lamp, a screen, a clapperboard's light), or, where fewer than two do, that
    change much more than those around (a clap, a hit, a step). Heard: where the level rises steeply. The best
    offset is the one at which most of what is seen has its sound within half a frame.

    Typical: 0 +- 0.003 s for a flash with a beep, within half a frame for claps and hits (the frame that shows
    a hit was taken up to one frame after it: the sound then reads a little early).
    What fools it: events in even time, whose neighbours fit as well (the confidence falls), a single event
    (which any other may fit by chance: at most 1 or 2), light or sound effects that were added later.
    Source: own definition; onsets after Bello et al., IEEE TSAP 13, 2005.
    """

    name: ClassVar[str] = "onsets"
    version: ClassVar[int] = 1
    kinds: ClassVar[frozenset[TrackKind]] = frozenset({TrackKind.own_audio})
    measures: ClassVar[Mapping[str, Mapping[str, Any]]] = {"onsets": {}}
    of_track: ClassVar[frozenset[str]] = frozenset({_LEVEL})
    listens: ClassVar[bool] = False
    confidence: ClassVar[str] = (
        "standard deviations: how unlikely so many coincidences are by chance, less what the next best offset"
        " explains; 1.5 for one event, 3 for two, 5 and more from four on; wrong pairs below 1"
    )

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        """How late the sound is. Absent: ``no-audio``, ``too-short``, ``no-visual-onsets``, ``no-audible-onsets``, ``no-coincidence``."""
        if _LEVEL not in pair.series:
            return Offset(seconds=None, absent="no-audio")
        if any(name not in pair.series for name in (_FLASH, _CHANGE)):
            return Offset(seconds=None, absent="no-pictures")
        flash, change = (pair.series[name].within(pair.span) for name in (_FLASH, _CHANGE))
        if len(flash) < _FEWEST_FRAMES:
            return Offset(seconds=None, absent="too-short")
        seen = flashes(flash)
        if len(seen) < 2:
            seen = seen if len(seen) else bursts(change)
        if not len(seen):
            return Offset(seconds=None, absent="no-visual-onsets")
        heard = beats(pair.series[_LEVEL])
        if not len(heard):
            return Offset(seconds=None, absent="no-audible-onsets")
        within = float(np.median(np.diff(flash.seconds))) / 2 + _MARGIN_SECONDS
        level = pair.series[_LEVEL].seconds
        rate = len(heard) / max(1e-3, float(level[-1] - level[0]))
        return coincidence(seen, heard, within=within, most=max_offset_seconds, rate=rate)


def coincidence(seen: Floats, heard: Floats, *, within: float, most: float, rate: float) -> Offset:
    """The offset at which most of `seen` have one of `heard` within `within` seconds; ties go to the smallest.

    `rate` is how many of `heard` there are per second.
    """
    apart = (heard[None, :] - seen[:, None]).ravel()
    tried = np.unique(np.clip(apart[np.abs(apart) <= most + within], -most, most))
    if not len(tried):
        return Offset(seconds=None, absent="no-coincidence")
    nearest = _nearest(seen[None, :] + tried[:, None], heard)
    hits = np.abs(nearest) <= within
    count = hits.sum(axis=1)
    rest = np.where(hits, np.abs(nearest), 0).sum(axis=1) / np.maximum(count, 1)
    best = int(np.lexsort((np.abs(tried), rest, -count))[0])
    seconds = float(tried[best] + np.median(nearest[best][hits[best]]))
    seconds = min(most, max(-most, seconds))
    rivals = count[np.abs(tried - seconds) > 2 * within]
    share = 1 - float(rivals.max(initial=0)) / float(count[best])
    luck = _luck(int(count[best]), len(seen), 1 - exp(-2 * within * rate), most / within)
    return Offset(seconds=seconds, confidence=share * deviations(luck))


def _nearest(times: Floats, heard: Floats) -> Floats:
    """How much later than each time the nearest of `heard` (in time order) is."""
    after = np.searchsorted(heard, times).clip(0, len(heard) - 1)
    later, earlier = heard[after] - times, heard[np.maximum(after - 1, 0)] - times
    return np.asarray(np.where(np.abs(later) < np.abs(earlier), later, earlier))


def _luck(hits: int, count: int, chance: float, tries: float) -> float:
    """Probability that some of `tries` offsets has `hits` of `count` by chance alone."""
    one = min(max(at_least(hits, count, chance), 1e-300), 1 - 1e-12)
    # 1 - (1 - p)^n without losing small p.
    return float(-np.expm1(max(1.0, tries) * log1p(-one)))
