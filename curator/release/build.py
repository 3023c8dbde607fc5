"""A build from end to end: recipes in, releases out."""

from __future__ import annotations

import importlib.metadata
import math
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.engine.compile import plan_for
from curator.engine.earlier import earlier_clips, earlier_versions, footprints_table
from curator.engine.footage import videos_of
from curator.engine.progress import Progress
from curator.engine.run import Counters, Ran, run
from curator.engine.tracks import TRACKS
from curator.engine.words import duration
from curator.errors import BuildError, StoreError
from curator.model.clip import Decision, Unit
from curator.model.outcome import FunnelStep, Sample, SignalInfo, TrackInfo
from curator.model.signal import SignalSpec
from curator.model.video import VideoRef
from curator.pack.tracks import describe_track
from curator.plan.checks import Check
from curator.plan.crop import CROP_VERSION
from curator.plan.funnel import funnel
from curator.plan.logical import POSTER, SHOTS
from curator.plan.physical import Plan
from curator.plan.snap import SNAP_SIGNALS
from curator.plan.sync import SYNC_SIGNALS
from curator.release.content import Release, ReleaseContent
from curator.release.posters import StoredPosters
from curator.release.reasons import reasons
from curator.release.write import write
from curator.spec.crops import CROP, is_boxed
from curator.spec.document import document
from curator.spec.manifests import column_of
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings
from curator.spec.told import TOLD
from curator.store.key import canonical
from curator.store.store import Store

__all__ = ["BuildResult", "build"]

_LIBRARIES = ("av", "numpy", "opencv-python-headless", "pillow", "pyarrow")
"""Libraries whose version can change what a build computes or writes."""

_CROP_TRACK = TrackInfo(
    name=CROP,
    of="sample.video",
    unit="px",
    about="the part of the source that each frame shows, before it was scaled: x and y of the top left corner, width and height in pixels of the source, as shown",
    op="crop",
    version=CROP_VERSION,
    shape=(4,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What a build made, in figures."""

    recipe: Recipe
    release: Release
    funnel: tuple[FunnelStep, ...]
    hours_in: float
    hours_kept: float
    clips: Mapping[str, int]
    videos: Mapping[str, int]
    frames_decoded: int
    frames_encoding: int
    seconds: float
    over_budget: BuildError | None
    """Set when more videos failed than the recipe allows."""

    def to_json(self) -> dict[str, Any]:
        """The facts, as the last line of ``--json`` shows them."""
        return {
            "recipe": self.recipe.name,
            "release": str(self.release.folder),
            "report": str(self.release.folder / "report.html"),
            "version": self.release.version,
            "digest": self.release.digest,
            "hours_in": self.hours_in,
            "hours_kept": self.hours_kept,
            "clips": dict(self.clips),
            "videos": dict(self.videos),
            "frames_decoded": self.frames_decoded,
            "frames_decoded_to_encode": self.frames_encoding,
            "seconds": round(self.seconds, 3),
            "over_budget": self.over_budget is not None,
            "funnel": [
                {name: getattr(step, name) for name in FunnelStep.__dataclass_fields__}
                for step in self.funnel
            ],
        }

    def lines(self) -> list[str]:
        """The funnel and where everything lies, for people."""
        total = self.hours_in * 3600
        out = [f"{self.recipe.name}: {duration(self.hours_kept * 3600)} of {duration(total)} kept"]
        out.append(f"  {'step':<20} {'left':>10} {'lost':>10} {'clips':>7}  condition")
        out += [line for step in self.funnel for line in _step_lines(step)]
        out.append(
            f"  {self.clips['kept']} clips kept, {self.clips['dropped']} dropped, "
            f"{self.clips['unscored']} unscored; {self.videos['ok']} videos read, "
            f"{self.videos['failed']} failed"
        )
        out.append(
            f"  {self.frames_decoded} frames decoded ({self.frames_encoding} to encode) "
            f"in {duration(self.seconds)}"
        )
        out.append(f"release  {self.release.folder}")
        out.append(f"report   {self.release.folder / 'report.html'}")
        return out


def build(recipes: Sequence[Recipe], settings: Settings, progress: Progress) -> list[BuildResult]:
    """Build every recipe in one go; they share decodes, facts and encoded clips.

    Raises:
        CuratorError: when nothing could be built. Too many failed videos do not raise: the release
            is there, and `BuildResult.over_budget` says so.
    """
    begun = time.monotonic()
    out = Path(settings.out)
    _make(out)
    with Store.open(Path(settings.store.root)) as store:
        plans = [plan_for(recipe, settings.engine, store, seal=True) for recipe in recipes]
        wanted: list[tuple[Plan, Sequence[VideoRef]]] = [
            (plan, videos_of(plan.recipe)) for plan in plans
        ]
        versions = [earlier_versions(plan, out=out) for plan in plans]
        earlier = {n: tuple(earlier_clips(plans[n], one)) for n, one in enumerate(versions) if one}
        runs, counters = run(
            wanted, store=store, engine=settings.engine, progress=progress, earlier=earlier
        )
        results = []
        for ran, against in zip(runs, versions, strict=True):
            steps = funnel(ran.plan, ran.outcomes, ran.comeback)
            release = write(out, _content(ran, steps, store, against))
            store.pin(str(release.folder.resolve()), ran.keys)
            store.record_build(
                name=ran.plan.recipe.name,
                release=str(release.folder.resolve()),
                digest=release.digest,
                recipe=canonical(document(ran.plan.recipe)),
            )
            results.append(_result(ran, release, steps, counters, time.monotonic() - begun))
        return results


def _make(out: Path) -> None:
    """Before anything is measured: a folder that cannot be written is found out at once."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".try-", dir=out):
            pass
    except OSError as error:
        raise StoreError(
            f"releases cannot be written to {out}: {error.strerror or error}",
            reason="out-unusable",
            hint="name another folder: out=DIR",
        ) from error


def _content(
    ran: Ran, steps: tuple[FunnelStep, ...], store: Store, against: Iterable[str]
) -> ReleaseContent:
    plan = ran.plan
    return ReleaseContent(
        recipe=plan.recipe,
        document=document(plan.recipe),
        outcomes=ran.outcomes,
        samples=ran.samples,
        signals=signal_infos(plan),
        funnel=steps,
        lock={
            "versions": _versions(),
            "weights": {
                f"{name}.{weight.name}": {
                    "url": weight.url,
                    "sha256": weight.sha256,
                    "license": weight.license,
                    "source": weight.source,
                }
                for name, node in plan.nodes.items()
                for weight in node.measure.weights
            },
            "plan": plan.document(),
            "against": sorted(against),
        },
        posters=StoredPosters(store, plan, ran.outcomes),
        tracks=track_infos(plan, ran.samples),
        footprints=footprints_table(plan, ran.contenders, ran.samples),
        reasons=reasons(plan.recipe),
    )


def track_infos(plan: Plan, samples: Sequence[Sample]) -> tuple[TrackInfo, ...]:
    """Every track that is released with the samples of a plan, by name; sidecars' that no sample has are none."""
    out = []
    for name, operand in sorted(plan.logical.tracks.items()):
        measure = plan.nodes[operand.measure].measure
        spec = next(one for one in measure.series if one.name == operand.series)
        out.append(
            TrackInfo(
                name=name,
                of=operand.name,
                unit=spec.unit,
                about=spec.about,
                op=operand.op,
                version=measure.version,
                shape=spec.shape,
            )
        )
    if is_boxed(plan.recipe.sample.video):
        out.append(_CROP_TRACK)
    for name in sorted(plan.logical.sidecars):
        of = plan.recipe.sample.tracks[name].of
        held = (one.tracks.get(f"{TRACKS}.{name}") for one in samples)
        path = next((path for path in held if path is not None), None)
        if path is not None:
            out.append(describe_track(name, of, path))
    return tuple(out)


def signal_infos(plan: Plan) -> dict[str, SignalInfo]:
    """Every column that the metrics of a plan have."""
    out: dict[str, SignalInfo] = {}
    for name, node in plan.nodes.items():
        if name in (SHOTS, POSTER, *plan.logical.for_sync):
            continue
        specs = [(f"{name}.{s.name}", s) for s in node.measure.signals]
        specs += [
            (
                f"{name}.{s.name}.median",
                SignalSpec(name=s.name, unit=s.unit, about=f"median of: {s.about}"),
            )
            for s in node.measure.series
            if s.shape == ()
        ]
        out |= {
            column: SignalInfo(
                name=column, unit=s.unit, about=s.about, op=node.op, version=node.measure.version
            )
            for column, s in specs
        }
    for check in plan.logical.checks:
        _add_threshold(out, plan, check)
    for operand in plan.logical.asked:
        if operand.name not in out:
            node = plan.nodes[operand.measure]
            about = f"{operand.stat} of {operand.measure}.{operand.series}"
            out[operand.name] = SignalInfo(
                name=operand.name,
                unit=operand.unit,
                about=about,
                op=node.op,
                version=node.measure.version,
            )
    return out | _snap_infos(plan) | _sync_infos(plan) | _selection_infos(plan)


def _snap_infos(plan: Plan) -> dict[str, SignalInfo]:
    """Columns of what the ends of clips lie at."""
    if plan.recipe.segment.snap is None:
        return {}
    return {
        name: SignalInfo(name=name, unit="name", about=about, op="snap", version=1)
        for name, about in SNAP_SIGNALS.items()
    }


def _sync_infos(plan: Plan) -> dict[str, SignalInfo]:
    """Columns of the proofs of synchrony."""
    out = {}
    for one in plan.logical.alignments:
        spec, bound = one.spec, one.spec.max_offset_seconds
        thresholds: dict[str, tuple[float | None, float | None]] = {
            "offset_seconds": (-bound, bound),
            "confidence": (spec.min_confidence, None),
        }
        for name, (unit, about) in SYNC_SIGNALS.items():
            column = f"sync.{one.name}.{name}"
            held = {f"align.{one.name}": thresholds[name]} if name in thresholds else {}
            out[column] = SignalInfo(
                name=column,
                unit=unit or "of the aligner",
                about=about,
                op=one.aligner.name,
                version=one.aligner.version,
                thresholds=held,
            )
    return out


def _selection_infos(plan: Plan) -> dict[str, SignalInfo]:
    """Columns of what is decided over all videos at once; names of twins and groups come with their rows."""
    distinct = plan.recipe.distinct
    if distinct is None:
        return {}
    about = {
        "distinct.copies": ("count", "clips that fell as copies of this one"),
        "distinct.distance": ("ratio", "distance of a copy to the clip that stays"),
        "distinct.shift_seconds": ("s", "how much later its twin shows the same"),
    }
    return {
        name: SignalInfo(name=name, unit=unit, about=text, op="distinct", version=1)
        for name, (unit, text) in about.items()
    }


def _add_threshold(out: dict[str, SignalInfo], plan: Plan, check: Check) -> None:
    operand = check.operand
    node = plan.nodes.get(operand.measure)
    if node is None and operand.per_frame:
        return  # a track says nothing of clips that nobody asked it
    column = check.column + (".median" if operand.per_frame else "")
    info = out.get(column)
    about = f"{operand.stat} of {operand.measure}.{operand.series}" if info is None else info.about
    column_asked = column_of(operand)
    if column_asked is not None:
        about = f"what the manifest says of the video in its column {column_asked}"
    elif node is None and operand.signal is not None:
        about = TOLD[operand.signal][1]
    bounds = (check.low, check.high)
    if isinstance(check.equals, int | float):
        bounds = (float(check.equals), float(check.equals))
    out[column] = SignalInfo(
        name=column,
        unit=operand.unit,
        about=about,
        op=operand.op,
        version=1 if node is None else node.measure.version,
        thresholds={**(info.thresholds if info else {}), check.name: bounds},
    )


def _result(
    ran: Ran, release: Release, steps: tuple[FunnelStep, ...], counters: Counters, seconds: float
) -> BuildResult:
    rows = [row for outcome in ran.outcomes for row in outcome.rows]
    failed = sum(bool(outcome.failures) for outcome in ran.outcomes)
    kept = math.fsum(float(row.seconds) for row in rows if row.decision is Decision.kept)
    return BuildResult(
        recipe=ran.plan.recipe,
        release=release,
        funnel=steps,
        hours_in=math.fsum(float(row.seconds) for row in rows) / 3600,
        hours_kept=kept / 3600,
        clips={
            decision.name: sum(row.decision is decision and row.unit is Unit.clip for row in rows)
            for decision in Decision
        },
        videos={"ok": len(ran.outcomes) - failed, "failed": failed},
        frames_decoded=counters.frames_decoded,
        frames_encoding=counters.frames_encoding,
        seconds=seconds,
        over_budget=_budget(ran.plan.recipe, failed, len(ran.outcomes)),
    )


def _budget(recipe: Recipe, failed: int, videos: int) -> BuildError | None:
    if failed <= recipe.max_failed * videos:
        return None
    return BuildError(
        f"{failed} of {videos} videos failed, more than the recipe allows ({recipe.max_failed:.0%})",
        reason="too-many-failed",
        hint="failures.parquet in the release says which and why; `max_failed` in the recipe sets the budget",
    )


def _versions() -> dict[str, str]:
    return {
        "curator": importlib.metadata.version("curator-build"),
        **{name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def _step_lines(step: FunnelStep) -> list[str]:
    lost = step.seconds_in - step.seconds_out
    if lost <= 0 and not step.name.startswith(("where.", "keep.")):
        return []
    clips = "" if step.clips_out is None else str(step.clips_out)
    alone = f"  (alone: {duration(step.unique_seconds)})" if step.unique_seconds else ""
    left = f"{duration(step.seconds_out):>10} {duration(lost):>10} {clips:>7}"
    return [f"  {step.name:<20} {left}  {step.about}{alone}"]
