"""What a look at plans and previews tells, as records and in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curator.engine.words import duration, fields
from curator.model.outcome import FunnelStep
from curator.plan.funnel import selection_steps
from curator.plan.physical import Plan
from curator.spec.recipe import Recipe

__all__ = ["PassReport", "PlanReport", "PreviewReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReport:
    """What one pass would do."""

    index: int
    scope: str
    nodes: tuple[str, ...]
    checks: tuple[str, ...]
    cached_seconds: float
    """Footage of known videos that needs nothing from this pass any more."""
    run_seconds: float
    """Footage that must be measured, as far as it is known."""
    expected_seconds: float
    """Footage that later passes are expected to see, by pass rates."""
    cpu_seconds: float
    why: Mapping[str, str]
    """Node to the reason why it must run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """The plan of every recipe, with what is cached, what runs, why, and what it should take."""

    plans: tuple[Plan, ...]
    passes: tuple[tuple[PassReport, ...], ...]
    videos: tuple[tuple[int, int], ...]
    """(videos, videos that no build has opened yet) per recipe."""
    hours_in: tuple[float, ...]
    """Of the videos that have been opened before."""
    hours_new: tuple[float, ...]
    """Of the others: a guess from a few of them and everybody's size; local files only."""
    hours_kept: tuple[float, ...]
    """Expected, of both: what is known, and pass rates for the rest."""
    workers: int
    better: tuple[tuple[list[tuple[str, ...]], float] | None, ...]
    """(nodes per pass, share saved) where costs and rates of earlier builds would order passes otherwise."""

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        recipes = [
            {
                **plan.document(),
                "passes": [fields(p) for p in passes],
                "videos": videos,
                "videos_new": new,
                "hours_in": hours_in,
                "guessed_hours_new": hours_new,
                "expected_hours_kept": kept,
                "learned_cascade": None
                if one_better is None
                else {"passes": one_better[0], "saves": one_better[1]},
                "expected_cpu_seconds": sum(p.cpu_seconds for p in passes),
                "expected_seconds": sum(p.cpu_seconds for p in passes) / self.workers,
            }
            for (plan, passes, (videos, new), hours_in, hours_new, kept), one_better in zip(
                self._by_recipe(), self.better, strict=True
            )
        ]
        return {"plans": recipes, **(recipes[0] if len(recipes) == 1 else {})}

    def lines(self) -> list[str]:
        """The plan for people."""
        out: list[str] = []
        for plan, passes, (videos, new), hours_in, hours_new, kept in self._by_recipe():
            out.append(
                f"{plan.recipe.name}: {videos} video{'s' * (videos != 1)}, {new} never opened; "
                f"{duration(hours_in * 3600)} known"
                + (f", about {duration(hours_new * 3600)} new" if new else "")
            )
            for one in passes:
                out += _pass_lines(one)
            for name, about in selection_steps(plan):
                out.append(f"  then    {name:<20} {about}")
            total = sum(one.cpu_seconds for one in passes)
            out.append(
                f"  expected: {duration(total / self.workers)} with {self.workers} "
                f"worker{'s' * (self.workers != 1)}; about {duration(kept * 3600)} kept"
            )
        for better in self.better:
            if better is not None:
                order = "; ".join(", ".join(group) for group in better[0][1:]) or "one pass"
                out.append(
                    f"  learnt from earlier builds: {better[1]:.0%} less for dear measures in the order "
                    f"[{order}]: engine.cascade=learned"
                )
        return out

    def _by_recipe(
        self,
    ) -> Iterator[tuple[Plan, tuple[PassReport, ...], tuple[int, int], float, float, float]]:
        return zip(
            self.plans,
            self.passes,
            self.videos,
            self.hours_in,
            self.hours_new,
            self.hours_kept,
            strict=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewReport:
    """What a recipe would keep, from stored facts alone."""

    recipe: Recipe
    funnel: tuple[FunnelStep, ...]
    seconds: Mapping[str, float]
    """By decision."""
    clips: Mapping[str, int]
    not_measured_seconds: float
    """Of the unscored, what some build would have to measure first."""
    videos: int
    videos_new: int

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        total = math.fsum(self.seconds.values())
        return {
            "recipe": self.recipe.name,
            "hours_in": total / 3600,
            "hours_kept": self.seconds["kept"] / 3600,
            "hours_dropped": self.seconds["dropped"] / 3600,
            "hours_unscored": self.seconds["unscored"] / 3600,
            "hours_not_measured": self.not_measured_seconds / 3600,
            "yield": self.seconds["kept"] / total if total else 0.0,
            "clips": dict(self.clips),
            "videos": self.videos,
            "videos_new": self.videos_new,
            "frames_decoded": 0,
            "funnel": [fields(step) for step in self.funnel],
        }

    def lines(self) -> list[str]:
        """The preview for people."""
        kept, total = self.seconds["kept"], math.fsum(self.seconds.values())
        share = kept / total if total else 0.0
        out = [f"{self.recipe.name}: {duration(kept)} of {duration(total)} kept ({share:.1%})"]
        out[0] += f", {self.clips['kept']} clips; nothing was decoded"
        out += [
            f"  {step.name:<22} {duration(step.seconds_out):>10}   -{duration(step.seconds_in - step.seconds_out):<10} {step.about}"
            for step in self.funnel
            if step.seconds_in != step.seconds_out
        ]
        if self.not_measured_seconds or self.videos_new:
            out.append(
                f"  not measured yet: {duration(self.not_measured_seconds)} and {self.videos_new} "
                "videos; `curator build` would measure them"
            )
        return out


def _pass_lines(one: PassReport) -> Iterator[str]:
    what = ", ".join(one.nodes) or "header and packets"
    yield f"  pass {one.index}  {one.scope:<11} {what}"
    if one.checks:
        yield f"          then judges {', '.join(one.checks)}"
    yield (
        f"          cached {duration(one.cached_seconds)}, to run {duration(one.run_seconds)}"
        + (f", expected {duration(one.expected_seconds)}" if one.expected_seconds else "")
        + f"; {duration(one.cpu_seconds)} of CPU"
    )
    for node, why in one.why.items():
        yield f"          {node}: {why}"
