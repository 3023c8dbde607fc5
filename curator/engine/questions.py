"""What must be found out about tracks before a video can be decided: sidecars to read, offsets to measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from curator.engine.agreed import PlanKnown
from curator.engine.beside import Beside, read_document, reader_of
from curator.engine.errand import Errand
from curator.engine.sample import sound_place
from curator.engine.task import AlignTask, Ask, ReadTask
from curator.media.probe import Probe
from curator.model.span import Span
from curator.plan.physical import Plan
from curator.plan.sync import Alignment, Question
from curator.store.key import digest
from curator.store.series import encode_series

__all__ = ["align_errands", "read_errand", "roles_asked"]


def roles_asked(plan: Plan, *, questions: bool) -> list[str]:
    """The sidecars that must be read before offsets are measured, or before samples are cut."""
    if questions:
        return sorted({one.role for one in plan.logical.alignments if one.role is not None})
    return sorted({role for role, _ in plan.logical.sidecars.values()})


def read_errand(beside: Beside, path: Path, video_seconds: float) -> Errand:
    """The errand that reads one sidecar."""
    document, reader = read_document(beside), reader_of(beside)
    return Errand(
        task=ReadTask(
            path=path,
            reader=reader,
            url=beside.url,
            name=beside.name,
            video=beside.video,
            video_seconds=video_seconds,
        ),
        about="sidecars",
        documents={digest(document): document},
        ops={digest(document): reader.name},
        video_seconds=0.0,
    )


def align_errands(
    plan: Plan,
    view: PlanKnown,
    asked: Sequence[Question],
    *,
    path: Path,
    probe: Probe,
    probe_bytes: bytes,
) -> Iterator[Errand]:
    """One errand for each alignment: where an aligner breaks, the others still answer."""
    for alignment in plan.logical.alignments:
        own = [one for one in asked if one.name == alignment.name]
        documents = [view.offset_document(alignment, one) for one in own]
        if not own:
            continue
        keys = [digest(document) for document in documents]
        yield Errand(
            task=AlignTask(
                path=path,
                probe=probe_bytes,
                asks={
                    key: _ask(plan, view, probe, alignment, one)
                    for key, one in zip(keys, own, strict=True)
                },
            ),
            about="align",
            documents=dict(zip(keys, documents, strict=True)),
            ops=dict.fromkeys(keys, alignment.aligner.name),
            video_seconds=float(sum(one.span.seconds for one in own)),
        )


def _ask(
    plan: Plan, view: PlanKnown, probe: Probe, alignment: Alignment, question: Question
) -> Ask:
    whole = Span(Fraction(0), probe.info.duration_seconds)
    around = alignment.around(question.span, whole)
    search = question.search_seconds or alignment.search_seconds
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
        sound=sound_place(beside, question.clock) if beside and beside.is_sound else None,
        clock=question.clock,
        search_seconds=float(search),
    )
