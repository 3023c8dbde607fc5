"""What workers answer, written down as facts; and what builds learn from it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from curator.engine.agreed import offset_output
from curator.engine.errand import Errand
from curator.engine.task import (
    Aligned,
    AlignTask,
    Encoded,
    EncodedClip,
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
from curator.engine.tracks import TRACKS
from curator.media.probe import PROBE_VERSION
from curator.model.outcome import Failure
from curator.plan.logical import FORMAT
from curator.plan.physical import Plan
from curator.plan.verdicts import Verdicts
from curator.store.facts import Entry, Fact
from curator.store.key import canonical, digest
from curator.store.store import Store

__all__ = ["DECODE", "ENCODE", "Recorder", "grid_of", "probe_document"]

_TRANSIENT = frozenset({"not-found", "unreadable"})
"""Reasons that are about the place of a file and not about its content."""
_STAGES = {
    OpenTask: "probe",
    MeasureTask: "measure",
    ReadTask: "read",
    AlignTask: "align",
    EncodeTask: "encode",
}
DECODE = "decode"
"""Name under which the cost of decoding is learnt."""
ENCODE = "encode"


def probe_document(fingerprint: str) -> dict[str, Any]:
    """The document of a probe's key."""
    return {
        "format": FORMAT,
        "kind": "probe",
        "op": "probe",
        "version": PROBE_VERSION,
        "inputs": {"video": fingerprint},
    }


def grid_of(probe: bytes) -> str:
    """The digest by which keys name a probe's output."""
    return hashlib.sha256(probe).hexdigest()


class Recorder:
    """The coordinator's hand on the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._costs: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._rates: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def probe(self, fingerprint: str, *, retry: bool) -> bytes | Failure | None:
        """The probe of a video as an earlier build found it, or why it could not be opened."""
        key = digest(probe_document(fingerprint))
        for fact in self._store.facts([key]).get(key, []):
            if fact.error is None:
                output = self._store.read(fact)
                if output is not None:
                    return output
            elif not retry:
                return Failure(stage="probe", reason=fact.error, message=fact.message or "")
        return None

    def opened(self, fingerprint: str, reply: Opened) -> None:
        """Write down a probe."""
        document = probe_document(fingerprint)
        self._store.record(
            [
                Entry(
                    key=digest(document),
                    document=document,
                    op="probe",
                    subject=fingerprint,
                    output=reply.probe,
                    seconds=reply.seconds,
                )
            ]
        )

    def measured(self, fingerprint: str, errand: Errand, reply: Measured) -> list[Fact]:
        """Write down what was measured; the facts as they stand."""
        for part in reply.parts:
            self._cost(errand.ops[part.key], float(part.tiles.span.seconds), part.seconds)
        if reply.frames_decoded:
            self._cost(DECODE, errand.video_seconds, reply.decode_seconds)
        return self._store.record(
            Entry(
                key=part.key,
                document=errand.documents[part.key],
                op=errand.ops[part.key],
                subject=fingerprint,
                first=part.tiles.first,
                last=part.tiles.last,
                output=part.output,
                seconds=part.seconds,
            )
            for part in reply.parts
        )

    def encoded(
        self, fingerprint: str, errand: Errand, reply: Encoded
    ) -> dict[str, dict[str, Any]]:
        """Move encoded clips into the store and write them down; what is held of each, by key."""
        assert isinstance(errand.task, EncodeTask), "only encoding is answered with clips"
        self._cost(ENCODE, errand.video_seconds, reply.seconds)
        keys = list(errand.documents)
        held = {key: self._keep(clip) for key, clip in zip(keys, reply.clips, strict=True)}
        self._store.record(
            Entry(
                key=key,
                document=errand.documents[key],
                op=ENCODE,
                subject=fingerprint,
                output=canonical(what).encode(),
                seconds=reply.seconds / len(keys),
                blobs=_blobs(what),
            )
            for key, what in held.items()
        )
        return held

    def tracked(
        self, fingerprint: str, document: Mapping[str, Any], tracks: Mapping[str, bytes]
    ) -> None:
        """Write down the tracks of one clip."""
        blobs = {name: self._store.put(data) for name, data in tracks.items()}
        self._store.record(
            [
                Entry(
                    key=digest(document),
                    document=document,
                    op=TRACKS,
                    subject=fingerprint,
                    output=canonical(blobs).encode(),
                    blobs=tuple(blobs.values()),
                )
            ]
        )

    def read(self, fingerprint: str, errand: Errand, reply: Read) -> None:
        """Write down the tracks of one sidecar."""
        ((key, document),) = errand.documents.items()
        blobs = {name: self._store.put(data) for name, data in reply.tracks.items()}
        self._store.record(
            [
                Entry(
                    key=key,
                    document=document,
                    op=errand.ops[key],
                    subject=fingerprint,
                    output=canonical({"tracks": blobs}).encode(),
                    seconds=reply.seconds,
                    blobs=tuple(blobs.values()),
                )
            ]
        )

    def aligned(self, fingerprint: str, errand: Errand, reply: Aligned) -> None:
        """Write down offsets."""
        self._store.record(
            Entry(
                key=key,
                document=errand.documents[key],
                op=errand.ops[key],
                subject=fingerprint,
                output=canonical(offset_output(offset)).encode(),
                seconds=reply.seconds / len(reply.offsets),
            )
            for key, offset in reply.offsets.items()
        )

    def failed(
        self, fingerprint: str, errand: Errand, reply: Refused | Lost, *, name: str
    ) -> tuple[Failure, list[Fact]]:
        """Write down that a task failed, so that the next build does not stumble again.

        Args:
            name: of the file that was read; messages are about content, which may lie elsewhere
                under another name, so it is left out of them.
        """
        if isinstance(reply, Refused):
            reason, message = reply.error.reason, reply.error.message
        else:
            reason, message = reply.reason, reply.message
        message = message.replace(name, "the file")
        at_fault = reply.op if isinstance(reply, Refused) else None
        entries = self._error_entries(fingerprint, errand, at_fault, reason, message)
        if isinstance(reply, Refused) and reply.tile is not None:
            first, last = reply.tile, reply.tile + 1  # the other tiles may well be measured
            entries = [dataclasses.replace(one, first=first, last=last) for one in entries[:1]]
        if reason in _TRANSIENT:
            entries = []
        stage = _STAGES[type(errand.task)]
        op = errand.ops.get(at_fault or "", None)
        return Failure(stage=stage, reason=reason, message=message, op=op), self._store.record(
            entries
        )

    def judged(self, plan: Plan, verdicts: Verdicts) -> None:
        """Remember how much footage each condition let through."""
        for name, (judged, passed) in verdicts.judged.items():
            rate = self._rates[canonical(plan.check(name).document())]
            rate[0] += float(judged)
            rate[1] += float(passed)

    def learn(self) -> None:
        """At the end of a build: what its costs and pass rates teach the next plan."""
        for op, (video_seconds, seconds) in self._costs.items():
            self._store.learn(op, video_seconds, seconds)
        for condition, (judged, passed) in self._rates.items():
            self._store.learn_rate(condition, judged, passed)

    def _error_entries(
        self, fingerprint: str, errand: Errand, at_fault: str | None, reason: str, message: str
    ) -> list[Entry]:
        documents: Mapping[str, Mapping[str, Any]] = errand.documents
        if isinstance(errand.task, OpenTask):
            document = probe_document(fingerprint)
            documents = {digest(document): document}
        elif at_fault is not None:
            documents = {at_fault: errand.documents[at_fault]}
        return [
            Entry(
                key=key,
                document=document,
                op=errand.ops.get(key, "probe"),
                subject=fingerprint,
                first=first,
                last=last,
                error=reason,
                message=message,
            )
            for key, document in documents.items()
            for first, last in _runs(errand, key)
        ]

    def _keep(self, clip: EncodedClip) -> dict[str, Any]:
        cameras = {name: self._store.put_file(path) for name, path in clip.cameras.items()}
        return {
            **({"cameras": cameras} if cameras else {}),
            "video": self._store.put_file(clip.video) if clip.video else None,
            "audio": self._store.put_file(clip.audio) if clip.audio else None,
            **clip.facts,
        }

    def _cost(self, op: str, video_seconds: float, seconds: float) -> None:
        total = self._costs[op]
        total[0] += video_seconds
        total[1] += seconds


def _blobs(held: Mapping[str, Any]) -> tuple[str, ...]:
    """Every file that a sample consists of."""
    own = [held[name] for name in ("video", "audio") if held[name]]
    return (*own, *held.get("cameras", {}).values())


def _runs(errand: Errand, key: str) -> list[tuple[int, int]]:
    """The runs of tiles on which an errand was to find out `key`."""
    if not isinstance(errand.task, MeasureTask):
        return [(0, 0)]
    return [(run.first, run.last) for run in errand.task.works[key].tiles.ranges]
