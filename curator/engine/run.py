"""Runs plans over videos: asks, measures what is demanded, records it, and asks again.

The coordinator is the only process that writes to the store. Nothing is kept in memory that a
restart would miss: every finished task is a fact before the next question is put.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from curator.engine.agreed import PlanKnown
from curator.engine.errand import Errand
from curator.engine.footage import Footage, Found, beside_ref
from curator.engine.inhand import VideoInHand, by_video
from curator.engine.job import VideoJob
from curator.engine.known import VideoKnown
from curator.engine.pool import Done, Pool
from curator.engine.progress import Progress
from curator.engine.ran import Counters, Ran
from curator.engine.record import Recorder, grid_of, probe_document
from curator.engine.settled import once, same_content
from curator.engine.task import (
    Aligned,
    AlignTask,
    Encoded,
    EncodeTask,
    Lost,
    Measured,
    MeasureTask,
    Opened,
    OpenTask,
    Read,
    ReadTask,
    Refused,
)
from curator.errors import MeasureError
from curator.media.stored import load
from curator.model.outcome import Failure, Outcome
from curator.model.video import VideoRef
from curator.plan.contenders import Contender
from curator.plan.logical import Node
from curator.plan.physical import Plan
from curator.plan.settle import Settled, settle
from curator.plan.splits import split_of
from curator.spec.settings import EngineSpec
from curator.store.key import digest
from curator.store.store import Store
from curator.store.weights import resolve

__all__ = ["Counters", "Ran", "run"]

_IDLE_SECONDS = 0.01
_ANYWHERE = Path()
"""The path of a task before the file is within reach."""


def run(
    wanted: Sequence[tuple[Plan, Sequence[VideoRef]]],
    *,
    store: Store,
    engine: EngineSpec,
    progress: Progress,
    encode: bool = True,
    earlier: Mapping[int, Sequence[Contender]] | None = None,
) -> tuple[list[Ran], Counters]:
    """Decide every video of every plan. Plans that want the same video share its decodes.

    Without `encode` no sample is cut: there are verdicts and facts only.

    Args:
        earlier: by number of the plan, clips of earlier releases that are not wanted again.

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
        coordinator = _Coordinator(
            wanted, store, engine, progress, pool, footage, encode=encode, earlier=earlier or {}
        )
        return coordinator.run()


class _Coordinator:
    def __init__(
        self,
        wanted: Sequence[tuple[Plan, Sequence[VideoRef]]],
        store: Store,
        engine: EngineSpec,
        progress: Progress,
        pool: Pool,
        footage: Footage,
        *,
        encode: bool,
        earlier: Mapping[int, Sequence[Contender]],
    ) -> None:
        self._encode = encode
        self._earlier = earlier
        self._settling = any(plan.logical.settles for plan, _ in wanted)
        """Whether clips of all videos must be looked at together before any is encoded."""
        self._decided: list[VideoInHand] = []
        """Videos that wait for that."""
        self._settled: dict[int, Settled] = {}
        self._ran = [Ran(plan=plan) for plan, _ in wanted]
        self._plans = [plan for plan, _ in wanted]
        self._queue = deque(by_video(self._plans, [refs for _, refs in wanted]))
        self._store = store
        self._engine = engine
        self._progress = progress
        self._pool = pool
        self._footage = footage
        self._recorder = Recorder(store)
        self._counters = Counters()
        self._weights: dict[Node, Mapping[str, Path]] = {}
        self._videos: dict[int, VideoInHand] = {}
        """Videos in hand, by number."""
        self._errands: dict[int, tuple[int, Errand]] = {}
        """Task number to (video number, errand)."""
        self._footage_seconds: dict[str, float] = defaultdict(float)
        """Seconds of footage sent out, by pass."""
        self._numbers = iter(range(1 << 62))

    def run(self) -> tuple[list[Ran], Counters]:
        self._progress.start(len(self._queue), None)
        self._work()
        if self._settling:
            self._settle_clips()
            self._work()
        for ran in self._ran:
            _settle_copies(ran)
            ran.samples.sort(key=lambda sample: sample.id)
        self._recorder.learn()
        self._progress.finish()
        return self._ran, self._counters

    def _work(self) -> None:
        """Until nothing is queued or in hand."""
        while self._queue or self._videos:
            self._take()
            for done in self._pool.collect(timeout=0.02 if self._footage.waiting else 1.0):
                self._receive(done)
            for found in self._footage.news():
                self._hear(found)
            if not self._pool.busy:
                time.sleep(_IDLE_SECONDS)  # only disks and networks are at work

    def _take(self) -> None:
        """Keep a few videos in hand: enough for every worker, few enough for bounded memory."""
        while self._queue and len(self._videos) < 2 * self._engine.worker_count + 2:
            video = self._queue.popleft()
            number = next(self._numbers)
            self._videos[number] = video
            if video.observed is None:
                self._footage.look(number, video.ref, video.sidecars)
            else:
                self._looked_at(number)  # it was decided before, and waits to be encoded

    # There is news of a file

    def _hear(self, found: Found) -> None:
        video = self._videos[found.number]
        if found.error is not None:
            error = found.error
            self._fail(
                found.number, Failure(stage="open", reason=error.reason, message=error.message)
            )
        elif found.path is not None:
            video.path, video.paths = found.path, found.paths
            stashed, video.stash = video.stash, []
            for errand in stashed:
                self._submit(found.number, errand)
        else:
            video.observed, video.beside = found.observed, found.beside
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
        if len(video.verdicts) < len(video.plans):
            known.load({node for plan in video.plans.values() for node in plan.nodes.values()})
        found = load(probe_bytes)
        video.job = VideoJob(
            refs=video.refs,
            plans=video.plans,
            path=_ANYWHERE,
            fingerprint=video.fingerprint,
            probe=found,
            views={
                number: PlanKnown(
                    known,
                    plan,
                    video.besides(number),
                    has_audio=bool(found.info.audio),
                    cuts=video.refs[number].cuts,
                    columns=video.refs[number].columns,
                )
                for number, plan in video.plans.items()
            },
            probe_key=digest(probe_document(video.fingerprint)),
            probe_bytes=probe_bytes,
            known=known,
            store=self._store,
            retry_failed=self._engine.retry_failed,
            encode=self._encode and not self._settling,
            verdicts=video.verdicts,
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
        if errands:
            return
        if self._settling and not video.job.failures:
            self._set_aside(number)
        else:
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
            self._footage.fetch(number, video.ref, video.observed, video.beside)
        video.stash.append(errand)

    def _submit(self, number: int, errand: Errand) -> None:
        path, paths = self._videos[number].path, self._videos[number].paths
        assert path is not None, "the file is within reach"
        task = next(self._numbers)
        self._errands[task] = (number, errand)
        what = errand.task
        if isinstance(what, ReadTask | AlignTask | EncodeTask):
            self._pool.submit(task, dataclasses.replace(what, path=path, beside=dict(paths)))
        else:
            self._pool.submit(task, dataclasses.replace(what, path=path))

    # A worker has answered

    def _receive(self, done: Done) -> None:
        number, errand = self._errands.pop(done.number)
        video = self._videos[number]
        video.open -= 1
        reply = done.reply
        if isinstance(reply, Refused) and _is_fatal(reply):
            raise reply.error
        if self._changed_meanwhile(video):
            self._changed(video)
        elif isinstance(reply, Opened):
            self._recorder.opened(video.fingerprint, reply)
            video.probe = reply.probe
        elif isinstance(reply, Measured):
            self._measured(video, errand, reply)
        elif isinstance(reply, Read | Aligned):
            self._agreed(video, errand, reply)
        elif isinstance(reply, Encoded):
            self._encoded(video, errand, reply)
        elif (
            isinstance(reply, Lost) and len(errand.ops) > 1 and isinstance(errand.task, MeasureTask)
        ):
            self._one_by_one(number, errand, errand.task)
        else:
            self._failed(video, errand, reply)
        if video.open == 0:
            self._settle(number)

    def _one_by_one(self, number: int, errand: Errand, task: MeasureTask) -> None:
        """A worker was lost on several measures: which of them is at fault, each alone will tell."""
        for key, work in task.works.items():
            self._submit(
                number,
                dataclasses.replace(
                    errand,
                    task=dataclasses.replace(task, works={key: work}, tiles=work.tiles),
                    documents={key: errand.documents[key]},
                    ops={key: errand.ops[key]},
                ),
            )
            self._videos[number].open += 1

    def _settle(self, number: int) -> None:
        video = self._videos[number]
        if video.failure is not None and video.job is None:
            self._fail(number, video.failure)
        elif video.job is None:
            assert video.probe is not None, "an opened video has a probe"
            self._begin(number, video.probe)
        else:
            self._advance(number)

    def _measured(self, video: VideoInHand, errand: Errand, reply: Measured) -> None:
        assert video.job is not None, "a measured video has been opened"
        video.job.known.add(self._recorder.measured(video.fingerprint, errand, reply))
        self._counters.frames_decoded += reply.frames_decoded
        self._progress.advance(errand.about, errand.video_seconds, reply.frames_decoded)

    def _agreed(self, video: VideoInHand, errand: Errand, reply: Read | Aligned) -> None:
        assert video.job is not None, "a video whose tracks are read has been opened"
        if isinstance(reply, Read):
            self._recorder.read(video.fingerprint, errand, reply)
        else:
            self._recorder.aligned(video.fingerprint, errand, reply)
        if errand.video_seconds:
            self._progress.advance(errand.about, errand.video_seconds, 0)

    def _encoded(self, video: VideoInHand, errand: Errand, reply: Encoded) -> None:
        assert video.job is not None, "an encoded video has been opened"
        video.job.samples |= self._recorder.encoded(video.fingerprint, errand, reply)
        self._counters.frames_decoded += reply.frames_decoded
        self._counters.frames_encoding += reply.frames_decoded
        self._progress.advance(errand.about, errand.video_seconds, reply.frames_decoded)

    def _failed(self, video: VideoInHand, errand: Errand, reply: Refused | Lost) -> None:
        assert video.path is not None, "the file was within reach"
        failure, facts = self._recorder.failed(
            video.fingerprint, errand, reply, name=video.path.name
        )
        if video.job is None:
            video.failure = failure
        elif isinstance(errand.task, MeasureTask):
            video.job.known.add(facts)  # the evaluator finds it there, as the next build will
        elif not isinstance(errand.task, AlignTask):  # a failed alignment costs its clips only
            video.job.failures.append(failure)

    def _changed_meanwhile(self, video: VideoInHand) -> bool:
        assert video.observed is not None, "a video that is read has been looked at"
        return self._footage.changed(video.ref, video.observed) or any(
            self._footage.changed(beside_ref(video.ref, url), seen)
            for url, seen in video.beside.items()
        )

    def _changed(self, video: VideoInHand) -> None:
        failure = Failure(
            stage="changed",
            reason="changed-while-read",
            message="the file changed while it was being read; nothing of it is used in this build",
        )
        video.failure = video.failure or failure
        if video.job is not None and failure not in video.job.failures:
            video.job.failures.append(failure)

    # All videos are decided, before any clip is encoded

    def _set_aside(self, number: int) -> None:
        """Let go of everything but the verdicts, so that memory does not grow with the length of videos."""
        video = self._videos.pop(number)
        assert video.job is not None, "a decided video has been opened"
        video.verdicts, video.contenders = video.job.verdicts, video.job.contenders
        video.job = video.path = video.probe = None
        video.paths = {}
        self._footage.release(number)
        self._decided.append(video)

    def _settle_clips(self) -> None:
        """Drop copies and what is over a quota; then the videos go on, to be encoded."""
        self._settling = False
        for n, plan in enumerate(self._plans):
            if not plan.logical.settles:
                continue
            clips = [clip for video in self._decided for clip in video.contenders.get(n, ())]
            settled = settle(plan, [*clips, *self._earlier.get(n, ())])
            self._settled[n] = settled
            self._ran[n].contenders = settled.staying(clips)
            for video in self._decided:
                if n in video.verdicts:
                    had = video.verdicts[n]
                    rows = settled.rows(video.fingerprint, had.rows)
                    video.verdicts[n] = dataclasses.replace(had, rows=rows)
        for video in self._decided:
            video.contenders = {}
        self._queue.extend(self._decided)
        self._decided = []

    def _split(self, number: int, fingerprint: str) -> str:
        own = split_of(self._plans[number].recipe, fingerprint)
        settled = self._settled.get(number)
        return own if settled is None else settled.splits.get(fingerprint, own)

    # A video is finished

    def _finish(self, number: int) -> None:
        video = self._videos.pop(number)
        job = video.job
        assert job is not None, "a finished video has been opened"
        split = {n: self._split(n, job.fingerprint) for n in video.plans}
        for n in video.plans:
            ran = self._ran[n]
            ran.outcomes.append(job.outcome(n, split[n]))
            if not job.failures:
                for document, held in job.tracks(n):
                    self._recorder.tracked(job.fingerprint, document, held)
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
                Outcome(ref=video.refs[n], fingerprint=fingerprint, info=None, failures=(failure,))
            )
        self._footage.release(number)
        self._progress.video_done(video.ref.url, "failed")

    def _model_files(self, node: Node) -> Mapping[str, Path]:
        if node not in self._weights:
            self._weights[node] = {
                weight.name: resolve(weight, self._store.root) for weight in node.measure.weights
            }
        return self._weights[node]


def _settle_copies(ran: Ran) -> None:
    """Sort the outcomes; content that lies at several urls counts where it comes first, and only there."""
    ran.outcomes.sort(key=lambda outcome: (outcome.ref.source, outcome.ref.url))
    counts = once((one.ref, one.fingerprint if one.info else None) for one in ran.outcomes)
    copies: set[str] = set()
    for number, (outcome, counted) in enumerate(zip(ran.outcomes, counts, strict=True)):
        if not counted and outcome.info is not None:
            copies.add(outcome.ref.url)
            ran.outcomes[number] = dataclasses.replace(
                outcome, shots=(), shot_signals=(), rows=same_content(outcome.info), failures=()
            )
    ran.samples = [one for one in ran.samples if one.url not in copies]


def _is_fatal(reply: Refused) -> bool:
    """Whether no video could be measured with this: a measure that cannot start at all."""
    return isinstance(reply.error, MeasureError) and reply.op is None
