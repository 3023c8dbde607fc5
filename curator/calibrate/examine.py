"""`curator test`: a recipe against labelled footage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.calibrate.flips import FlipReport, flips
from curator.calibrate.released import Released, score_released
from curator.calibrate.score import Confusion, Score, kept_spans, score
from curator.calibrate.suggest import Suggestion, suggest
from curator.calibrate.table import ThresholdReport, thresholds
from curator.calibrate.trial import Bench, labelled, measured, verdicts_of
from curator.engine.footage import videos_of
from curator.engine.progress import Progress
from curator.engine.settled import released
from curator.engine.words import duration, fields
from curator.errors import UsageError
from curator.source.labels import read_labels
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings
from curator.store.store import Store

__all__ = ["Examination", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """How good a recipe is, in seconds of labelled footage."""

    recipe: str
    targets: tuple[str, ...]
    videos: int
    score: Score
    """By the thresholds alone: what they are to be judged by."""
    released: Released
    """By what a build would release: without copies, and within quotas."""
    beta: float
    thresholds: tuple[ThresholdReport, ...]
    confusion: Confusion
    suggestions: tuple[Suggestion, ...] | None
    flips: tuple[FlipReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {
            "recipe": self.recipe,
            "right": list(self.targets),
            "videos": self.videos,
            "precision": self.score.precision,
            "recall": self.score.recall,
            "f": self.score.f(self.beta),
            "beta": self.beta,
            "seconds_right": float(self.score.right),
            "seconds_kept": float(self.score.kept),
            "seconds_hit": float(self.score.hit),
            "released": self.released.to_json(),
            "kept_wrong": _floats(self.confusion.kept_wrong),
            "lost": _floats(self.confusion.lost),
            "stopped": {why: _floats(by) for why, by in sorted(self.confusion.stopped.items())},
            "thresholds": [
                {**fields(one), "bounds": [fields(bound) for bound in one.bounds]}
                for one in self.thresholds
            ],
            "suggestions": None
            if self.suggestions is None
            else [fields(one) for one in self.suggestions],
            "flips": [{**fields(one), "rate": one.rate} for one in self.flips],
        }

    def lines(self) -> list[str]:
        """The report for people."""
        return [
            *self._head(),
            *self.released.lines(),
            *self._table(),
            *self._confusion(),
            *self._suggested(),
            *self._flipped(),
        ]

    def _head(self) -> Iterator[str]:
        one = self.score
        yield (
            f"{self.recipe}: precision {_share(one.precision)}, recall {_share(one.recall)}, "
            f"F{self.beta:g} {one.f(self.beta):.3f} on {self.videos} labelled "
            f"video{'s' * (self.videos != 1)}"
        )
        yield (
            f"  {duration(float(one.right))} are right ({', '.join(self.targets)}); "
            f"kept {duration(float(one.kept))} of what is labelled, "
            f"{duration(float(one.kept - one.hit))} of it wrong"
        )

    def _table(self) -> Iterator[str]:
        yield (
            f"  {'threshold':<22} {'right pass':>10} {'wrong pass':>10} {'margin':>9} "
            f"{'alone costs':>12} {'alone stops':>12}"
        )
        for one in self.thresholds:
            margins = [b.right_margin for b in one.bounds if b.right_margin is not None]
            margin = f"{min(margins):+.3g}" if margins else ""
            yield (
                f"  {one.name:<22} {_percent(one.right_pass):>10} {_percent(one.wrong_pass):>10} {margin:>9} "
                f"{duration(one.alone_costs_seconds):>12} {duration(one.alone_stops_seconds):>12}  {one.about}"
            )

    def _confusion(self) -> Iterator[str]:
        for why, seconds in _largest(self.confusion.kept_wrong):
            yield f"  kept, though {why}: {duration(float(seconds))}"
        for reason, seconds in _largest(self.confusion.lost):
            yield f"  right, but dropped by {reason}: {duration(float(seconds))}"
        for why, by in sorted(self.confusion.stopped.items()):
            said = ", ".join(f"{name} {duration(float(s))}" for name, s in _largest(by)[:4])
            yield f"  {why}: stopped by {said}"

    def _suggested(self) -> Iterator[str]:
        if self.suggestions is None:
            return
        if not self.suggestions:
            yield "  no other bound does better on footage that the choice did not see"
        for one in self.suggestions:
            yield (
                f"  try {one.path}={one.value:g} (now {one.was:g}): precision {_share(one.precision)}, "
                f"recall {_share(one.recall)}, F{self.beta:g} {one.f:.3f}; "
                f"{one.gain:+.3f} on footage that the choice did not see"
            )

    def _flipped(self) -> Iterator[str]:
        for one in self.flips:
            why = ", ".join(f"{name} {duration(s)}" for name, s in list(one.reasons.items())[:3])
            yield (
                f"  {one.alteration} ({one.about}): {one.rate:.1%} of verdicts flip; "
                f"{duration(one.lost_seconds)} lost of {duration(one.kept_before_seconds)} kept, "
                f"{duration(one.won_seconds)} won{f'; lost to {why}' if why else ''}"
            )


def examine(
    recipe: Recipe,
    settings: Settings,
    progress: Progress,
    *,
    beta: float = 1.0,
    suggesting: bool = False,
    altering: bool = False,
) -> Examination:
    """Measure labelled footage in full, and compare the verdicts with the labels.

    Raises:
        UsageError: ``usage-no-labels``.
        SourceError: for labels that cannot be read or fit no video.
        MeasureError: when a measure cannot run.
    """
    if settings.labels.url is None:
        raise UsageError(
            "which seconds are right?",
            reason="usage-no-labels",
            hint="labels.url=FILE (.csv, .jsonl or .json: video, start_seconds, end_seconds, label, why)",
        )
    labels = read_labels(settings.labels.url)
    targets = tuple((settings.labels.right or recipe.target).split(","))
    with Store.open(Path(settings.store.root)) as store:
        plan, seen = measured(recipe, settings.engine, store, progress)
        videos = labelled(seen, videos_of(recipe), labels, targets)
        bench = Bench(recipe, videos)
        # Clips of videos that nobody labelled take part: they may be the better copy.
        said = verdicts_of(plan, seen)
        left = released(plan, seen, said, out=Path(settings.out))
        number = {id(one): k for k, one in enumerate(seen)}
        ours = [number[id(video.seen)] for video in videos]
        verdicts = [said[k] for k in ours]
        whole = score(videos, [kept_spans(said) for said in verdicts])
        confusion = Confusion()
        for video, one in zip(videos, verdicts, strict=True):
            confusion.see(video, one)
        found = flips(
            recipe, videos, verdicts, engine=settings.engine, store=store, progress=progress
        )
        return Examination(
            recipe=recipe.name,
            targets=targets,
            videos=len(videos),
            score=whole,
            released=score_released(videos, verdicts, [left[k] for k in ours]),
            beta=beta,
            thresholds=tuple(thresholds(plan, bench, verdicts, whole)),
            confusion=confusion,
            suggestions=tuple(suggest(recipe, bench, beta=beta)) if suggesting else None,
            flips=tuple(found) if altering else (),
        )


def _floats(seconds: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in _largest(seconds)}


def _largest(seconds: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(seconds.items(), key=lambda pair: (-pair[1], pair[0]))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
