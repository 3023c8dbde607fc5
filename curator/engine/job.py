"""One video on its way through one or more plans: what to do next, and what came of it."""

from __future__ import annotations

import json
import operator
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

from curator.engine.agreed import PlanKnown
from curator.engine.beside import Beside, read_document, reader_of
from curator.engine.known import VideoKnown
from curator.engine.task import (
    AlignTask,
    Ask,
    EncodeTask,
    MeasureTask,
    ReadTask,
    SoundPlace,
    Task,
    Work,
)
from curator.engine.tracks import cut_tracks, has_tracks, tracks_document
from curator.errors import StoreError
from curator.media.encode import ENCODE_VERSION, AudioTrack, VideoTrack
from curator.media.probe import Probe
from curator.model.clip import Decision, Row
from curator.model.outcome import Failure, Outcome, Sample
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.tile import TileRange, Tiles
from curator.model.video import VideoRef, VideoStream
from curator.pack.schema import readable
from curator.plan.contenders import Contender, contenders
from curator.plan.evaluate import Demand, Verdicts, advance, unscored
from curator.plan.logical import FORMAT, Node
from curator.plan.physical import Plan
from curator.plan.sync import Alignment, Question
from curator.spec.recipe import Recipe
from curator.spec.tracks import OWN_AUDIO, sidecar_of
from curator.store.key import digest
from curator.store.series import encode_series
from curator.store.store import Store

__all__ = ["Errand", "VideoJob", "Weights", "sample_document", "tracks"]

Weights: TypeAlias = Callable[[Node], Mapping[str, Path]]
"""Gives the model files of a node, fetched if need be."""

ENCODE_SECONDS = Fraction(120)
"""Clip seconds in one encoding task: a killed build loses at most this much encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A task, with what is needed to record its answer."""

    task: Task
    about: str
    """The pass, for progress: ``open``, ``pass 1``, ``encode``."""
    documents: Mapping[str, Mapping[str, Any]]
    """Key to the document that it hashes."""
    ops: Mapping[str, str]
    """Key to operator."""
    video_seconds: float


@dataclass(slots=True, kw_only=True)
class VideoJob:
    """The state of one video in a build."""

    refs: Mapping[int, VideoRef]
    """The video as each plan names it, by number."""
    plans: Mapping[int, Plan]
    """The plans that want this video, by number."""
    path: Path
    fingerprint: str
    probe: Probe
    probe_key: str
    probe_bytes: bytes
    known: VideoKnown
    views: Mapping[int, PlanKnown]
    """What is known, as each plan asks for it."""
    store: Store
    retry_failed: bool = False
    """Encode again what an earlier build could not."""
    encode: bool = True
    """Whether kept clips become samples."""
    verdicts: dict[int, Verdicts] = field(default_factory=dict)
    contenders: dict[int, tuple[Contender, ...]] = field(default_factory=dict)
    """Kept clips by plan, where they are to be compared with those of other videos."""
    failures: list[Failure] = field(default_factory=list)
    """What no fact records (the file changed), and what kept a clip from being encoded."""
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Encoded clips by key: what the store holds of them."""

    def next(
        self, *, task_tiles: int, threads: int, scratch: Path, weights: Weights
    ) -> list[Errand]:
        """What must be done before more can be decided; empty when the video is finished."""
        if self.failures:
            return []
        stage, demands, questions = self._demands()
        if self.failures:
            return []
        if demands:
            return list(self._measuring(stage, demands, task_tiles, threads, weights))
        errands = self._reading(questions)
        if errands or self.failures:
            return errands
        if questions:
            return list(self._aligning(questions))
        return list(self._encoding(scratch)) if self.encode else []

    def outcome(self, number: int, split: str) -> Outcome:
        """What plan `number` decided, once nothing is left to do."""
        verdicts = self.verdicts.get(number)
        if self.failures or verdicts is None:
            # Not the first to arrive: that depends on the workers.
            first = min(self.failures, key=lambda one: (one.stage, one.reason, one.message))
            verdicts = unscored(self.probe, first)
        return Outcome(
            ref=self.refs[number],
            fingerprint=self.fingerprint,
            info=self.probe.info,
            shots=verdicts.shots,
            shot_signals=verdicts.shot_signals,
            rows=verdicts.rows,
            failures=verdicts.failures,
            split=split,
        )

    def cut_samples(self, number: int, split: str) -> Iterator[Sample]:
        """The samples of plan `number`, in time order."""
        if self.failures or not self.encode:
            return
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                key = digest(self.sample_document(number, row))
                yield _sample(
                    self.store,
                    self.refs[number],
                    self.fingerprint,
                    key,
                    row,
                    split,
                    self.samples[key],
                    self._tracks_of(number, row),
                    self.probe.info.video,
                )

    def sample_document(self, number: int, row: Row) -> dict[str, Any]:
        """The document of the key of a kept clip."""
        view = self.views[number]
        return sample_document(self.plans[number].recipe, view, self.probe, row)

    def tracks(self, number: int) -> Iterator[tuple[dict[str, Any], Mapping[str, bytes]]]:
        """Tracks of the clips of plan `number` that nothing holds yet: document of the key, and bytes by name."""
        plan, view = self.plans[number], self.views[number]
        if self.failures or not self.encode or not has_tracks(plan):
            return
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                document = tracks_document(plan, row, view)
                if self._held_tracks(digest(document)) is None:
                    yield document, cut_tracks(plan, row, view)

    def keys(self, number: int) -> Iterator[str]:
        """The key of everything that plan `number` stands on, for the store to keep."""
        yield self.probe_key
        for node in self.plans[number].nodes.values():
            yield self.known.key(node)
        plan, view = self.plans[number], self.views[number]
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                yield digest(self.sample_document(number, row))
                if has_tracks(plan):
                    yield digest(tracks_document(plan, row, view))
        yield from view.used

    def _tracks_of(self, number: int, row: Row) -> Mapping[str, Path]:
        plan = self.plans[number]
        if not has_tracks(plan):
            return {}
        return self._held_tracks(digest(tracks_document(plan, row, self.views[number]))) or {}

    def _held_tracks(self, key: str) -> Mapping[str, Path] | None:
        for fact in self.store.facts([key]).get(key, []):
            output = self.store.read(fact)
            if output is not None:
                held = json.loads(output)
                return {name: self.store.blob_path(blob) for name, blob in held.items()}
        return None

    def _demands(self) -> tuple[int, dict[Node, Tiles], dict[int, tuple[Question, ...]]]:
        """Every plan's next demand, joined: nodes with the same key are one. And the first stage of it, and
        what each plan asks about tracks."""
        stages: list[int] = []
        questions: dict[int, tuple[Question, ...]] = {}
        nodes: dict[str, Node] = {}
        tiles: dict[str, Tiles] = {}
        for number, plan in self.plans.items():
            if number in self.verdicts:
                continue
            said = self._ask(number)
            if said is None:
                return 0, {}, {}
            if isinstance(said, Verdicts):
                self.verdicts[number] = said
                if plan.logical.settles:
                    self.contenders[number] = self._contenders(number, said)
                continue
            stages.append(said.stage)
            if said.questions:
                questions[number] = said.questions
            for name, wanted in said.tiles.items():
                key = self.known.key(plan.nodes[name])
                nodes.setdefault(key, plan.nodes[name])
                tiles[key] = tiles.get(key, Tiles()) | wanted
        return min(stages, default=0), {nodes[key]: tiles[key] for key in nodes}, questions

    def _contenders(self, number: int, verdicts: Verdicts) -> tuple[Contender, ...]:
        ref = self.refs[number]
        return contenders(
            self.plans[number],
            url=readable(ref.url) or "",
            source=ref.source,
            fingerprint=self.fingerprint,
            rows=verdicts.rows,
            known=self.known,
        )

    def _ask(self, number: int) -> Demand | Verdicts | None:
        """Put the plan's questions; a measure that breaks on them costs this video, not the build."""
        try:
            return advance(self.plans[number], self.probe, self.views[number])
        except StoreError as error:
            if error.reason not in ("blob-missing", "blob-damaged"):
                raise
            # The store has forgotten the fact, so it is demanded, and measured, again.
            self.known.reload()
            return self._ask(number)
        except Exception as error:  # noqa: BLE001 - `summarise` is a plugin's code
            message = f"a summary failed: {type(error).__name__}: {error}"
            self.failures.append(Failure(stage="measure", reason="summary-broke", message=message))
            return None

    def _measuring(
        self,
        stage: int,
        demands: Mapping[Node, Tiles],
        task_tiles: int,
        threads: int,
        weights: Weights,
    ) -> Iterator[Errand]:
        for group in _groups(demands):
            every = reduce(operator.or_, group.values())
            for part in _chunks(every, task_tiles):
                here = {node: tiles & part for node, tiles in group.items() if tiles & part}
                works = {
                    self.known.key(node): Work(
                        key=_model_key(node),
                        measure=node.measure,
                        weights=weights(node),
                        tiles=tiles,
                    )
                    for node, tiles in here.items()
                }
                yield Errand(
                    task=MeasureTask(
                        path=self.path,
                        probe=self.probe_bytes,
                        works=works,
                        tiles=part,
                        threads=threads,
                    ),
                    about=f"pass {stage}",
                    documents={self.known.key(node): self.known.document(node) for node in here},
                    ops={self.known.key(node): node.op for node in here},
                    video_seconds=float(sum(run.span.seconds for run in part.ranges)),
                )

    def _reading(self, questions: Mapping[int, Sequence[Question]]) -> list[Errand]:
        """Sidecars that must be read before questions can be put, or before samples are cut."""
        wanted: dict[str, Beside] = {}
        for number, plan in self.plans.items():
            if number in questions:
                roles = {one.role for one in plan.logical.alignments if one.role is not None}
            elif self.encode and number in self.verdicts and _keeps(self.verdicts[number]):
                roles = {role for role, _ in plan.logical.sidecars.values()}
            else:
                continue
            unread, failures = self.views[number].unread(sorted(roles))
            self.failures += failures
            wanted |= {digest(read_document(one)): one for one in unread}
        return [] if self.failures else [self._read_errand(one) for one in wanted.values()]

    def _read_errand(self, beside: Beside) -> Errand:
        document, reader = read_document(beside), reader_of(beside)
        return Errand(
            task=ReadTask(
                path=self.path,
                reader=reader,
                url=beside.url,
                name=beside.name,
                video_seconds=float(self.probe.info.duration_seconds),
            ),
            about="sidecars",
            documents={digest(document): document},
            ops={digest(document): reader.name},
            video_seconds=0.0,
        )

    def _aligning(self, questions: Mapping[int, Sequence[Question]]) -> Iterator[Errand]:
        """One errand for each alignment: where an aligner breaks, the others still answer."""
        for number, asked in questions.items():
            view = self.views[number]
            for alignment in self.plans[number].logical.alignments:
                own = [one for one in asked if one.name == alignment.name]
                documents = [view.offset_document(alignment, one) for one in own]
                if not own:
                    continue
                keys = [digest(document) for document in documents]
                yield Errand(
                    task=AlignTask(
                        path=self.path,
                        probe=self.probe_bytes,
                        asks={
                            key: self._asked(number, alignment, one)
                            for key, one in zip(keys, own, strict=True)
                        },
                    ),
                    about="align",
                    documents=dict(zip(keys, documents, strict=True)),
                    ops=dict.fromkeys(keys, alignment.aligner.name),
                    video_seconds=float(sum(one.span.seconds for one in own)),
                )

    def _asked(self, number: int, alignment: Alignment, question: Question) -> Ask:
        plan, view = self.plans[number], self.views[number]
        whole = Span(Fraction(0), self.probe.info.duration_seconds)
        around = alignment.around(question.span, whole)
        series = {
            f"{op}.{name}": held.within(around)
            for op, node in alignment.nodes.items()
            for name, held in view.series(plan.nodes[node]).items()
        }
        beside = view.beside.get(alignment.role) if alignment.role is not None else None
        track = None
        if beside is not None and not beside.is_sound:
            held_tracks = view.track_bytes(beside.role)
            assert isinstance(held_tracks, Mapping), "the sidecar has been read"
            track = held_tracks.get(alignment.track)
        return Ask(
            aligner=alignment.aligner,
            span=question.span,
            series=encode_series(series),
            track=track,
            sound=_sound_place(beside, question.clock) if beside and beside.is_sound else None,
            clock=question.clock,
            search_seconds=float(alignment.search_seconds),
        )

    def _encoding(self, scratch: Path) -> Iterator[Errand]:
        wanted: dict[str, _Wanted] = {}
        for number in self.plans:
            for row in self.verdicts[number].rows:
                if row.decision is Decision.kept:
                    one = self._wanted(number, row)
                    wanted[digest(one.document)] = one
        self._find(list(wanted))
        groups: dict[tuple[VideoTrack | None, AudioTrack | None], list[tuple[Span, str]]] = {}
        for key, one in wanted.items():
            if key not in self.samples and not self.failures:
                groups.setdefault(one.how, []).append((one.span, key))
        for (video, audio), spans in groups.items():
            for batch in _batches(sorted(spans)):
                yield self._encode_errand(video, audio, batch, wanted, scratch)

    def _wanted(self, number: int, row: Row) -> _Wanted:
        plan, view = self.plans[number], self.views[number]
        video, audio = tracks(plan.recipe)
        role = plan.logical.sound
        sound = None
        if audio is not None and role is not None:
            beside = view.beside.get(role)
            audio = None if beside is None else audio
            sound = None if beside is None else _sound_place(beside, sound_clock(row, beside))
        elif audio is not None and row.clocks.get(OWN_AUDIO, Clock()) != Clock():
            sound = SoundPlace(url=None, clock=row.clocks[OWN_AUDIO])
        return _Wanted(
            span=row.span,
            how=(video, audio),
            sound=sound,
            document=self.sample_document(number, row),
        )

    def _encode_errand(
        self,
        video: VideoTrack | None,
        audio: AudioTrack | None,
        batch: Sequence[tuple[Span, str]],
        wanted: Mapping[str, _Wanted],
        scratch: Path,
    ) -> Errand:
        # A folder of its own: the same content may lie at two urls and be encoded twice at a time.
        folder = Path(tempfile.mkdtemp(prefix="encode-", dir=scratch))
        return Errand(
            task=EncodeTask(
                path=self.path,
                probe=self.probe_bytes,
                spans=tuple(span for span, _ in batch),
                video=video,
                audio=audio,
                folder=folder,
                sounds=tuple(wanted[key].sound for _, key in batch),
            ),
            about="encode",
            documents={key: wanted[key].document for _, key in batch},
            ops={key: "encode" for _, key in batch},
            video_seconds=float(sum(span.seconds for span, _ in batch)),
        )

    def _find(self, keys: Sequence[str]) -> None:
        """Look up encoded clips that an earlier build made."""
        missing = [key for key in keys if key not in self.samples]
        for key, facts in self.store.facts(missing).items():
            for fact in facts:
                if fact.error is not None and self.retry_failed:
                    continue
                if fact.error is not None:
                    self.failures.append(
                        Failure(stage="encode", reason=fact.error, message=fact.message or "")
                    )
                elif (output := self.store.read(fact)) is not None:
                    self.samples[key] = json.loads(output)


def tracks(recipe: Recipe) -> tuple[VideoTrack | None, AudioTrack | None]:
    """How the samples of a recipe are encoded."""
    video, audio = recipe.sample.video, recipe.sample.audio
    return (
        None
        if video is None
        else VideoTrack(
            height=video.height,
            fps=None if video.fps is None else Fraction(str(video.fps)),
            crf=video.crf,
            preset=video.preset,
        ),
        None if audio is None else AudioTrack(sample_rate_hz=audio.sample_rate_hz, mono=audio.mono),
    )


def sample_document(recipe: Recipe, view: PlanKnown, probe: Probe, row: Row) -> dict[str, Any]:
    """The document of a sample's key: the footage, the span, the encoding, and sound from elsewhere."""
    video, audio = tracks(recipe)
    document = {
        "format": FORMAT,
        "kind": "sample",
        "op": "encode",
        "version": ENCODE_VERSION,
        "params": {"video": video, "audio": audio},
        "span": [row.span.start, row.span.end],
        "inputs": {"video": view.fingerprint, "start": probe.info.start_seconds},
    }
    sound = _sound_document(recipe, view, row) if audio is not None else None
    return document if sound is None else {**document, "sound": sound}


def sound_clock(row: Row, beside: Beside) -> Clock:
    """By which clock a kept clip hears a sidecar: as aligned, under either of its names, or as declared."""
    return row.clocks.get(OWN_AUDIO, row.clocks.get(beside.role, beside.clock))


def _sound_document(recipe: Recipe, view: PlanKnown, row: Row) -> dict[str, Any] | None:
    """What of its sound goes into a sample's key; None while it is the video's own at the same time."""
    of = recipe.sample.audio.of if recipe.sample.audio is not None else None
    found = sidecar_of(of) if of is not None else None
    if found is None:
        clock = row.clocks.get(OWN_AUDIO, Clock())
        return None if clock == Clock() else {"clock": clock}
    beside = view.beside.get(found[0])
    if beside is None:
        return {"file": None}
    return {**beside.document(), "clock": sound_clock(row, beside)}


def _sound_place(beside: Beside, clock: Clock) -> SoundPlace:
    said = beside.spec.params
    return SoundPlace(
        url=beside.url, clock=clock, language=said.get("language"), stream=said.get("stream")
    )


def _keeps(verdicts: Verdicts) -> bool:
    return any(row.decision is Decision.kept for row in verdicts.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A sample that must be encoded, if the store does not hold it."""

    span: Span
    how: tuple[VideoTrack | None, AudioTrack | None]
    sound: SoundPlace | None
    document: dict[str, Any]


def _sample(
    store: Store,
    ref: VideoRef,
    fingerprint: str,
    key: str,
    row: Row,
    split: str,
    held: Mapping[str, Any],
    tracks: Mapping[str, Path],
    stream: VideoStream,
) -> Sample:
    def file(name: str) -> Path | None:
        return store.blob_path(held[name]) if held[name] else None

    return Sample(
        id=key[:16],
        key=key,
        url=ref.url,
        source=ref.source,
        fingerprint=fingerprint,
        span=row.span,
        split=split,
        rights=ref.rights,
        signals=row.signals,
        margin=row.margin,
        video=file("video"),
        audio=file("audio"),
        width_px=held["width_px"],
        height_px=held["height_px"],
        fps=held["fps"],
        num_frames=held["num_frames"],
        sample_rate_hz=held["sample_rate_hz"],
        channels=held["channels"],
        num_samples=held["num_samples"],
        tracks=tracks,
        source_width_px=stream.display_width_px,
        source_height_px=stream.display_height_px,
    )


def _model_key(node: Node) -> str:
    """Workers keep one loaded model for each of these."""
    weights = {weight.name: weight.sha256 for weight in node.measure.weights}
    return digest({"op": node.op, "params": dict(node.settings()), "weights": weights})


def _groups(demands: Mapping[Node, Tiles]) -> list[dict[Node, Tiles]]:
    """What is done in one decode: everything that looks, each where it is wanted, and what listens there.

    Where nothing looks, sound is read alone.
    """
    looking = {node: tiles for node, tiles in demands.items() if node.looks}
    seen = reduce(operator.or_, looking.values(), Tiles())
    apart: dict[Tiles, dict[Node, Tiles]] = {}
    for node, tiles in demands.items():
        if node.looks:
            continue
        if tiles & seen:
            looking[node] = tiles & seen
        if tiles - seen:
            apart.setdefault(tiles - seen, {})[node] = tiles - seen
    return [group for group in (looking, *apart.values()) if group]


def _chunks(tiles: Tiles, most: int) -> Iterator[Tiles]:
    """Runs of at most `most` tiles; neighbouring short runs go together."""
    batch: list[TileRange] = []
    size = 0
    for run in tiles.ranges:
        first = run.first
        while first < run.last:
            last = min(run.last, first + most - size)
            batch.append(TileRange(first, last))
            size += last - first
            first = last
            if size == most:
                yield Tiles(tuple(batch))
                batch, size = [], 0
    if batch:
        yield Tiles(tuple(batch))


def _batches(spans: Sequence[tuple[Span, str]]) -> Iterator[list[tuple[Span, str]]]:
    """Groups of disjoint spans in time order, each of about `ENCODE_SECONDS`."""
    batch: list[tuple[Span, str]] = []
    seconds = Fraction(0)
    for span, key in spans:
        overlaps = batch and batch[-1][0].overlaps(span)  # plans of a sweep may cut differently
        if batch and (overlaps or seconds >= ENCODE_SECONDS):
            yield batch
            batch, seconds = [], Fraction(0)
        batch.append((span, key))
        seconds += span.seconds
    if batch:
        yield batch
