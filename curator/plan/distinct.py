"""Near-duplicates: which clips show the same footage, which of them stays, and which videos belong together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from curator.plan.contenders import Contender
from curator.select.candidates import candidates
from curator.select.footprint import Footprint
from curator.select.sequence import Match, compare
from curator.select.vectors import near_pairs
from curator.spec.recipe import DistinctSpec, LikenessSpec

__all__ = ["PICTURES", "Link", "best_first", "find_links", "preference"]

PICTURES = "pictures"
"""Name of the comparison by hashes, beside those by vectors that a recipe names."""
_LIKELY = 1.5
"""A copy has some picture that is within this many times the bound, even if none is of the same instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two clips that count as one."""

    first: int
    second: int
    by: str
    """`PICTURES`, or the name of the vectors in the recipe."""
    distance: float
    limit: float
    shift_seconds: float | None = None
    """What the second shows at t, the first shows at t + shift."""
    mirrored: bool = False

    @property
    def tightness(self) -> float:
        """Distance relative to its limit, to compare links of several kinds."""
        return self.distance / self.limit if self.limit else 0.0

    def other(self, number: int) -> int:
        """The clip at the other end."""
        return self.second if number == self.first else self.first


def preference(clip: Contender, prefer: str | None) -> tuple[bool, float, float, str, str]:
    """Sorts the better of two copies first: what is published, more of `prefer`, longer, then by content."""
    signal = None if prefer is None else clip.signals.get(prefer)
    value = -math.inf
    if signal is not None and isinstance(signal.value, int | float):
        value = float(signal.value)
    begin = f"{float(clip.span.start):020.6f}"
    return (clip.earlier_split is None, -value, -float(clip.span.seconds), clip.fingerprint, begin)


def find_links(clips: Sequence[Contender], spec: DistinctSpec) -> tuple[Link, ...]:
    """Every two clips that count as one, in the order of the clips; two that are published are not compared.

    Args:
        clips: in an order that does not depend on how they were found.

    Raises:
        MeasureError: ``dedup-missing`` for more vectors than can be compared without faiss.
    """
    links = _picture_links(clips, spec) if spec.pictures else []
    for name, likeness in spec.vectors.items():
        links += _vector_links(clips, name, likeness, spec.index.name)
    known = {(link.first, link.second, link.by) for link in links}
    # An index of many looks at some neighbours of each only, so what is left is searched once more.
    while links:
        kept = sorted(set(range(len(clips))) - set(best_first(range(len(clips)), links)))
        found = _among(clips, kept, spec, known)
        if not found:
            break
        known |= {(link.first, link.second, link.by) for link in found}
        links += found
    return tuple(sorted(links, key=lambda link: (link.first, link.second, link.by)))


def best_first(order: Iterable[int], links: Iterable[Link]) -> dict[int, Link]:
    """The clips that fall, each with the link to the one that stays instead of it.

    Clips are taken in `order`; one that is linked to a clip that already stays falls, the others stay. So
    what stays is linked to nothing else that stays.
    """
    by_clip: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        by_clip[link.first].append(link)
        by_clip[link.second].append(link)
    stays: dict[int, int] = {}
    falls: dict[int, Link] = {}
    for rank, number in enumerate(order):
        twins = [link for link in by_clip[number] if link.other(number) in stays]
        if twins:
            falls[number] = min(
                twins, key=lambda link: (link.tightness, stays[link.other(number)], link.by)
            )
        else:
            stays[number] = rank
    return falls


def _among(
    clips: Sequence[Contender],
    numbers: Sequence[int],
    spec: DistinctSpec,
    known: set[tuple[int, int, str]],
) -> list[Link]:
    """Links between some of the clips that were not known."""
    some = [clips[number] for number in numbers]
    links = _picture_links(some, spec) if spec.pictures else []
    for name, likeness in spec.vectors.items():
        links += _vector_links(some, name, likeness, spec.index.name)
    renamed = [
        Link(
            first=numbers[link.first],
            second=numbers[link.second],
            by=link.by,
            distance=link.distance,
            limit=link.limit,
            shift_seconds=link.shift_seconds,
            mirrored=link.mirrored,
        )
        for link in links
    ]
    return [link for link in renamed if (link.first, link.second, link.by) not in known]


def _picture_links(clips: Sequence[Contender], spec: DistinctSpec) -> list[Link]:
    held = [(i, clip.footprint) for i, clip in enumerate(clips) if clip.footprint is not None]
    prints = [footprint for _, footprint in held]
    out = []
    likely = _LIKELY * spec.max_distance
    for a, b in candidates(prints, max_looks=likely, mirror=spec.mirror):
        (first, one), (second, other) = held[a], held[b]
        if clips[first].earlier_split is not None and clips[second].earlier_split is not None:
            continue
        found = _match(one, other, spec)
        if found is not None:
            match, mirrored = found
            out.append(
                Link(
                    first=first,
                    second=second,
                    by=PICTURES,
                    distance=match.distance,
                    limit=spec.max_distance,
                    shift_seconds=match.shift_seconds,
                    mirrored=mirrored,
                )
            )
    return out


def _match(one: Footprint, other: Footprint, spec: DistinctSpec) -> tuple[Match, bool] | None:
    """The better match of a clip with another and its mirror image, if one is near enough."""
    ways = [(other, False), *([(other.mirrored(), True)] if spec.mirror else [])]
    found = [
        (match, mirrored)
        for way, mirrored in ways
        if (match := _compare(one, way, spec)) is not None
    ]
    return min(found, key=lambda pair: pair[0].distance, default=None)


def _compare(one: Footprint, other: Footprint, spec: DistinctSpec) -> Match | None:
    match = compare(one, other, min_overlap=spec.min_overlap, enough=spec.max_distance)
    return match if match is not None and match.distance <= spec.max_distance else None


def _vector_links(
    clips: Sequence[Contender], name: str, likeness: LikenessSpec, index: str
) -> list[Link]:
    held = [i for i, clip in enumerate(clips) if likeness.of in clip.vectors]
    if len(held) < 2:
        return []
    units = np.stack([clips[i].vectors[likeness.of] for i in held])
    pairs, distances = near_pairs(units, max_distance=likeness.max_distance, index=index)
    return [
        Link(first=held[a], second=held[b], by=name, distance=distance, limit=likeness.max_distance)
        for (a, b), distance in zip(pairs.tolist(), distances.tolist(), strict=True)
        if clips[held[a]].earlier_split is None or clips[held[b]].earlier_split is None
    ]
