"""What became of every second of a video, as a strip to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curator.model.clip import Decision, Row
from curator.model.outcome import Outcome
from curator.pack.schema import readable
from curator.release import words

__all__ = ["WIDTH", "Part", "Strip", "strips"]

WIDTH = 1000.0
"""Drawing units of a whole video."""
_MOST_PARTS = 6000
_MOST_STRIPS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Neighbouring seconds with one verdict."""

    kind: str
    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One video."""

    name: str
    url: str
    seconds: float
    kept_seconds: float
    parts: tuple[Part, ...]
    shots: tuple[float, ...]
    """Where shots begin, in drawing units."""


def strips(outcomes: Iterable[Outcome]) -> tuple[tuple[Strip, ...], int]:
    """A strip per video by url, and how many videos were left out to keep the report small."""
    shown: list[Strip] = []
    parts = skipped = 0
    for outcome in sorted(outcomes, key=lambda one: (one.ref.url, one.ref.source)):
        if not outcome.rows:
            continue
        runs = _runs(sorted(outcome.rows, key=lambda one: one.span))
        parts += len(runs)
        if shown and (len(shown) == _MOST_STRIPS or parts > _MOST_PARTS):
            skipped += 1
            continue
        shown.append(_strip(outcome, runs))
    return tuple(shown), skipped


def _runs(rows: Sequence[Row]) -> list[list[Row]]:
    """Neighbours with the same verdict and reason together; each kept clip stays alone."""
    runs: list[list[Row]] = []
    for row in rows:
        if runs and _joins(runs[-1][-1], row):
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _joins(left: Row, right: Row) -> bool:
    same = (left.decision, left.reason) == (right.decision, right.reason)
    return same and left.decision is not Decision.kept and left.span.end == right.span.start


def _strip(outcome: Outcome, runs: Sequence[Sequence[Row]]) -> Strip:
    end = float(max(run[-1].span.end for run in runs))
    kept = (row.seconds for row in outcome.rows if row.decision is Decision.kept)
    url = readable(outcome.ref.url) or ""
    return Strip(
        name=url.rstrip("/").rsplit("/", 1)[-1],
        url=url,
        seconds=end,
        kept_seconds=float(sum(kept, start=0)),
        parts=tuple(_part(run, end) for run in runs),
        shots=tuple(round(WIDTH * float(shot.span.start) / end, 2) for shot in outcome.shots[:400]),
    )


def _part(run: Sequence[Row], end: float) -> Part:
    start, stop = float(run[0].span.start), float(run[-1].span.end)
    row = run[0]
    why = "" if row.reason == "ok" else f": {row.reason}"
    return Part(
        kind=row.decision.value,
        x=round(WIDTH * start / end, 2),
        width=round(WIDTH * (stop - start) / end, 2),
        title=f"{words.timecode(start)} to {words.timecode(stop)} · {row.decision.value}{why}",
    )
