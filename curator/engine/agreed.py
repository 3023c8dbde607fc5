"""What the store knows of the tracks beside one video, as one plan asks for it: contents, clocks, offsets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

from curator.engine.beside import Beside, read_document
from curator.engine.known import VideoKnown
from curator.errors import CuratorError
from curator.model.clip import Shot, Transition
from curator.model.outcome import Failure
from curator.model.span import Span
from curator.model.sync import Clock, Offset
from curator.model.track import Track
from curator.model.video import FrameTable
from curator.plan.logical import FORMAT, Node
from curator.plan.physical import Plan
from curator.plan.sync import Alignment, Question
from curator.store.key import digest
from curator.store.tracks import decode_track

__all__ = ["PlanKnown", "cut_at", "offset_output"]


def offset_output(offset: Offset) -> dict[str, Any]:
    """An offset as the store keeps it."""
    return asdict(offset)


def cut_at(shots: Sequence[Shot], cuts: Sequence[Fraction], table: FrameTable) -> tuple[Shot, ...]:
    """Shots, divided at the first frame at or after each of some instants."""
    out = list(shots)
    for instant in cuts:
        frame = table.index_at(instant)
        at = table.time(frame)
        for index, shot in enumerate(out):
            if not shot.span.start < at < shot.span.end:
                continue
            before, after = Span(shot.span.start, at), Span(at, shot.span.end)
            clean = shot.clean
            out[index : index + 1] = [
                replace(
                    shot,
                    span=before,
                    clean=None if clean is None else clean.clip(before),
                    end_frame=frame,
                ),
                replace(
                    shot,
                    span=after,
                    clean=None if clean is None else clean.clip(after),
                    start_frame=frame,
                    transition=Transition.cut,
                ),
            ]
            break
    return tuple(out)


class PlanKnown(VideoKnown):
    """The facts about one video, with what lies beside it as one plan sees it.

    Shares what has been read from the store with the `known` that it is made of.
    """

    def __init__(
        self,
        known: VideoKnown,
        plan: Plan,
        beside: Mapping[str, Beside],
        *,
        has_audio: bool,
        cuts: Sequence[Fraction] = (),
        columns: Mapping[str, float | str] | None = None,
    ) -> None:
        self.__dict__.update(known.__dict__)
        self.cuts = tuple(sorted(cuts))
        """Instants at which something else begins, as the source knows."""
        self._columns = columns or {}
        self._plan = plan
        self._has_audio = has_audio
        self.beside = dict(beside)
        """By role."""
        self._said: dict[str, Offset | Failure] = {}
        self._tracks: dict[str, Mapping[str, bytes] | Failure] = {}
        self._decoded: dict[tuple[str, str], Track | None] = {}
        self._used: set[str] = set()

    @property
    def fingerprint(self) -> str:
        """Of the video's content."""
        return self._fingerprint

    @property
    def used(self) -> frozenset[str]:
        """Keys of the offsets and tracks that were asked for and are there."""
        return frozenset(self._used)

    def shots(self, node: Node, table: FrameTable) -> tuple[Shot, ...]:
        """The shots that a detector finds, cut also where the source says that something else begins."""
        return cut_at(super().shots(node, table), self.cuts, table)

    def column(self, name: str) -> float | str | None:
        """What the manifest that names this video says in one of its columns; None where it says nothing."""
        return self._columns.get(name)

    # Offsets

    def declared(self, alignment: Alignment) -> Clock | None:
        """The track's clock as the recipe declares it; None when this video has no such track."""
        if alignment.role is None:
            return Clock() if self._has_audio else None
        held = self.beside.get(alignment.role)
        return None if held is None else held.clock

    def offset(self, alignment: Alignment, question: Question) -> Offset | Failure | None:
        """What was measured; None when nobody asked yet."""
        key = digest(self.offset_document(alignment, question))
        if key not in self._said:
            found = self._offset(key, alignment.aligner.name)
            if found is None:
                return None
            self._said[key] = found
        return self._said[key]

    def offset_document(self, alignment: Alignment, question: Question) -> dict[str, Any]:
        """The document of the key of one offset."""
        inputs: dict[str, Any] = {
            f"measure.{op}": self.key(self._plan.nodes[node])
            for op, node in alignment.nodes.items()
        }
        if alignment.role is not None:
            inputs["track"] = digest(
                {**self.beside[alignment.role].document(), "track": alignment.track}
            )
        if alignment.aligner.listens or alignment.role is None:
            inputs["video"] = self._fingerprint
        return {
            "format": FORMAT,
            "kind": "offset",
            **alignment.document(),
            "span": [question.span.start, question.span.end],
            "clock": [question.clock.offset_seconds, question.clock.rate],
            "search_seconds": alignment.search_seconds
            if question.search_seconds is None
            else question.search_seconds,
            "inputs": inputs,
        }

    def _offset(self, key: str, op: str) -> Offset | Failure | None:
        for fact in self._store.facts([key]).get(key, []):
            if fact.error is None:
                output = self._store.read(fact)
                if output is not None:
                    self._used.add(key)
                    return Offset(**json.loads(output))
            elif not self._retry:
                return Failure(stage="align", reason=fact.error, message=fact.message or "", op=op)
        return None

    # Tracks

    def unread(self, roles: Iterable[str]) -> tuple[list[Beside], list[Failure]]:
        """Of some roles, what must still be read, and what could not be."""
        wanted: list[Beside] = []
        failures: list[Failure] = []
        for role in roles:
            held = self.beside.get(role)
            if held is None or held.is_sound:
                continue
            found = self.track_bytes(role)
            if found is None:
                wanted.append(held)
            elif isinstance(found, Failure):
                failures.append(found)
        return wanted, failures

    def track_bytes(self, role: str) -> Mapping[str, bytes] | Failure | None:
        """The tracks of a sidecar by name, as they were read; None when nobody has read it yet."""
        if role not in self._tracks:
            found = self._read_tracks(role)
            if found is None:
                return None
            self._tracks[role] = found
        return self._tracks[role]

    def untold(self, roles: Iterable[str]) -> frozenset[str] | Failure:
        """Of some sidecars, those that this video has and nobody has read; or why one cannot be."""
        unread, failures = self.unread(sorted(roles))
        return failures[0] if failures else frozenset(one.role for one in unread)

    def clock(self, role: str) -> Clock:
        """How a sidecar's clock stands to the video's, as the recipe declares it."""
        held = self.beside.get(role)
        return Clock() if held is None else held.clock

    def track(self, role: str, name: str) -> Track | None:
        """One track on its own clock; None where the video or the file does not have it."""
        if role not in self.beside or self.beside[role].is_sound:
            return None
        if (role, name) not in self._decoded:
            found = self.track_bytes(role)
            assert isinstance(found, Mapping), "the sidecar has been read"
            self._decoded[role, name] = decode_track(found[name]) if name in found else None
        return self._decoded[role, name]

    def _read_tracks(self, role: str) -> Mapping[str, bytes] | Failure | None:
        try:
            document = read_document(self.beside[role])
        except CuratorError as error:
            return Failure(stage="read", reason=error.reason, message=error.message)
        key = digest(document)
        for fact in self._store.facts([key]).get(key, []):
            if fact.error is None:
                output = self._store.read(fact)
                if output is not None:
                    self._used.add(key)
                    held = json.loads(output)["tracks"]
                    return {n: self._store.blob_path(b).read_bytes() for n, b in held.items()}
            elif not self._retry:
                return Failure(
                    stage="read",
                    reason=fact.error,
                    message=fact.message or "",
                    op=str(document["op"]),
                )
        return None
