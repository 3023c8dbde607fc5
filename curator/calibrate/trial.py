"""A recipe on footage whose facts are all known: verdicts for any thresholds, without decoding."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from curator.engine.footage import videos_of
from curator.engine.inspect import Seen, look_at
from curator.engine.progress import Progress
from curator.engine.run import run
from curator.errors import SourceError
from curator.model.clip import Unit
from curator.model.outcome import Failure
from curator.model.span import Span, intersection, subtract, total_seconds, union
from curator.model.video import VideoRef
from curator.plan.checks import Check, Said, Scope
from curator.plan.evaluate import advance
from curator.plan.logical import compile_plan
from curator.plan.physical import Plan, make_plan
from curator.plan.verdicts import Verdicts
from curator.source.labels import Label
from curator.spec.defaults import plain
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec
from curator.store.key import canonical
from curator.store.store import Store

__all__ = ["Bench", "Kept", "Labelled", "Piece", "labelled", "measured", "verdicts_of"]

Kept: TypeAlias = list[tuple[Span, ...]]
"""What was kept of each video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One labelled interval of one video."""

    span: Span
    right: bool
    why: str
    """What is wrong with it; the label itself when nothing was said; empty when right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A video with its facts and its truth."""

    seen: Seen
    pieces: tuple[Piece, ...]
    failures: tuple[Failure, ...] = ()
    right: tuple[Span, ...] = field(default=())
    """Instants that somebody called right."""
    wrong: tuple[Span, ...] = field(default=())
    """Labelled instants that nobody called right; all others are unknown and count for nothing."""

    @staticmethod
    def of(seen: Seen, labels: Sequence[Label], targets: Sequence[str]) -> Labelled:
        """The truth of `labels` about one video: `targets` are right."""
        end = seen.probe.info.duration_seconds
        whole = (Span(Fraction(0), end),)
        pieces = tuple(
            Piece(
                span=part,
                right=label.label in targets,
                why="" if label.label in targets else label.why or label.label,
            )
            for label in labels
            for part in intersection((label.span,), whole)
        )
        right = union(piece.span for piece in pieces if piece.right)
        wrong = subtract((piece.span for piece in pieces if not piece.right), right)
        return Labelled(seen=seen, pieces=pieces, right=right, wrong=wrong)

    def why(self, spans: Sequence[Span]) -> dict[str, Fraction]:
        """Seconds of `spans` by what is wrong with them; an instant with two labels counts for the first."""
        out: dict[str, Fraction] = {}
        left = intersection(spans, self.wrong)
        for piece in self.pieces:
            if piece.right or not left:
                continue
            here = intersection(left, (piece.span,))
            if here:
                out[piece.why] = out.get(piece.why, Fraction(0)) + total_seconds(here)
                left = subtract(left, here)
        return out


def measured(
    recipe: Recipe, engine: EngineSpec, store: Store, progress: Progress
) -> tuple[Plan, list[Seen]]:
    """Every second measured with every measure of the recipe, so that any threshold can be tried.

    Raises:
        MeasureError: when a measure cannot run at all.
    """
    plan = make_plan(recipe, measure_all=True)
    refs = videos_of(recipe)
    run([(plan, refs)], store=store, engine=engine, progress=progress, encode=False)
    return plan, list(look_at(refs, plan, store))


def verdicts_of(plan: Plan, seen: Sequence[Seen]) -> list[Verdicts]:
    """What a plan says of each video, from facts alone."""
    out = []
    for one in seen:
        said = advance(plan, one.probe, one.known, partial=True)
        assert isinstance(said, Verdicts), "a partial look has no demand"
        out.append(said)
    return out


def labelled(
    seen: Sequence[Seen], refs: Sequence[VideoRef], labels: Sequence[Label], targets: Sequence[str]
) -> list[Labelled]:
    """The videos that labels are about.

    Raises:
        SourceError: ``labels-match-nothing``, ``labels-ambiguous``, ``labels-without-right``.
    """
    if len(refs) > 1 and any(label.video is None for label in labels):
        raise SourceError(
            f"some labels name no video, and the recipe has {len(refs)}",
            reason="labels-ambiguous",
            hint="add the column `video`: the end of the video's path",
        )
    out = []
    for one in seen:
        own = [label for label in labels if label.is_about(one.ref.url)]
        if own:
            out.append(Labelled.of(one, own, targets))
    if not out:
        names = sorted({label.video or "?" for label in labels})[:3]
        raise SourceError(
            f"no label is about a video of the recipe ({', '.join(names)} ...)",
            reason="labels-match-nothing",
            hint="`video` is the end of the video's path or url",
        )
    if not any(video.right for video in out):
        found = sorted({label.label for label in labels})
        raise SourceError(
            f"no interval is labelled {' or '.join(targets)}",
            reason="labels-without-right",
            hint=f"labels.right=NAME; the file has: {', '.join(found)}",
        )
    return out


class Bench:
    """Labelled videos on which variants of a recipe are tried: other bounds, or fewer conditions."""

    def __init__(self, recipe: Recipe, videos: Sequence[Labelled]) -> None:
        self.videos = tuple(videos)
        self._recipe = recipe
        logical = compile_plan(recipe)
        self._clip_names = {check.slug for check in logical.scoped(Scope.clip)}
        self._found: dict[str, list[Verdicts]] = {}
        """By what decides where clips are: looking for clips is dear, judging them again is not."""

    def verdicts(self, recipe: Recipe) -> list[Verdicts]:
        """What the recipe says of each video, from facts alone."""
        return self._verdicts(make_plan(recipe, measure_all=True))

    def kept(self, recipe: Recipe) -> Kept:
        """What the recipe keeps of each video."""
        plan = make_plan(recipe, measure_all=True)
        where = [check.document() for check in plan.logical.checks if check.scope is not Scope.clip]
        key = canonical({"segment": plain(recipe.segment), "where": where})
        if key not in self._found:
            # With every clip condition, so that every clip has every signal.
            keep = {n: c for n, c in self._recipe.keep.items() if n in self._clip_names}
            full = dataclasses.replace(recipe, keep={**keep, **recipe.keep})
            self._found[key] = self._verdicts(make_plan(full, measure_all=True))
        checks = plan.logical.scoped(Scope.clip)
        return [_kept(one, checks) for one in self._found[key]]

    def _verdicts(self, plan: Plan) -> list[Verdicts]:
        return verdicts_of(plan, [video.seen for video in self.videos])


def _kept(verdicts: Verdicts, checks: Sequence[Check]) -> tuple[Span, ...]:
    """The clips that meet `checks`."""
    return union(
        row.span
        for row in verdicts.rows
        if row.unit is Unit.clip
        and all(check.judge(row.signals[check.column]).said is Said.holds for check in checks)
    )
