"""One page that shows what a build did: self-contained, static, and the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from curator.model.clip import Decision, Unit
from curator.model.outcome import FunnelStep
from curator.release import histogram, timeline, words
from curator.release.content import ReleaseContent
from curator.release.facts import facts
from curator.release.sheets import sheets

__all__ = ["report"]

_MOST_HISTOGRAMS = 80
_MOST_FAILURES = 200
_MOST_SETTINGS_CHARS = 60_000


def report(content: ReleaseContent, *, version: str, digest: str) -> str:
    """``report.html``: no network, no scripts, every text escaped, at most about 5 MB."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "clean": words.clean,
        "duration": words.duration,
        "number": words.number,
        "percent": words.percent,
    }
    template = files("curator.release").joinpath("report.html.j2").read_text(encoding="utf-8")
    strips, strips_left_out = timeline.strips(content.outcomes)
    plots = _histograms(content)
    return environment.from_string(template).render(
        recipe=content.recipe,
        version=version,
        digest=digest,
        facts=facts(content),
        funnel=_funnel(content.funnel),
        strips=strips,
        strip_width=timeline.WIDTH,
        strips_left_out=strips_left_out,
        judged=[plot for plot in plots if plot.lines],
        others=[plot for plot in plots if not plot.lines],
        plot_size=(histogram.WIDTH, histogram.HEIGHT),
        sheets=sheets(content),
        failures=_failures(content),
        failures_shown=_MOST_FAILURES,
        settings=_settings(content.document),
        versions=_pairs(content.lock.get("versions", {})),
        weights=_weights(content.lock.get("weights", {})),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A line of the funnel with its bar: shares of all footage."""

    step: FunnelStep
    out_share: float
    lost_share: float
    unique_share: float
    lost_seconds: float
    lost_clips: int | None


def _funnel(funnel: Sequence[FunnelStep]) -> list[_Step]:
    whole = max((step.seconds_in for step in funnel), default=0.0) or 1.0
    return [
        _Step(
            step=step,
            out_share=round(100 * step.seconds_out / whole, 3),
            lost_share=round(100 * (step.seconds_in - step.seconds_out) / whole, 3),
            unique_share=round(100 * (step.unique_seconds or 0.0) / whole, 3),
            lost_seconds=step.seconds_in - step.seconds_out,
            lost_clips=_lost_clips(step),
        )
        for step in funnel
    ]


def _lost_clips(step: FunnelStep) -> int | None:
    if step.clips_in is None or step.clips_out is None:
        return None
    return step.clips_in - step.clips_out


def _histograms(content: ReleaseContent) -> list[histogram.Histogram]:
    """Plots of every signal that is a number; those that the recipe judges by come first."""
    clips = [row for one in content.outcomes for row in one.rows if row.unit is Unit.clip]
    names = sorted(content.signals, key=lambda name: (not content.signals[name].thresholds, name))
    plots = []
    for name in names[:_MOST_HISTOGRAMS]:
        values: dict[Decision, list[float]] = {kind: [] for kind in Decision}
        for row in clips:
            value = row.signals[name].value if name in row.signals else None
            if isinstance(value, int | float):
                values[row.decision].append(float(value))
        absent = len(clips) - sum(len(held) for held in values.values())
        plots.append(histogram.histogram(content.signals[name], values, absent=absent))
    return [plot for plot in plots if plot is not None]


def _failures(content: ReleaseContent) -> list[dict[str, str | None]]:
    return [
        {
            "video": outcome.ref.url,
            "stage": failure.stage,
            "reason": failure.reason,
            "op": failure.op,
            "message": failure.message,
        }
        for outcome in sorted(content.outcomes, key=lambda one: (one.ref.url, one.ref.source))
        for failure in sorted(
            outcome.failures, key=lambda one: (one.stage, one.reason, one.message)
        )
    ]


def _settings(document: Mapping[str, Any]) -> str:
    text = str(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100))
    if len(text) > _MOST_SETTINGS_CHARS:
        return text[:_MOST_SETTINGS_CHARS] + "\n… the rest is in recipe.yaml"
    return text


def _pairs(versions: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nested versions as dotted names."""
    lines: list[tuple[str, str]] = []
    for name, value in sorted(versions.items()):
        if isinstance(value, Mapping):
            lines += [(f"{name}.{inner}", text) for inner, text in _pairs(value)]
        else:
            lines.append((name, str(value)))
    return lines


def _weights(weights: Any) -> list[tuple[str, str]]:
    """Weights by name with whatever the lock says of each."""
    named = weights.items() if isinstance(weights, Mapping) else enumerate(weights)
    return [
        (str(name), _one_line(value) if isinstance(value, Mapping) else str(value))
        for name, value in named
    ]


def _one_line(value: Mapping[str, Any]) -> str:
    return " · ".join(f"{key}: {text}" for key, text in sorted(value.items()))
