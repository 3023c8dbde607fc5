"""Why a second of footage is in or out: every signal, threshold and margin, the pass it fell in, what is cached."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from curator.engine.compile import plan_for
from curator.engine.footage import known_fingerprint, videos_of
from curator.engine.inspect import Seen, look_at, open_store
from curator.engine.record import Recorder
from curator.engine.sample import sample_document
from curator.engine.settled import kept_clips, settle_seen
from curator.errors import SourceError
from curator.model.clip import Decision, Row, Shot
from curator.model.outcome import Failure
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.model.video import VideoRef
from curator.plan.checks import Check, Said
from curator.plan.contenders import Contender
from curator.plan.evaluate import advance, clip_signals
from curator.plan.logical import SNAP
from curator.plan.physical import Plan
from curator.plan.settle import Settled
from curator.plan.snap import SNAP_SIGNALS
from curator.plan.split import about_cut
from curator.plan.statistics import statistic
from curator.plan.sync import Alignment
from curator.plan.told import known_series
from curator.plan.verdicts import Verdicts
from curator.release.explanation import (
    ClipCut,
    ExplainReport,
    Explanation,
    JudgedCheck,
    NodeState,
)
from curator.release.read import newest
from curator.source.address import is_local, local_path
from curator.spec.document import recipe_from_document
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings
from curator.spec.told import track_of
from curator.store.key import digest
from curator.store.store import Store

__all__ = ["ExplainReport", "Explanation", "JudgedCheck", "explain"]


def explain(target: str, settings: Settings, recipe: Recipe | None) -> ExplainReport:
    """Explain a video, an instant of it, or a sample.

    Args:
        target: a url (or its last part), a fingerprint's beginning or a sample's id, with
            ``@SECONDS`` or ``@MM:SS`` for one instant.
        recipe: the recipe of the newest release below ``settings.out`` when None.

    Raises:
        SourceError: ``explain-unknown`` when nothing is known of the target.
    """
    name, instant = _parse(target)
    with open_store(settings) as opened:
        recipe = recipe or _released(settings, opened.store)
        plan = plan_for(recipe, settings.engine, opened.store, seal=False)
        refs = videos_of(recipe)
        failed = _failed(name, refs, recipe, opened.store)
        if failed is not None:
            return failed
        video, span = _find(name, refs, plan, opened.store)
        verdicts = advance(plan, video.probe, video.known, partial=True)
        assert isinstance(verdicts, Verdicts), "a partial look has no demand"
        assert opened.store is not None, "a video was found in a store"
        settled = _settled(plan, refs, opened.store, settings)
        rows = settled.rows(video.fingerprint, verdicts.rows)
        rows = tuple(row for row in rows if _meant(row, instant, span))
        if not rows:
            raise SourceError(
                f"{video.ref.url} has nothing at {target.rpartition('@')[2]} s: it is "
                f"{float(video.probe.info.duration_seconds):.3f} s long",
                reason="explain-outside",
            )
        look = _Look(plan, video, verdicts, opened.store)
        return ExplainReport(
            url=video.ref.url,
            fingerprint=video.fingerprint,
            recipe=recipe.name,
            explanations=tuple(look.explain(row, instant) for row in rows),
            failures=verdicts.failures,
        )


def _settled(
    plan: Plan, refs: Sequence[VideoRef], store: Store | None, settings: Settings
) -> Settled:
    """What is decided over all videos, as far as facts reach."""
    if not plan.logical.settles:
        return Settled()
    clips: list[Contender] = []
    for video in look_at(refs, plan, store):
        verdicts = advance(plan, video.probe, video.known, partial=True)
        assert isinstance(verdicts, Verdicts), "a partial look has no demand"
        clips += kept_clips(plan, video, verdicts)
    return settle_seen(plan, clips, out=Path(settings.out))


def _failed(
    name: str, refs: Sequence[VideoRef], recipe: Recipe, store: Store | None
) -> ExplainReport | None:
    """The explanation of a video that no build could open."""
    for ref in _named(name, refs) if store is not None else []:
        assert store is not None, "looked at only with a store"
        fingerprint = known_fingerprint(ref, store)
        found = Recorder(store).probe(fingerprint, retry=False) if fingerprint else None
        if isinstance(found, Failure):
            return ExplainReport(
                url=ref.url,
                fingerprint=fingerprint,
                recipe=recipe.name,
                explanations=(),
                failures=(found,),
            )
    return None


def _named(name: str, refs: Sequence[VideoRef]) -> list[VideoRef]:
    """The video that a name means: its url, another spelling of its path, or its file name alone.

    Raises:
        SourceError: ``explain-ambiguous`` when several files have that name.
    """
    exact = [ref for ref in refs if ref.url == name]
    same = [ref for ref in refs if is_local(ref.url) and _absolute(ref.url) == _absolute(name)]
    if exact or same:
        return exact or same
    if "/" in name:
        return [ref for ref in refs if ref.url.endswith(f"/{name.lstrip('./')}")][:1]
    alike = [ref for ref in refs if Path(ref.url).name == name]
    if len(alike) > 1:
        raise SourceError(
            f"{len(alike)} videos are called '{name}'",
            reason="explain-ambiguous",
            hint=f"say which: {', '.join(ref.url for ref in alike[:5])}",
        )
    return alike


def _absolute(url: str) -> str:
    return os.path.abspath(local_path(url))  # noqa: PTH100 - links stay as written


class _Look:
    def __init__(self, plan: Plan, video: Seen, verdicts: Verdicts, store: Store) -> None:
        self._plan = plan
        self._video = video
        self._shots = verdicts.shots
        self._cuts = verdicts.cuts
        self._store = store

    def explain(self, row: Row, instant: Fraction | None) -> Explanation:
        known = row.signals.keys() - SNAP_SIGNALS.keys()
        signals = row.signals if known else {**self._signals(row.span), **row.signals}
        return Explanation(
            row=row if known else _with(row, signals),
            sample=self._sample(row) if row.decision is Decision.kept else None,
            shot=_shot_at(self._shots, row.span.start if instant is None else instant),
            checks=(
                *(self._check(check, row, instant, signals) for check in self._plan.logical.checks),
                *(self._agreement(one, row) for one in self._plan.logical.alignments),
            ),
            nodes=tuple(self._node(name, row.span) for name in self._plan.nodes),
            cuts=tuple(
                ClipCut(
                    at_seconds=float(cut.at), by=cut.by, about=about_cut(cut, self._plan.logical)
                )
                for cut in self._cuts
                if cut.at in (row.span.start, row.span.end)
            ),
        )

    def _signals(self, span: Span) -> dict[str, Any]:
        """What the facts say of a span that is no clip, as far as they reach."""
        last = 0
        wanted = Tiles.covering([span]) & Tiles.all(self._video.probe.info.num_tiles)
        for stage in self._plan.passes:
            nodes = [self._plan.nodes[name] for name in stage.nodes]
            if any(n.measure.needs and wanted - self._video.known.covered(n) for n in nodes):
                break
            last = stage.index
        return clip_signals(self._plan, span, self._video.probe, self._video.known, last_stage=last)

    def _sample(self, row: Row) -> str:
        document = sample_document(self._plan, self._video.known, self._video.probe, row)
        return digest(document)[:16]

    def _check(
        self, check: Check, row: Row, instant: Fraction | None, signals: Mapping[str, Any]
    ) -> JudgedCheck:
        stage = next(p.index for p in self._plan.passes if check.name in p.checks)
        if check.name == SNAP:
            return self._ends(check, stage, signals)
        signal = signals.get(check.column)
        if check.operand.per_frame:
            signal = self._frame_signal(check, row, instant)
        if signal is None:
            return JudgedCheck(
                name=check.name, about=check.about, stage=stage,
                value=None, absent=None, margin=None, said="not-measured",
            )  # fmt: skip
        judgement = check.judge(signal)
        return JudgedCheck(
            name=check.name,
            about=check.about,
            stage=stage,
            value=signal.value,
            absent=signal.absent,
            margin=judgement.margin,
            said={Said.holds: "holds", Said.fails: "fails", Said.unknown: "unknown"}[
                judgement.said
            ],
        )

    def _ends(self, check: Check, stage: int, signals: Mapping[str, Any]) -> JudgedCheck:
        """What the ends of a clip were moved to."""
        text = self._plan.recipe.segment.snap.text if self._plan.recipe.segment.snap else None
        ends = [signals[name].value for name in SNAP_SIGNALS if name in signals]
        named = f"sentences of {text}, pauses of {check.column}" if text else check.column
        return JudgedCheck(
            name=check.name,
            about=f"clips begin and end by {named}",
            stage=stage,
            value=" to ".join(str(end) for end in ends) if ends else None,
            absent=None if ends else "no-clip",
            margin=None,
            said="holds" if ends else "not-measured",
        )

    def _agreement(self, alignment: Alignment, row: Row) -> JudgedCheck:
        """What was measured of one track's synchrony."""
        name = f"align.{alignment.name}"
        signal = row.signals.get(f"sync.{alignment.name}.offset_seconds")
        said = "not-measured" if signal is None else "holds"
        if row.threshold == name:
            said = "unknown" if row.decision is Decision.unscored else "fails"
        return JudgedCheck(
            name=name,
            about=alignment.about,
            stage=len(self._plan.passes) - 1,
            value=None if signal is None else signal.value,
            absent=None if signal is None else signal.absent,
            margin=row.margin if row.threshold == name else None,
            said=said,
        )

    def _frame_signal(self, check: Check, row: Row, instant: Fraction | None) -> Any:
        """A frame condition at one instant is about the sample shown then; over a row, its median."""
        known = self._video.known
        if track_of(check.operand) is not None:
            series = known_series(check.operand, known)
        else:
            node = self._plan.nodes[check.operand.measure]
            at = Tiles.covering([row.span]) & Tiles.all(self._video.probe.info.num_tiles)
            if at - known.covered(node):
                return None
            series = known.series(node).get(check.operand.series or "")
        if series is None:
            return statistic(None, "median")
        if instant is None:
            return statistic(series.within(row.span), "median")
        before = series.within(Span(min(row.span.start, instant), instant + series.time_base))
        return statistic(before.last(1) if len(before) else series.within(row.span), "median")

    def _node(self, name: str, span: Span) -> NodeState:
        node = self._plan.nodes[name]
        wanted = Tiles.covering([span]) & Tiles.all(self._video.probe.info.num_tiles)
        cached = not node.measure.needs or not wanted - self._video.known.covered(node)
        return NodeState(
            node=name,
            op=node.op,
            stage=self._plan.stage_of(name),
            cached=cached,
            why_not=None if cached else self._why_not(name, wanted),
        )

    def _why_not(self, name: str, wanted: Tiles) -> str:
        node = self._plan.nodes[name]
        failure = self._video.known.failure(node, wanted)
        if failure is not None:
            return f"failed: {failure.reason}"
        if self._video.known.covered(node):
            return "an earlier pass stopped this footage"
        document = self._video.known.document(node)
        changed = self._store.explain(document, node.op, self._video.fingerprint)
        return "; ".join(changed) or "an earlier pass stopped this video, or it was never measured"


def _find(
    name: str, refs: Sequence[VideoRef], plan: Plan, store: Store | None
) -> tuple[Seen, Span | None]:
    """The video that is meant; for a sample's id, the sample's span as well."""
    named = _named(name, refs)
    for video in look_at(named or refs, plan, store):
        if named or (len(name) >= 6 and video.fingerprint.startswith(name)):
            return video, None
        span = _sample_span(name, video, plan)
        if span is not None:
            return video, span
    known = ", ".join(sorted(ref.url for ref in refs)[:5])
    raise SourceError(
        f"nothing is known of '{name}'",
        reason="explain-unknown",
        hint="build it first" if named else f"name a video ({known} ...) or a sample's id",
    )


def _sample_span(name: str, video: Seen, plan: Plan) -> Span | None:
    if len(name) < 6 or not all(c in "0123456789abcdef" for c in name):
        return None
    verdicts = advance(plan, video.probe, video.known, partial=True)
    assert isinstance(verdicts, Verdicts), "a partial look has no demand"
    for row in verdicts.rows:
        document = sample_document(plan, video.known, video.probe, row)
        if row.decision is Decision.kept and digest(document).startswith(name):
            return row.span
    return None


def _parse(target: str) -> tuple[str, Fraction | None]:
    name, mark, time = target.rpartition("@")
    if not mark:
        return target, None
    try:
        parts = [Fraction(part) for part in time.split(":")]
    except (ValueError, ZeroDivisionError):
        return target, None  # an @ in a file name
    seconds = Fraction(0)
    for part in parts:
        seconds = 60 * seconds + part
    return name, seconds


def _meant(row: Row, instant: Fraction | None, span: Span | None) -> bool:
    if instant is not None:
        return instant in row.span
    return span is None or row.span == span


def _released(settings: Settings, store: Store | None) -> Recipe:
    """The recipe of the newest release below ``out``, or of the last build that used the store."""
    release = newest(Path(settings.out))
    folder = release.folder if release is not None else None
    if folder is None and store is not None and (last := store.last_build()) is not None:
        folder = Path(last.release)
    if folder is None or not (folder / "recipe.yaml").is_file():
        raise SourceError(
            f"there is no release below {settings.out}",
            reason="release-missing",
            hint="build first, or name a recipe: curator explain VIDEO@SECONDS RECIPE",
        )
    # Not the lock's copy: JSON sorts its keys, and the first condition that fails names the reason.
    text = (folder / "recipe.yaml").read_text(encoding="utf-8")
    return recipe_from_document(yaml.safe_load(text))


def _shot_at(shots: Sequence[Shot], instant: Fraction) -> int | None:
    return next((i for i, shot in enumerate(shots) if instant in shot.span), None)


def _with(row: Row, signals: Mapping[str, Any]) -> Row:
    return dataclasses.replace(row, signals=signals)
