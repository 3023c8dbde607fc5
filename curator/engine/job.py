"""One video on its way through one or more plans: what to do next, and what came of it."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

from curator.engine.agreed import PlanKnown
from curator.engine.beside import Beside, read_document
from curator.engine.cutsheet import cut_sheet, is_virtual
from curator.engine.errand import Errand
from curator.engine.known import VideoKnown
from curator.engine.questions import align_errands, read_errand, roles_asked
from curator.engine.sample import (
    Wanted,
    camera_origins,
    encode_errands,
    made,
    sample_document,
    sample_wanted,
)
from curator.engine.task import (
    MeasureTask,
    Work,
)
from curator.engine.tracks import cut_tracks, has_tracks, tracks_document
from curator.errors import StoreError
from curator.media.probe import Probe
from curator.model.clip import Decision, Row
from curator.model.outcome import CutSheet, Failure, Outcome, Sample
from curator.model.tile import TileRange, Tiles
from curator.model.video import VideoRef
from curator.pack.schema import readable
from curator.plan.contenders import Contender, contenders
from curator.plan.crop import crop_path
from curator.plan.evaluate import advance
from curator.plan.logical import Node
from curator.plan.physical import Plan
from curator.plan.verdicts import Demand, Verdicts, unscored
from curator.store.key import digest
from curator.store.store import Store

__all__ = ["VideoJob", "Weights"]

Weights: TypeAlias = Callable[[Node], Mapping[str, Path]]
"""Gives the model files of a node, fetched if need be."""


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
        stage, demands, asked = self._demands()
        if self.failures:
            return []
        if demands:
            return list(self._measuring(stage, demands, task_tiles, threads, weights))
        errands = self._reading(asked)
        if errands or self.failures:
            return errands
        if asked:
            return list(self._aligning(asked))
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
                document = self.sample_document(number, row)
                key = digest(document)
                virtual = is_virtual(self.plans[number])
                yield made(
                    self.store,
                    self.refs[number],
                    self.fingerprint,
                    key,
                    row,
                    split,
                    {} if virtual else self.samples[key],
                    self._tracks_of(number, row),
                    self.probe.info.video,
                    self._cut_sheet(number, row, document) if virtual else None,
                    camera_origins(self.plans[number], self.views[number], row),
                )

    def sample_document(self, number: int, row: Row) -> dict[str, Any]:
        """The document of the key of a kept clip."""
        view = self.views[number]
        return sample_document(self.plans[number], view, self.probe, row)

    def tracks(self, number: int) -> Iterator[tuple[dict[str, Any], Mapping[str, bytes]]]:
        """Tracks of the clips of plan `number` that nothing holds yet: document of the key, and bytes by name."""
        plan, view = self.plans[number], self.views[number]
        if self.failures or not self.encode or not has_tracks(plan):
            return
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                document = tracks_document(plan, row, self.probe, view)
                if self._held_tracks(digest(document)) is None:
                    yield document, cut_tracks(plan, row, self.probe, view)

    def keys(self, number: int) -> Iterator[str]:
        """The key of everything that plan `number` stands on, for the store to keep."""
        yield self.probe_key
        for node in self.plans[number].nodes.values():
            yield self.known.key(node)
        plan, view = self.plans[number], self.views[number]
        for row in self.verdicts[number].rows:
            if row.decision is Decision.kept:
                if not is_virtual(plan):
                    yield digest(self.sample_document(number, row))
                if has_tracks(plan):
                    yield digest(tracks_document(plan, row, self.probe, view))
        yield from view.used

    def _cut_sheet(self, number: int, row: Row, document: Mapping[str, Any]) -> CutSheet:
        boxes = crop_path(self.plans[number].logical, row.span, self.probe, self.views[number])
        return cut_sheet(document, boxes)

    def _tracks_of(self, number: int, row: Row) -> Mapping[str, Path]:
        plan = self.plans[number]
        if not has_tracks(plan):
            return {}
        document = tracks_document(plan, row, self.probe, self.views[number])
        return self._held_tracks(digest(document)) or {}

    def _held_tracks(self, key: str) -> Mapping[str, Path] | None:
        for fact in self.store.facts([key]).get(key, []):
            output = self.store.read(fact)
            if output is not None:
                held = json.loads(output)
                return {name: self.store.blob_path(blob) for name, blob in held.items()}
        return None

    def _demands(self) -> tuple[int, dict[Node, Tiles], dict[int, Demand]]:
        """Every plan's next demand, joined: nodes with the same key are one. And the first stage of it, and
        the demands of plans that ask about tracks."""
        stages: list[int] = []
        asked: dict[int, Demand] = {}
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
            if said.questions or said.roles:
                asked[number] = said
            for name, wanted in said.tiles.items():
                key = self.known.key(plan.nodes[name])
                nodes.setdefault(key, plan.nodes[name])
                tiles[key] = tiles.get(key, Tiles()) | wanted
        return min(stages, default=0), {nodes[key]: tiles[key] for key in nodes}, asked

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

    def _reading(self, asked: Mapping[int, Demand]) -> list[Errand]:
        """Sidecars that must be read before clips are judged, offsets measured, or samples cut."""
        wanted: dict[str, Beside] = {}
        for number, plan in self.plans.items():
            cuts = self.encode and number in self.verdicts and _keeps(self.verdicts[number])
            if number not in asked and not cuts:
                continue
            told = asked[number].roles if number in asked else frozenset()
            roles = sorted(told) or roles_asked(plan, questions=number in asked)
            unread, failures = self.views[number].unread(roles)
            self.failures += failures
            wanted |= {digest(read_document(one)): one for one in unread}
        seconds = float(self.probe.info.duration_seconds)
        if self.failures:
            return []
        return [read_errand(one, self.path, seconds) for one in wanted.values()]

    def _aligning(self, asked: Mapping[int, Demand]) -> Iterator[Errand]:
        for number, demand in asked.items():
            yield from align_errands(
                self.plans[number],
                self.views[number],
                demand.questions,
                path=self.path,
                probe=self.probe,
                probe_bytes=self.probe_bytes,
            )

    def _encoding(self, scratch: Path) -> Iterator[Errand]:
        needed: dict[str, Wanted] = {}
        for number, plan in self.plans.items():
            for row in () if is_virtual(plan) else self.verdicts[number].rows:
                if row.decision is Decision.kept:
                    one = sample_wanted(plan, self.views[number], self.probe, row)
                    needed[digest(one.document)] = one
        self._find(list(needed))
        if not self.failures:
            missing = {key: one for key, one in needed.items() if key not in self.samples}
            yield from encode_errands(missing, self.path, self.probe_bytes, scratch)

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


def _keeps(verdicts: Verdicts) -> bool:
    return any(row.decision is Decision.kept for row in verdicts.rows)


def _model_key(node: Node) -> str:
    """Workers keep one loaded model for each of these."""
    weights = {weight.name: weight.sha256 for weight in node.measure.weights}
    return digest({"op": node.op, "params": dict(node.settings()), "weights": weights})


def _groups(demands: Mapping[Node, Tiles]) -> list[dict[Node, Tiles]]:
    """What is done in one decode: everything that looks, each where it is wanted, and what listens to all of it.

    Other sound is read alone, which costs little: it is heard from seconds before, and pictures that nobody
    wants would be decoded on the way.
    """
    looking = {node: tiles for node, tiles in demands.items() if node.looks}
    seen = reduce(operator.or_, looking.values(), Tiles())
    apart: dict[Tiles, dict[Node, Tiles]] = {}
    for node, tiles in demands.items():
        if node.looks:
            continue
        along = Tiles() if seen - tiles else seen
        if along:
            looking[node] = along
        if tiles - along:
            apart.setdefault(tiles - along, {})[node] = tiles - along
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
