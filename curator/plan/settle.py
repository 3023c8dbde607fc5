"""The last step of selection, over all videos at once: copies fall, then what is over a quota.

Pure: the same clips give the same answer, in whatever order they come. Clips of earlier releases
take part in the comparison, always stay, and count for no quota.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curator.model.clip import Decision, Row
from curator.model.signal import Signal
from curator.model.span import Span
from curator.plan.balance import too_many
from curator.plan.contenders import Contender
from curator.plan.distinct import Link, best_first, find_links, preference
from curator.plan.physical import Plan
from curator.plan.splits import TRAIN, split_of
from curator.select.vectors import chains
from curator.spec.recipe import Recipe

__all__ = ["Fall", "Settled", "settle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """Why a clip that every threshold keeps is dropped all the same."""

    reason: str
    """``duplicate`` or ``over-quota:NAME``."""
    threshold: str
    """``distinct`` or ``balance.NAME``."""
    margin: float
    signals: Mapping[str, Signal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of the clips of all videos."""

    stage: int = 0
    """Of the last pass: everything is known after it."""
    falls: Mapping[tuple[str, Span], Fall] = field(default_factory=dict)
    """By the video's fingerprint and the clip's span."""
    copies: Mapping[tuple[str, Span], int] = field(default_factory=dict)
    """Clips that stay, with how many fell for them; only where copies were looked for."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """Of videos that share footage with others, by fingerprint: such videos go to one split."""

    def rows(self, fingerprint: str, rows: Sequence[Row]) -> tuple[Row, ...]:
        """The rows of one video with these decisions."""
        return tuple(self._row(fingerprint, row) for row in rows)

    def staying(self, clips: Sequence[Contender]) -> tuple[Contender, ...]:
        """The clips that do not fall, sorted by content, each once."""
        kept = {_where(clip): clip for clip in _by_name(clips) if _where(clip) not in self.falls}
        return tuple(kept[where] for where in sorted(kept))

    def _row(self, fingerprint: str, row: Row) -> Row:
        where = (fingerprint, row.span)
        if row.decision is not Decision.kept:
            return row
        if where in self.copies:
            copies = {"distinct.copies": Signal(float(self.copies[where]))}
            row = dataclasses.replace(row, signals={**row.signals, **copies})
        fall = self.falls.get(where)
        if fall is None:
            return row
        return dataclasses.replace(
            row,
            decision=Decision.dropped,
            reason=fall.reason,
            threshold=fall.threshold,
            margin=fall.margin,
            stage=self.stage,
            signals={**row.signals, **fall.signals},
        )


def settle(plan: Plan, clips: Sequence[Contender]) -> Settled:
    """Decide over the kept clips of all videos, and those of earlier releases.

    The same content at two urls may be given twice: it counts once.

    Raises:
        MeasureError: ``dedup-missing`` for more vectors than can be compared without faiss.
    """
    recipe = plan.recipe
    prefer = None if recipe.distinct is None else recipe.distinct.prefer
    once = {(c.earlier_split is None, c.fingerprint, c.span): c for c in _by_name(clips)}
    ranked = sorted(once.values(), key=lambda clip: preference(clip, prefer))
    links = () if recipe.distinct is None else find_links(ranked, recipe.distinct)
    fell = best_first(range(len(ranked)), links)
    falls = {_where(ranked[i]): _copy(ranked, i, link) for i, link in fell.items()}
    own = [i for i, clip in enumerate(ranked) if clip.earlier_split is None]
    splits = {clip.fingerprint: split_of(recipe, clip.fingerprint) for clip in ranked}
    joined = _joined_splits(recipe, ranked, links)
    falls |= _quotas(recipe, [ranked[i] for i in own if i not in fell], splits | joined)
    copies: dict[tuple[str, Span], int] = {}
    if recipe.distinct is not None:
        count = Counter(link.other(i) for i, link in fell.items())
        copies = {_where(ranked[i]): count[i] for i in own if i not in fell}
    return Settled(
        stage=plan.passes[-1].index if plan.passes else 0, falls=falls, copies=copies, splits=joined
    )


def _by_name(clips: Sequence[Contender]) -> list[Contender]:
    """So that of the same content at two urls the first by name speaks."""
    return sorted(clips, key=lambda clip: (clip.source, clip.name), reverse=True)


def _where(clip: Contender) -> tuple[str, Span]:
    return clip.fingerprint, clip.span


def _copy(clips: Sequence[Contender], number: int, link: Link) -> Fall:
    signals = {
        "distinct.distance": Signal(link.distance),
        "distinct.twin": Signal(clips[link.other(number)].name),
        "distinct.by": Signal(f"{link.by}, mirrored" if link.mirrored else link.by),
    }
    if link.shift_seconds is not None:
        ahead = link.shift_seconds if link.second == number else -link.shift_seconds
        signals["distinct.shift_seconds"] = Signal(ahead)
    return Fall(
        reason="duplicate",
        threshold="distinct",
        margin=link.distance - link.limit,
        signals=signals,
    )


def _joined_splits(
    recipe: Recipe, clips: Sequence[Contender], links: Sequence[Link]
) -> dict[str, str]:
    """One split for videos that share footage, even of clips that fell: else a film and its copy in
    other words could teach the test set.

    Where one of them is in an earlier release, all go to its split there.
    """
    videos = sorted({clip.fingerprint for clip in clips})
    number = {fingerprint: i for i, fingerprint in enumerate(videos)}
    edges = [
        (number[clips[link.first].fingerprint], number[clips[link.second].fingerprint])
        for link in links
    ]
    groups = chains(len(videos), edges)
    published: dict[int, list[str]] = {}
    for clip in clips:
        if clip.earlier_split is not None:
            group = groups[number[clip.fingerprint]]
            published.setdefault(group, []).append(clip.earlier_split)
    sizes = Counter(groups)
    out = {}
    for fingerprint, group in zip(videos, groups, strict=True):
        known = [s for s in sorted(published.get(group, [])) if s == TRAIN or s in recipe.splits]
        if known:
            out[fingerprint] = known[0]
        elif sizes[group] > 1:
            out[fingerprint] = split_of(recipe, videos[group])
    return out


def _quotas(
    recipe: Recipe, clips: Sequence[Contender], splits: Mapping[str, str]
) -> dict[tuple[str, Span], Fall]:
    """Every quota in turn, on what the ones before left."""
    falls: dict[tuple[str, Span], Fall] = {}
    left = sorted(clips, key=lambda clip: (clip.fingerprint, clip.span))
    for name, quota in recipe.balance.items():
        over = too_many(name, quota, left, splits)
        for number, (group, margin) in over.items():
            falls[_where(left[number])] = Fall(
                reason=f"over-quota:{name}",
                threshold=f"balance.{name}",
                margin=margin,
                signals={f"balance.{name}": Signal(group)},
            )
        left = [clip for number, clip in enumerate(left) if number not in over]
    return falls
