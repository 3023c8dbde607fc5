"""Runs plans over videos: asks, measures what is demanded, records it, and asks again.

The coordinator is the only process that writes to the store. Nothing is kept in memory that a
restart would miss: every finished task is a fact before the next question is put.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from curator.engine.footage import Footage, Held
from curator.engine.job import Errand, VideoJob
from curator.engine.known import VideoKnown
from curator.engine.pool import Done, Pool
from curator.engine.progress import Progress
from curator.engine.record import Recorder, grid_of
from curator.engine.task import Encoded, Lost, Measured, MeasureTask, Opened, OpenTask, Refused
from curator.errors import CuratorError, MeasureError
from curator.media.probe import load
from curator.model.outcome import Failure, Outcome, Sample
from curator.model.video import VideoRef
from curator.plan.logical import Node
from curator.plan.physical import Plan
from curator.plan.splits import split_of
from curator.spec.settings import EngineSpec
from curator.store.store import Store
from curator.store.weights import resolve

__all__ = ["Ran", "run"]

_BROKEN_VIDEO_REASON = "measure-broke"


@dataclass(slots=True, kw_only=True)
class Ran:
    """What came of one plan."""

    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    comeback: dict[str, tuple[Fraction, int]] = field(default_factory=dict)
    """Condition to (seconds, clips) that it alone cost, over all videos."""


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
        self._numbers = iter(range(1 << 62))

    def run(self) -> tuple[list[Ran], Counters]:
        self._progress.start(len(self._queue), None)
        while self._queue or self._videos:
            self._take()
            for done in self._pool.collect(timeout=1.0):
                self._receive(done)
            for held in self._footage.ready():
                self._opened_file(held)
        for ran in self._ran:
            ran.outcomes.sort(key=lambda outcome: (outcome.ref.source, outcome.ref.url))
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
            self._footage.request(number, ref)

    # A video's file is there (or not)

    def _opened_file(self, held: Held) -> None:
        video = self._videos[held.number]
        if held.error is not None:
            self._give_up(held.number, "open", held.error)
            return
        video.held = held
        known = self._recorder.probe(held.fingerprint, retry=self._engine.retry_failed)
        if isinstance(known, Failure):
            self._fail(held.number, known)
        elif known is not None:
            self._begin(held.number, known)
        else:
            self._submit(held.number, Errand(
                task=OpenTask(path=held.path), about="open", documents={}, ops={}, video_seconds=0.0
            ))

    def _begin(self, number: int, probe_bytes: bytes) -> None:
        video = self._videos[number]
        held = video.file
        known = VideoKnown(
            self._store,
            fingerprint=held.fingerprint,
            grid=grid_of(probe_bytes),
            retry_failed=self._engine.retry_failed,
        )
        known.load({node for plan in video.plans.values() for node in plan.nodes.values()})
        video.job = VideoJob(
            ref=video.ref,
            plans=video.plans,
            path=held.path,
            fingerprint=held.fingerprint,
            probe=load(probe_bytes),
            probe_bytes=probe_bytes,
            known=known,
            store=self._store,
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
            self._submit(number, errand)
        if not errands:
            self._finish(number)

    def _submit(self, number: int, errand: Errand) -> None:
        task = next(self._numbers)
        self._errands[task] = (number, errand)
        self._videos[number].open += 1
        self._counters.tasks += 1
        self._pool.submit(task, errand.task)

    # A worker has answered

    def _receive(self, done: Done) -> None:
        number, errand = self._errands.pop(done.number)
        video = self._videos[number]
        video.open -= 1
        reply = done.reply
        if isinstance(reply, Refused) and _is_fatal(reply.error):
            raise reply.error
        if not isinstance(reply, Refused | Lost) and self._footage.changed(video.file):
            self._changed(video)
        elif isinstance(reply, Opened):
            self._recorder.opened(video.file.fingerprint, reply)
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
        video.job.known.add(self._recorder.measured(video.file.fingerprint, errand, reply))
        self._counters.frames_decoded += reply.frames_decoded
        self._counters.worker_seconds += reply.seconds
        self._progress.advance(errand.about, errand.video_seconds, reply.frames_decoded)

    def _encoded(self, video: _Video, errand: Errand, reply: Encoded) -> None:
        assert video.job is not None, "an encoded video has been opened"
        video.job.samples |= self._recorder.encoded(video.file.fingerprint, errand, reply)
        self._counters.frames_decoded += reply.frames_decoded
        self._counters.frames_encoding += reply.frames_decoded
        self._counters.worker_seconds += reply.seconds
        self._progress.advance(errand.about, errand.video_seconds, reply.frames_decoded)

    def _failed(self, video: _Video, errand: Errand, reply: Refused | Lost) -> None:
        failure, facts = self._recorder.failed(video.file.fingerprint, errand, reply)
        if video.job is None:
            video.failure = failure
        elif isinstance(errand.task, MeasureTask):
            video.job.known.add(facts)  # the evaluator finds it there, as the next build will
        else:
            video.job.failures.append(failure)

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
                _add(ran.comeback, job.verdicts[n].comeback)
                self._recorder.judged(self._plans[n], job.verdicts[n])
        self._footage.release(video.file)
        failed = any(ran.outcomes[-1].failures for ran in (self._ran[n] for n in video.plans))
        self._progress.video_done(video.ref.url, "failed" if failed else "ok")

    def _give_up(self, number: int, stage: str, error: CuratorError) -> None:
        self._fail(number, Failure(stage=stage, reason=error.reason, message=error.message))

    def _fail(self, number: int, failure: Failure) -> None:
        """A video that could not even be opened."""
        video = self._videos.pop(number)
        for n in video.plans:
            fingerprint = video.held.fingerprint if video.held else None
            self._ran[n].outcomes.append(
                Outcome(ref=video.ref, fingerprint=fingerprint, info=None, failures=(failure,))
            )
        if video.held is not None:
            self._footage.release(video.held)
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
    held: Held | None = None
    probe: bytes | None = None
    job: VideoJob | None = None
    failure: Failure | None = None
    open: int = 0
    """Tasks that are out."""

    @property
    def file(self) -> Held:
        assert self.held is not None, "the file has been found"
        return self.held


def _by_video(
    wanted: Sequence[tuple[Plan, Sequence[VideoRef]]],
) -> Iterator[tuple[VideoRef, dict[int, Plan]]]:
    """Each video once, with the plans that want it."""
    found: dict[tuple[str, str], tuple[VideoRef, dict[int, Plan]]] = {}
    for number, (plan, refs) in enumerate(wanted):
        for ref in refs:
            found.setdefault((ref.source, ref.url), (ref, {}))[1][number] = plan
    yield from found.values()


def _is_fatal(error: CuratorError) -> bool:
    """Whether no video could be measured with this: a missing extra, missing weights."""
    return isinstance(error, MeasureError) and error.reason != _BROKEN_VIDEO_REASON


def _add(
    total: dict[str, tuple[Fraction, int]], more: Mapping[str, tuple[Fraction, int]]
) -> None:
    for name, (seconds, clips) in more.items():
        had = total.get(name, (Fraction(0), 0))
        total[name] = (had[0] + seconds, had[1] + clips)
