"""Do verdicts stand when the same footage comes in slightly different form? (metamorphic testing)"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from curator.calibrate.score import kept_spans
from curator.calibrate.trial import Labelled, measured, verdicts_of
from curator.engine.progress import Progress
from curator.errors import MediaError
from curator.media.alter import Alteration, alter
from curator.model.span import Span, subtract, total_seconds
from curator.plan.verdicts import Verdicts
from curator.source.address import is_local, local_path
from curator.spec.recipe import Recipe, SourceSpec
from curator.spec.settings import EngineSpec
from curator.store.store import Store

__all__ = ["FlipReport", "flips"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipReport:
    """One alteration of all labelled videos."""

    alteration: str
    about: str
    seconds: float
    """Footage compared."""
    kept_before_seconds: float
    lost_seconds: float
    """Kept before, not after."""
    won_seconds: float
    """Kept after, not before."""
    reasons: dict[str, float]
    """Condition to seconds of the lost that it dropped."""

    @property
    def rate(self) -> float:
        """Share of footage whose verdict flipped."""
        return (self.lost_seconds + self.won_seconds) / self.seconds if self.seconds else 0.0


_ABOUT = {
    Alteration.reencoded: "H.264 crf 30",
    Alteration.brighter: "8 of 255 luma levels brighter",
    Alteration.smaller: "three quarters of the width and height",
}


def flips(
    recipe: Recipe,
    videos: Sequence[Labelled],
    verdicts: Sequence[Verdicts],
    *,
    engine: EngineSpec,
    store: Store,
    progress: Progress,
) -> Iterator[FlipReport]:
    """Every alteration of every labelled local video, measured in full and judged again."""
    with tempfile.TemporaryDirectory(prefix="altered-", dir=store.scratch) as folder:
        for alteration in Alteration:
            yield _flips(
                recipe, videos, verdicts, alteration, Path(folder), engine, store, progress
            )


def _flips(
    recipe: Recipe,
    videos: Sequence[Labelled],
    verdicts: Sequence[Verdicts],
    alteration: Alteration,
    folder: Path,
    engine: EngineSpec,
    store: Store,
    progress: Progress,
) -> FlipReport:
    before: dict[str, tuple[Span, ...]] = {}
    seconds = Fraction(0)
    for number, (video, said) in enumerate(zip(videos, verdicts, strict=True)):
        out = folder / f"{number}.{alteration.name}.mkv"
        if not is_local(video.seen.ref.url) or not _altered(video, out, alteration, progress):
            continue
        before[out.name] = kept_spans(said)
        seconds += video.seen.probe.info.duration_seconds
    after, rows = _again(recipe, folder / f"*.{alteration.name}.mkv", engine, store, progress)
    lost = {name: subtract(spans, after.get(name, ())) for name, spans in before.items()}
    won = [s for name, spans in after.items() for s in [subtract(spans, before.get(name, ()))]]
    return FlipReport(
        alteration=alteration.name,
        about=_ABOUT[alteration],
        seconds=float(seconds),
        kept_before_seconds=float(sum((total_seconds(s) for s in before.values()), Fraction(0))),
        lost_seconds=float(sum((total_seconds(s) for s in lost.values()), Fraction(0))),
        won_seconds=float(sum((total_seconds(s) for s in won), Fraction(0))),
        reasons=_reasons(lost, rows),
    )


def _altered(video: Labelled, out: Path, alteration: Alteration, progress: Progress) -> bool:
    try:
        alter(local_path(video.seen.ref.url), out, alteration)
    except MediaError as error:
        progress.note(f"left out: {error.message}")
        out.unlink(missing_ok=True)
        return False
    return True


def _again(
    recipe: Recipe, files: Path, engine: EngineSpec, store: Store, progress: Progress
) -> tuple[dict[str, tuple[Span, ...]], dict[str, Verdicts]]:
    source = SourceSpec(url=str(files), license="unchecked")
    altered = dataclasses.replace(recipe, sources={"altered": source}, splits={})
    plan, seen = measured(altered, engine, store, progress)
    kept: dict[str, tuple[Span, ...]] = {}
    rows: dict[str, Verdicts] = {}
    for one, said in zip(seen, verdicts_of(plan, seen), strict=True):
        name = local_path(one.ref.url).name
        kept[name], rows[name] = kept_spans(said), said
    return kept, rows


def _reasons(lost: dict[str, tuple[Span, ...]], rows: dict[str, Verdicts]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, spans in lost.items():
        said = rows.get(name)
        for row in said.rows if said is not None else ():
            inside = sum((p.seconds for s in spans if (p := row.span.clip(s))), Fraction(0))
            if inside:
                reason = row.threshold or row.reason
                out[reason] = out.get(reason, 0.0) + float(inside)
    return dict(sorted(out.items(), key=lambda pair: -pair[1]))
