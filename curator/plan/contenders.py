"""Clips that every threshold keeps, with what it takes to compare them with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.clip import Decision, Row
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.plan.logical import PHASH, Node
from curator.plan.physical import Plan
from curator.select.footprint import Footprint

__all__ = ["Contender", "contenders"]

Vector: TypeAlias = npt.NDArray[np.float32]


class _Series(Protocol):
    def series(self, node: Node) -> Mapping[str, Series]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contender:
    """One clip, as `settle` sees it. Everything comes from facts, and nothing of the video is kept alive."""

    fingerprint: str
    """Of the video."""
    span: Span
    name: str
    """For people: ``URL@SECONDS`` as `curator explain` takes it, or ``VERSION:ID`` in an earlier release."""
    source: str
    signals: Mapping[str, Signal]
    footprint: Footprint | None
    """None when pictures are not compared."""
    vectors: Mapping[str, Vector] = field(default_factory=dict)
    """``measure.series`` to the clip's unit vector; left out where the clip has none."""
    earlier_split: str | None = None
    """Its split, for a clip of an earlier release; None for one of this build."""


def contenders(
    plan: Plan, *, url: str, source: str, fingerprint: str, rows: Sequence[Row], known: _Series
) -> tuple[Contender, ...]:
    """The kept clips of one video."""
    return tuple(
        Contender(
            fingerprint=fingerprint,
            span=row.span,
            name=f"{url}@{float(row.span.start):.3f}",
            source=source,
            signals=row.signals,
            footprint=_footprint(plan, row.span, known),
            vectors=_vectors(plan, row.span, known),
        )
        for row in rows
        if row.decision is Decision.kept
    )


def _footprint(plan: Plan, span: Span, known: _Series) -> Footprint | None:
    distinct = plan.recipe.distinct
    if distinct is None or not distinct.pictures:
        return None
    series = known.series(plan.nodes[PHASH])
    inside = {name: one.within(span) for name, one in series.items()}
    return Footprint.of(inside, float(span.start)) if inside else None


def _vectors(plan: Plan, span: Span, known: _Series) -> dict[str, Vector]:
    out = {}
    for operand in plan.logical.vectors:
        series = known.series(plan.nodes[operand.measure]).get(operand.series or "")
        vector = None if series is None else _mean_direction(series.within(span).values)
        if vector is not None:
            out[operand.name] = vector
    return out


def _mean_direction(values: npt.NDArray[np.generic]) -> Vector | None:
    """The unit vector of the mean of unit vectors; None when no sample has one."""
    wide = values.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)  # NaN where a sample has no value
    held = lengths > 0
    if not held.any():
        return None
    mean = (wide[held] / lengths[held, None]).mean(axis=0)
    length = float(np.linalg.norm(mean))
    return (mean / length).astype(np.float32) if length > 0 else None
