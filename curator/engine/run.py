"""Runs plans over videos: asks, measures what is demanded, records it, and asks again.

The coordinator is the only process that writes to the store. Nothing is kept in memory that a
restart would miss: every finished task is a fact before the next question is put.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from curator.engine.footage import Footage, Found
from curator.engine.job import Errand, VideoJob
from curator.engine.known import VideoKnown
from curator.engine.pool import Done, Pool
from curator.engine.progress import Progress
from curator.engine.record import Recorder, grid_of
from curator.engine.task import Encoded, Lost, Measured, MeasureTask, Opened, OpenTask, Refused
from curator.errors import CuratorError, MeasureError
from curator.media.stored import load
from curator.model.clip import Decision, Row, Unit
from curator.model.outcome import Failure, Outcome, Sample
from curator.model.span import Span
from curator.model.video import VideoRef
from curator.plan.logical import Node
from curator.plan.physical import Plan
from curator.plan.splits import split_of
from curator.source.fingerprint import Observed
from curator.spec.settings import EngineSpec
from curator.store.store import Store
from curator.store.weights import resolve

__all__ = ["Counters", "Ran", "run"]

_BROKEN_VIDEO_REASON = "measure-broke"
_IDLE_SECONDS = 0.01
_ANYWHERE = Path()
"""The path of a task before the file is within reach."""


@dataclass(slots=True, kw_only=True)
class Ran:
    """What came of one plan."""

    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    comebacks: dict[str, Mapping[str, tuple[Fraction, int]]] = field(default_factory=dict)
    """Fingerprint to what each condition alone cost there."""
    keys: set[str] = field(default_factory=set)
    """Of every fact that the plan stands on."""

    @property
    def comeback(self) -> dict[str, tuple[Fraction, int]]:
        """Condition to (seconds, clips) that it alone cost, over all videos."""
        total: dict[str, tuple[Fraction, int]] = {}
        for one in self.comebacks.values():
            for name, (seconds, clips) in one.items():
                had = total.get(name, (Fraction(0), 0))
                total[name] = (had[0] + seconds, had[1] + clips)
        return total


@dataclass(slots=True, kw_only=True)
class Counters:
    """What the build did, for its summary."""

    frames_decoded: int = 0
    frames_encoding: int = 0
    """Of `frames_decoded`, those decoded to encode samples."""
    tasks: int = 0
    worker_seconds: float = 0.0


def run(
    wanted: Sequence[tuple[Plan, Sequence[VideoRef]]],
    *,
    store: Store,
    engine: EngineSpec,
    progress: Progress,
) -> tuple[list[Ran], Counters]:
    """Decide every video of every plan. Plans that want the same video share its decodes.

    Raises:
        MeasureError: when a measure cannot run at all (missing extra or weights).
        StoreError: when a result cannot be recorded.
    """
    with (
        Pool(
            workers=engine.worker_count,
            task_seconds=engine.task_seconds,
            task_memory_gib=engine.task_memory_gib,
        ) as pool,
        Footage(store, limit_gib=engine.spool_gib) as footage,
    ):
        return _Coordinator(wanted, store, engine, progress, pool, footage).run()


class _Coordinator:
    def __init__(
        self,
        wanted: Sequence[tuple[Plan, Sequence[VideoRef]]],
        store: Store,
        engine: EngineSpec,
        progress: Progress,
        pool: Pool,
        footage: Footage,
    ) -> None:
        self._ran = [Ran(plan=plan) for plan, _ in wanted]
        self._plans = [plan for plan, _ in wanted]
        self._queue: deque[tuple[VideoRef, dict[int, Plan]]] = deque(_by_video(wanted))
        self._store = store
        self._engine = engine
        self._progress = progress
        self._pool = pool
        self._footage = footage
        self._recorder = Recorder(store)
        self._counters = Counters()
        self._weights: dict[Node, Mapping[str, Path]] = {}
        self._videos: dict[int, _Video] = {}
        """Videos in hand, by number."""
        self._errands: dict[int, tuple[int, Errand]] = {}
        """Task number to (video number, errand)."""
        self._footage_seconds: dict[str, float] = defaultdict(float)
        """Seconds of footage sent out, by pass."""
        self._numbers = iter(range(1 << 62))

    def run(self) -> tuple[list[Ran], Counters]:
        self._progress.start(len(self._queue), None)
        while self._queue or self._videos:
            self._take()
            for done in self._pool.collect(timeout=0.02 if self._footage.waiting else 1.0):
                self._receive(done)
            for found in self._footage.news():
                self._hear(found)
            if not self._pool.busy:
                time.sleep(_IDLE_SECONDS)  # only disks and networks are at work
        for ran in self._ran:
            _settle_copies(ran)
            ran.samples.sort(key=lambda sample: sample.id)
        self._recorder.learn()
        self._progress.finish()
        return self._ran, self._counters

    def _take(self) -> None:
        """Keep a few videos in hand: enough for every worker, few enough for bounded memory."""
        while self._queue and len(self._videos) < 2 * self._engine.worker_count + 2:
            ref, plans = self._queue.popleft()
            number = next(self._numbers)
            self._videos[number] = _Video(ref=ref, plans=plans)
            self._footage.look(number, ref)

    # There is news of a file

    def _hear(self, found: Found) -> None:
        video = self._videos[found.number]
        if found.error is not None:
            error = found.error
            self._fail(
                found.number, Failure(stage="open", reason=error.reason, message=error.message)
            )
        elif found.path is not None:
            video.path = found.path
            stashed, video.stash = video.stash, []
            for errand in stashed:
                self._submit(found.number, errand)
        else:
            video.observed = found.observed
            self._looked_at(found.number)

    def _looked_at(self, number: int) -> None:
        fingerprint = self._videos[number].fingerprint
        known = self._recorder.probe(fingerprint, retry=self._engine.retry_failed)
        if isinstance(known, Failure):
            self._fail(number, known)
        elif known is not None:
            self._begin(number, known)
        else:
            task = OpenTask(path=_ANYWHERE)
            self._send(
                number, Errand(task=task, about="open", documents={}, ops={}, video_seconds=0.0)
            )

    def _begin(self, number: int, probe_bytes: bytes) -> None:
        video = self._videos[number]
        known = VideoKnown(
            self._store,
            fingerprint=video.fingerprint,
            grid=grid_of(probe_bytes),
            retry_failed=self._engine.retry_failed,
        )
        known.load({node for plan in video.plans.values() for node in plan.nodes.values()})
        video.job = VideoJob(
            ref=video.ref,
            plans=video.plans,
            path=_ANYWHERE,
            fingerprint=video.fingerprint,
            probe=load(probe_bytes),
            probe_bytes=probe_bytes,
            known=known,
            store=self._store,
            retry_failed=self._engine.retry_failed,
        )
        self._advance(number)

    def _advance(self, number: int) -> None:
        """Put the video's next questions to its facts, and send out what they demand."""
        video = self._videos[number]
        assert video.job is not None, "a video is asked about once it has been opened"
        errands = video.job.next(
            task_tiles=self._engine.task_tiles,
            threads=self._engine.decode_threads,
            scratch=self._store.scratch,
            weights=self._model_files,
        )
        for errand in errands:
            self._send(number, errand)
        if not errands:
            self._finish(number)

    def _send(self, number: int, errand: Errand) -> None:
        """Give a task out, once the file is within reach: a video that is all known is never copied."""
        video = self._videos[number]
        video.open += 1
        if errand.video_seconds:
            self._footage_seconds[errand.about] += errand.video_seconds
            self._progress.pass_started(errand.about, self._footage_seconds[errand.about])
        if video.path is not None:
            self._submit(number, errand)
            return
        if not video.stash:
            assert video.observed is not None, "a video is looked at before it is read"
            self._footage.fetch(number, video.ref, video.observed)
        video.stash.append(errand)

    def _submit(self, number: int, errand: Errand) -> None:
        path = self._videos[number].path
        assert path is not None, "the file is within reach"
        task = next(self._numbers)
        self._errands[task] = (number, errand)
        self._counters.tasks += 1
        self._pool.submit(task, dataclasses.replace(errand.task, path=path))

    # A worker has answered

    def _receive(self, done: Done) -> None:
        number, errand = self._errands.pop(done.number)
        video = self._videos[number]
        video.open -= 1
        reply = done.reply
        if isinstance(reply, Refused) and _is_fatal(reply.error):
            raise reply.error
        if not isinstance(reply, Refused | Lost) and self._changed_meanwhile(video):
            self._changed(video)
        elif isinstance(reply, Opened):
            self._recorder.opened(video.fingerprint, reply)
            video.probe = reply.probe
        elif isinstance(reply, Measured):
            self._measured(video, errand, reply)
        elif isinstance(reply, Encoded):
            self._encoded(video, errand, reply)
        else:
            self._failed(video, errand, reply)
        if video.open == 0:
            self._settle(number)

    def _settle(self, number: int) -> None:
        video = self._videos[number]
        if video.failure is not None and video.job is None:
            self._fail(number, video.failure)
        elif video.job is None:
            assert video.probe is not None, "an opened video has a probe"
            self._begin(number, video.probe)
        else:
            self._advance(number)

    def _measured(self, video: _Video, errand: Errand, reply: Measured) -> None:
        assert video.job is not None, "a measured video has been opened"
        video.job.known.add(self._recorder.measured(video.fingerprint, errand, reply))
        self._counters.frames_decoded += reply.frames_decoded
        self._counters.worker_seconds += reply.seconds
        self._progress.advance(errand.about, errand.video_seconds, reply.frames_decoded)

    def _encoded(self, video: _Video, errand: Errand, reply: Encoded) -> None:
        assert video.job is not None, "an encoded video has been opened"
        video.job.samples |= self._recorder.encoded(video.fingerprint, errand, reply)
        self._counters.frames_decoded += reply.frames_decoded
        self._counters.frames_encoding += reply.frames_decoded
        self._counters.worker_seconds += reply.seconds
        self._progress.advance(errand.about, errand.video_seconds, reply.frames_decoded)

    def _failed(self, video: _Video, errand: Errand, reply: Refused | Lost) -> None:
        failure, facts = self._recorder.failed(video.fingerprint, errand, reply)
        if video.job is None:
            video.failure = failure
        elif isinstance(errand.task, MeasureTask):
            video.job.known.add(facts)  # the evaluator finds it there, as the next build will
        else:
            video.job.failures.append(failure)

    def _changed_meanwhile(self, video: _Video) -> bool:
        assert video.observed is not None, "a video that is read has been looked at"
        return self._footage.changed(video.ref, video.observed)

    def _changed(self, video: _Video) -> None:
        failure = Failure(
            stage="changed",
            reason="changed-while-read",
            message="the file changed while it was being read; nothing of it is used in this build",
        )
        video.failure = video.failure or failure
        if video.job is not None and failure not in video.job.failures:
            video.job.failures.append(failure)

    # A video is finished

    def _finish(self, number: int) -> None:
        video = self._videos.pop(number)
        job = video.job
        assert job is not None, "a finished video has been opened"
        split = {n: split_of(plan.recipe, job.fingerprint) for n, plan in video.plans.items()}
        for n in video.plans:
            ran = self._ran[n]
            ran.outcomes.append(job.outcome(n, split[n]))
            if not job.failures:
                ran.samples.extend(job.cut_samples(n, split[n]))
                ran.keys.update(job.keys(n))
                ran.comebacks[job.fingerprint] = job.verdicts[n].comeback
                self._recorder.judged(self._plans[n], job.verdicts[n])
        self._footage.release(number)
        failed = any(ran.outcomes[-1].failures for ran in (self._ran[n] for n in video.plans))
        self._progress.video_done(video.ref.url, "failed" if failed else "ok")

    def _fail(self, number: int, failure: Failure) -> None:
        """A video that could not even be opened."""
        video = self._videos.pop(number)
        fingerprint = video.observed.fingerprint if video.observed else None
        for n in video.plans:
            self._ran[n].outcomes.append(
                Outcome(ref=video.ref, fingerprint=fingerprint, info=None, failures=(failure,))
            )
        self._footage.release(number)
        self._progress.video_done(video.ref.url, "failed")

    def _model_files(self, node: Node) -> Mapping[str, Path]:
        if node not in self._weights:
            self._weights[node] = {
                weight.name: resolve(weight, self._store.root) for weight in node.measure.weights
            }
        return self._weights[node]


@dataclass(slots=True, kw_only=True)
class _Video:
    """A video in hand."""

    ref: VideoRef
    plans: dict[int, Plan]
    observed: Observed | None = None
    path: Path | None = None
    """Where to read it, once it is within reach."""
    stash: list[Errand] = field(default_factory=list)
    """Tasks that wait for that."""
    probe: bytes | None = None
    job: VideoJob | None = None
    failure: Failure | None = None
    open: int = 0
    """Tasks that are out or waiting."""

    @property
    def fingerprint(self) -> str:
        assert self.observed is not None, "the video has been looked at"
        return self.observed.fingerprint


def _by_video(
    wanted: Sequence[tuple[Plan, Sequence[VideoRef]]],
) -> Iterator[tuple[VideoRef, dict[int, Plan]]]:
    """Each video once, with the plans that want it."""
    found: dict[tuple[str, str], tuple[VideoRef, dict[int, Plan]]] = {}
    for number, (plan, refs) in enumerate(wanted):
        for ref in refs:
            found.setdefault((ref.source, ref.url), (ref, {}))[1][number] = plan
    yield from found.values()


def _settle_copies(ran: Ran) -> None:
    """Sort the outcomes; content that lies at several urls counts where it comes first, and only there."""
    ran.outcomes.sort(key=lambda outcome: (outcome.ref.source, outcome.ref.url))
    first: dict[str, str] = {}
    for number, outcome in enumerate(ran.outcomes):
        if outcome.fingerprint is None or outcome.info is None:
            continue
        url = first.setdefault(outcome.fingerprint, outcome.ref.url)
        if url != outcome.ref.url:
            whole = Span(Fraction(0), outcome.info.duration_seconds)
            row = Row(span=whole, unit=Unit.rest, decision=Decision.dropped, reason="same-content")
            ran.outcomes[number] = dataclasses.replace(
                outcome, shots=(), shot_signals=(), rows=(row,), failures=()
            )
    ran.samples = [one for one in ran.samples if first[one.fingerprint] == one.url]


def _is_fatal(error: CuratorError) -> bool:
    """Whether no video could be measured with this: a missing extra, missing weights."""
    return isinstance(error, MeasureError) and error.reason != _BROKEN_VIDEO_REASON
