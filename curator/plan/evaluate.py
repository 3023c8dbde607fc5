"""The recipe's questions put to the facts: what must still be measured, or what was decided.

Pure: the same plan, probe and facts give the same answer, whoever asks. A build asks, measures what
is demanded, records it and asks again; a preview only asks; so does an explanation.

What an earlier build happened to measure beyond this plan's own demand is not looked at, so that a
release does not depend on the history of the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypedDict

from curator.abc.measure import ClipSeries, FrameNeed
from curator.media.probe import Probe
from curator.model.clip import Decision, Row, Shot, Unit
from curator.model.outcome import Failure
from curator.model.signal import Signal, Support
from curator.model.span import Span, intersection, subtract, total_seconds, union
from curator.model.sync import Clock
from curator.model.tile import Tiles
from curator.plan.candidate import Candidate
from curator.plan.checks import Check, Said, Scope
from curator.plan.crop import NO_SUBJECT, subject_of
from curator.plan.holding import first_failure, holding, series_inside, support_of
from curator.plan.line import lines_of
from curator.plan.logical import POSTER, SHOTS, SPLIT, Node
from curator.plan.physical import Pass, PassScope, Plan
from curator.plan.snap import edge_signals, snap_clips
from curator.plan.split import ways_of
from curator.plan.statistics import statistic
from curator.plan.sync import Agreement, Question, agree
from curator.plan.told import known_series, told_signals
from curator.plan.verdicts import NOT_MEASURED, Demand, Known, Verdicts, unscored
from curator.plan.whole import manifest_signals, video_row
from curator.segment.clips import Segmentation, candidates, reach, stretches
from curator.spec.told import track_of

__all__ = ["advance", "clip_signals"]


def advance(plan: Plan, probe: Probe, known: Known, *, partial: bool = False) -> Demand | Verdicts:
    """The next demand of `plan` on this video, or its verdicts.

    With `partial` there is no demand: what has not been measured is unscored as ``not-measured``.
    """
    whole = Span(Fraction(0), probe.info.duration_seconds)
    fallen = video_row(plan, probe, whole, known)
    if fallen is not None:
        return fallen
    unread = known.untold(plan.logical.told_roles) if plan.logical.told_roles else frozenset()
    if isinstance(unread, Failure) or (unread and partial):
        return unscored(probe, unread if isinstance(unread, Failure) else NOT_MEASURED)
    if unread:
        return Demand(stage=1, tiles={}, alive=(whole,), roles=unread)
    look = _Look(plan, probe, known)
    for stage in plan.passes[1:]:
        alive = look.alive(stage)
        # What only alignments look at is demanded by them, where there is a track to be aligned.
        names = [name for name in stage.nodes if name not in plan.logical.for_sync]
        wanted = {name: look.wanted(plan.nodes[name], alive) for name in names}
        failure = first_failure(plan, wanted, known)
        if failure is not None:
            return unscored(probe, failure)
        missing = {name: wanted[name] - known.covered(plan.nodes[name]) for name in names}
        if any(missing.values()):
            demand = Demand(
                stage=stage.index, tiles={n: t for n, t in missing.items() if t}, alive=alive
            )
            if not partial:
                return demand
            if stage.scope is not PassScope.clips:
                return unscored(probe, NOT_MEASURED)
            look.set_aside(stage, missing)
        look.learn(stage, wanted)
    return look.align(partial=partial) or look.verdicts()


def clip_signals(
    plan: Plan, span: Span, probe: Probe, known: Known, *, last_stage: int
) -> dict[str, Signal]:
    """Every signal of one span that the passes up to `last_stage` give, by name in the recipe."""
    out: dict[str, Signal] = {}
    for name, node in plan.nodes.items():
        if name in (SHOTS, POSTER, *plan.logical.for_sync) or plan.stage_of(name) > last_stage:
            continue
        inside = series_inside(node, span, known)
        said = node.measure.summarise(ClipSeries(span, probe.info, inside))
        out.update({f"{name}.{spec.name}": said[spec.name] for spec in node.measure.signals})
        for spec in node.measure.series:
            if spec.shape == ():
                out[f"{name}.{spec.name}.median"] = statistic(inside.get(spec.name), "median")
        for check in plan.logical.checks_of(name, Scope.clip):
            operand = check.operand
            if operand.series is not None and operand.stat is not None:
                out[check.column] = statistic(inside.get(operand.series), operand.stat)
        for operand in plan.logical.asked:
            if operand.measure == name and operand.series is not None and operand.stat is not None:
                out[operand.name] = statistic(inside.get(operand.series), operand.stat)
    return out | manifest_signals(plan.logical, known) | told_signals(plan.logical, span, known)


class _Look:
    """One look at a video's facts, pass by pass."""

    def __init__(self, plan: Plan, probe: Probe, known: Known) -> None:
        self._plan = plan
        self._probe = probe
        self._known = known
        self._whole = Span(Fraction(0), probe.info.duration_seconds)
        self._shots: tuple[Shot, ...] = ()
        self._holding: dict[str, tuple[Span, ...]] = {}
        self._cut: Segmentation | None = None
        self._clips: list[Candidate] = []
        self._judged: dict[str, tuple[Fraction, Fraction]] = {}
        self._last_frame_stage = max(
            [1, *(plan.stage_of(c.operand.measure) for c in plan.logical.scoped(Scope.frame))]
        )

    def alive(self, stage: Pass) -> tuple[Span, ...]:
        """The footage that `stage` has to look at."""
        if stage.scope is PassScope.everything:
            return (self._whole,)
        if stage.scope is PassScope.candidates:
            return self._candidates()
        return tuple(clip.span for clip in self._clips if clip.fell is None)

    def learn(self, stage: Pass, wanted: Mapping[str, Tiles]) -> None:
        """Judge what the facts of `stage` allow to judge."""
        if SHOTS in stage.nodes:
            node = self._plan.nodes[SHOTS]
            self._shots = self._known.shots(node, self._probe.table)
        frame_checks = [c for c in map(self._plan.check, stage.checks) if c.scope is Scope.frame]
        for check in frame_checks:
            if check.name.startswith(SPLIT):
                continue  # it says where clips part, not where they are
            self._holding[check.name] = (
                self._hold(check, wanted[check.operand.measure])
                if track_of(check.operand) is None
                else self._hold_told(check)
            )
        if stage.index == self._last_frame_stage:
            self._find_clips()
        checks = [c for c in map(self._plan.check, stage.checks) if c.scope is Scope.clip]
        checks = [c for c in checks if self._plan.logical.aligned(c) is None]
        if stage.index >= self._last_frame_stage:
            self._judge(checks, stage.index)

    def wanted(self, node: Node, alive: tuple[Span, ...]) -> Tiles:
        """The tiles of `node` that decide every instant of `alive`."""
        wide = list(alive)
        if alive != (self._whole,):
            table = self._probe.table
            for need in node.measure.needs.values():
                if isinstance(need, FrameNeed):
                    sampled = table.ticks[table.select(need.fps)]
                    wide += reach(alive, self._pieces, sampled, table.time_base)
                    wide += reach(
                        alive, self._pieces, sampled, table.time_base, support=Support.pair
                    )
        return Tiles.covering(wide) & Tiles.all(self._probe.info.num_tiles)

    def set_aside(self, stage: Pass, missing: Mapping[str, Tiles]) -> None:
        """Leave the clips that `stage` has not been measured on unscored."""
        unmeasured = {index for tiles in missing.values() for index in tiles}
        for clip in self._clips:
            if clip.fell is None and not unmeasured.isdisjoint(Tiles.covering([clip.span])):
                clip.stage = stage.index - 1
                clip.fall(Decision.unscored, NOT_MEASURED.reason)

    def align(self, *, partial: bool) -> Demand | Verdicts | None:
        """Put the alignments to every clip that is left; what must be found out for that, if anything."""
        alive = [clip for clip in self._clips if clip.fell is None]
        if not self._plan.logical.alignments or not alive:
            return None
        wanted = self._around(alive)
        failure = first_failure(self._plan, wanted, self._known)
        if failure is not None:
            return unscored(self._probe, failure)
        missing = {n: t - self._known.covered(self._plan.nodes[n]) for n, t in wanted.items()}
        questions: list[Question] = []
        waiting = alive
        if not any(missing.values()):
            alignments, spans = self._plan.logical.alignments, [clip.span for clip in alive]
            fps = self._probe.info.fps
            lines, questions = lines_of(alignments, spans, self._whole, fps, self._known)
            if not questions:
                asked = {clip.span: self._agree(clip, lines) for clip in alive}
                questions = [one for found in asked.values() for one in found]
                waiting = [clip for clip in alive if asked[clip.span]]
        if any(missing.values()) or questions:
            if not partial:
                return Demand(
                    stage=len(self._plan.passes) - 1,
                    tiles={name: tiles for name, tiles in missing.items() if tiles},
                    alive=tuple(clip.span for clip in alive),
                    questions=tuple(questions),
                )
            for clip in waiting:
                clip.fall(Decision.unscored, NOT_MEASURED.reason)
        return None

    def _around(self, clips: Sequence[Candidate]) -> dict[str, Tiles]:
        """Node to the tiles that the alignments of some clips look at."""
        wide: dict[str, list[Span]] = {}
        for alignment in self._plan.logical.alignments:
            if self._known.declared(alignment) is not None:
                for name in alignment.nodes.values():
                    wide.setdefault(name, []).extend(
                        alignment.around(clip.span, self._whole) for clip in clips
                    )
        return {
            name: self.wanted(self._plan.nodes[name], tuple(union(spans)))
            for name, spans in wide.items()
        }

    def _agree(self, clip: Candidate, lines: Mapping[str, Clock]) -> list[Question]:
        """Judge one clip by its alignments, or say what must be asked first."""
        said: list[Agreement] = []
        questions: list[Question] = []
        for alignment in self._plan.logical.alignments:
            line = lines.get(alignment.name)
            found = agree(alignment, clip.span, self._probe.info.fps, self._known, line)
            if isinstance(found, Question):
                questions.append(found)
            elif isinstance(found, Failure):
                clip.fall(Decision.unscored, found.reason, None, f"align.{alignment.name}")
                return []
            else:
                said.append(found)
        if not questions:
            clip.align(said, [one.name for one in self._plan.logical.alignments])
            self._hear(clip)
        return questions

    def _hear(self, clip: Candidate) -> None:
        """Judge one clip by tracks that have just been aligned, at the times that they now have."""
        if clip.fell is not None:
            return
        logical = self._plan.logical
        late = [check for check in logical.checks if logical.aligned(check) is not None]
        found = told_signals(logical, clip.span, self._known, clip.clocks)
        clip.signals = {**clip.signals, **found}
        for check in late:
            clip.said[check.name] = (check, check.judge(found[check.column]))
        clip.decide(late)

    def verdicts(self) -> Verdicts:
        """Rows that tile the video, once every pass has been learnt."""
        assert self._cut is not None, "clips are found by the last pass with frame conditions"
        self._need_subject()
        rows = [clip.row() for clip in self._clips]
        rows += [
            Row(
                span=span,
                unit=Unit.rest,
                decision=Decision.dropped,
                reason=reason,
                threshold=reason if reason.startswith("where.") else None,
                stage=self._stage_of_reason(reason),
            )
            for span, reason in self._cut.rest
        ]
        return Verdicts(
            shots=self._shots,
            shot_signals=tuple(
                clip_signals(self._plan, shot.span, self._probe, self._known, last_stage=1)
                for shot in self._shots
            ),
            rows=tuple(sorted(rows, key=lambda row: row.span)),
            cuts=self._cut.cuts,
            comeback=self._comeback(),
            judged=self._judged,
        )

    def _need_subject(self) -> None:
        """A crop cannot follow what is never seen."""
        video = self._plan.recipe.sample.video
        if video is None or video.crop is None:
            return
        for clip in self._clips:
            logical = self._plan.logical
            if clip.fell is None and (
                subject_of(logical, clip.span, self._probe, self._known) is None
            ):
                clip.fall(Decision.dropped, NO_SUBJECT)

    def _hold(self, check: Check, wanted: Tiles) -> tuple[Span, ...]:
        """Where a frame condition holds. Unmeasured footage counts as holding: it is dead already,
        by a condition that was judged before, and that one is to blame."""
        node = self._plan.nodes[check.operand.measure]
        series = self._known.series(node).get(check.operand.series or "")
        covered = intersection((part.span for part in wanted.ranges), (self._whole,))
        inside = holding(check, series, self._pieces, covered, support_of(node, check))
        judged = total_seconds(intersection(self._pieces, covered))
        self._judged[check.name] = (judged, total_seconds(inside))
        return union([*inside, *subtract((self._whole,), covered)])

    def _hold_told(self, check: Check) -> tuple[Span, ...]:
        """The same by a track beside the video, by its declared clock."""
        series = known_series(check.operand, self._known)
        inside = holding(check, series, self._pieces, (self._whole,), Support.frame)
        self._judged[check.name] = (total_seconds(self._pieces), total_seconds(inside))
        return inside

    @property
    def _pieces(self) -> tuple[Span, ...]:
        return tuple(shot.clean for shot in self._shots if shot.clean is not None)

    def _candidates(self) -> tuple[Span, ...]:
        return candidates(self._shots, self._conditions(), self._probe.table, **self._rules())

    def _find_clips(self) -> None:
        found = self._segment(self._conditions())
        table = self._probe.table
        self._cut, ends = snap_clips(self._plan.logical, found, self._shots, table, self._known)
        self._clips = [
            Candidate(span, ends=edge_signals(ends[span]) if span in ends else {})
            for span in self._cut.clips
        ]

    def _segment(self, conditions: Sequence[tuple[str, tuple[Span, ...]]]) -> Segmentation:
        ways = ways_of(self._plan.logical, self._pieces, self._whole, self._known)
        return stretches(self._shots, conditions, self._probe.table, ways=ways, **self._rules())

    def _conditions(self) -> list[tuple[str, tuple[Span, ...]]]:
        """Known frame conditions, those of earlier passes first: they are blamed first."""
        return [(name.partition(".")[2], spans) for name, spans in self._holding.items()]

    def _rules(self) -> _Rules:
        segment = self._plan.recipe.segment
        return {
            "trim": _exact(segment.seconds.trim),
            "forgive": _exact(segment.forgive_seconds),
            "min_seconds": _exact(segment.seconds.min),
            "max_seconds": _exact(segment.seconds.max),
        }

    def _judge(self, checks: Sequence[Check], stage: int) -> None:
        """Put the clip conditions of one pass to every clip that is still alive."""
        judged = {check.name: [Fraction(0), Fraction(0)] for check in checks}
        for clip in self._clips:
            if clip.fell is not None:
                continue
            clip.signals = clip_signals(
                self._plan, clip.span, self._probe, self._known, last_stage=stage
            )
            clip.stage = stage
            for check in checks:
                said = check.judge(clip.signals[check.column])
                clip.said[check.name] = (check, said)
                judged[check.name][0] += clip.span.seconds
                judged[check.name][1] += clip.span.seconds if said.said is Said.holds else 0
            clip.decide(checks)
        self._judged.update({name: (a, b) for name, (a, b) in judged.items()})

    def _comeback(self) -> dict[str, tuple[Fraction, int]]:
        assert self._cut is not None, "clips are known"
        out: dict[str, tuple[Fraction, int]] = {}
        conditions = self._conditions()
        had = total_seconds(self._cut.clips)
        for name, _ in conditions:
            others = [pair for pair in conditions if pair[0] != name]
            found = self._segment(others).clips
            gained = [span for span in found if not any(span.overlaps(c) for c in self._cut.clips)]
            out[f"where.{name}"] = (max(Fraction(0), total_seconds(found) - had), len(gained))
        for check in self._plan.logical.scoped(Scope.clip):
            alone = [clip for clip in self._clips if clip.only(check.name)]
            out[check.name] = (total_seconds(clip.span for clip in alone), len(alone))
        return out

    def _stage_of_reason(self, reason: str) -> int:
        if reason.startswith("where."):
            # A track is read in no pass; what it says is judged in the first.
            return max(1, self._plan.stage_of(self._plan.check(reason).operand.measure))
        return 1 if reason in ("transition", "trim", "too-long") else self._last_frame_stage


class _Rules(TypedDict):
    trim: Fraction
    forgive: Fraction
    min_seconds: Fraction
    max_seconds: Fraction


def _exact(seconds: float) -> Fraction:
    """What the user wrote, not its nearest binary fraction: 0.2 is 1/5."""
    return Fraction(str(seconds))
