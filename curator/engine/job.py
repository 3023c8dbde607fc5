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

from curator.engine.known import VideoKnown
from curator.engine.task import EncodeTask, MeasureTask, Task, Work
from curator.engine.tracks import cut_tracks, tracks_document
from curator.errors import StoreError
from curator.media.encode import ENCODE_VERSION, AudioTrack, VideoTrack
from curator.media.probe import Probe
from curator.model.clip import Decision, Row
from curator.model.outcome import Failure, Outcome, Sample
from curator.model.span import Span
from curator.model.tile import TileRange, Tiles
from curator.model.video import VideoRef, VideoStream
from curator.pack.schema import readable
from curator.plan.contenders import Contender, contenders
from curator.plan.evaluate import Demand, Verdicts, advance, unscored
from curator.plan.logical import FORMAT, Node
from curator.plan.physical import Plan
from curator.spec.recipe import Recipe
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
        stage, demands = self._demands()
        if self.failures:
            return []
        if demands:
            return list(self._measuring(stage, demands, task_tiles, threads, weights))
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
        recipe = self.plans[number].recipe
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                key = digest(sample_document(recipe, self.fingerprint, self.probe, row.span))
                yield _sample(
                    self.store,
                    self.refs[number],
                    self.fingerprint,
                    key,
                    row,
                    split,
                    self.samples[key],
                    self._tracks_of(number, row.span),
                    self.probe.info.video,
                )

    def tracks(self, number: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Tracks of the clips of plan `number` that nothing holds yet: document of the key, and bytes."""
        plan = self.plans[number]
        if self.failures or not self.encode or not plan.logical.tracks:
            return
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                document = tracks_document(plan, row.span, self.known)
                if self._held_tracks(digest(document)) is None:
                    yield document, encode_series(cut_tracks(plan, row.span, self.known))

    def keys(self, number: int) -> Iterator[str]:
        """The key of everything that plan `number` stands on, for the store to keep."""
        yield self.probe_key
        for node in self.plans[number].nodes.values():
            yield self.known.key(node)
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                plan = self.plans[number]
                yield digest(sample_document(plan.recipe, self.fingerprint, self.probe, row.span))
                if plan.logical.tracks:
                    yield digest(tracks_document(plan, row.span, self.known))

    def _tracks_of(self, number: int, span: Span) -> Path | None:
        plan = self.plans[number]
        if not plan.logical.tracks:
            return None
        return self._held_tracks(digest(tracks_document(plan, span, self.known)))

    def _held_tracks(self, key: str) -> Path | None:
        for fact in self.store.facts([key]).get(key, []):
            output = self.store.read(fact)
            if output is not None:
                return self.store.blob_path(json.loads(output)["tracks"])
        return None

    def _demands(self) -> tuple[int, dict[Node, Tiles]]:
        """Every plan's next demand, joined: nodes with the same key are one. And the first stage of it."""
        stages: list[int] = []
        nodes: dict[str, Node] = {}
        tiles: dict[str, Tiles] = {}
        for number, plan in self.plans.items():
            if number in self.verdicts:
                continue
            said = self._ask(plan)
            if said is None:
                return 0, {}
            if isinstance(said, Verdicts):
                self.verdicts[number] = said
                if plan.logical.settles:
                    self.contenders[number] = self._contenders(number, said)
                continue
            stages.append(said.stage)
            for name, wanted in said.tiles.items():
                key = self.known.key(plan.nodes[name])
                nodes.setdefault(key, plan.nodes[name])
                tiles[key] = tiles.get(key, Tiles()) | wanted
        return min(stages, default=0), {nodes[key]: tiles[key] for key in nodes}

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

    def _ask(self, plan: Plan) -> Demand | Verdicts | None:
        """Put the plan's questions; a measure that breaks on them costs this video, not the build."""
        try:
            return advance(plan, self.probe, self.known)
        except StoreError as error:
            if error.reason not in ("blob-missing", "blob-damaged"):
                raise
            # The store has forgotten the fact, so it is demanded, and measured, again.
            self.known.reload()
            return self._ask(plan)
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

    def _encoding(self, scratch: Path) -> Iterator[Errand]:
        wanted: dict[str, tuple[Span, Plan]] = {}
        for number, plan in self.plans.items():
            for row in self.verdicts[number].rows:
                if row.decision is Decision.kept:
                    document = sample_document(plan.recipe, self.fingerprint, self.probe, row.span)
                    wanted[digest(document)] = (row.span, plan)
        self._find(list(wanted))
        groups: dict[tuple[VideoTrack | None, AudioTrack | None], list[tuple[Span, str]]] = {}
        for key, (span, plan) in wanted.items():
            if key not in self.samples and not self.failures:
                groups.setdefault(tracks(plan.recipe), []).append((span, key))
        for (video, audio), spans in groups.items():
            for batch in _batches(sorted(spans)):
                yield self._encode_errand(video, audio, batch, wanted, scratch)

    def _encode_errand(
        self,
        video: VideoTrack | None,
        audio: AudioTrack | None,
        batch: Sequence[tuple[Span, str]],
        wanted: Mapping[str, tuple[Span, Plan]],
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
            ),
            about="encode",
            documents={
                key: sample_document(wanted[key][1].recipe, self.fingerprint, self.probe, span)
                for span, key in batch
            },
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


def sample_document(recipe: Recipe, fingerprint: str, probe: Probe, span: Span) -> dict[str, Any]:
    """The document of a sample's key: the footage, the span, the encoding."""
    video, audio = tracks(recipe)
    return {
        "format": FORMAT,
        "kind": "sample",
        "op": "encode",
        "version": ENCODE_VERSION,
        "params": {"video": video, "audio": audio},
        "span": [span.start, span.end],
        "inputs": {"video": fingerprint, "start": probe.info.start_seconds},
    }


def _sample(
    store: Store,
    ref: VideoRef,
    fingerprint: str,
    key: str,
    row: Row,
    split: str,
    held: Mapping[str, Any],
    tracks: Path | None,
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
