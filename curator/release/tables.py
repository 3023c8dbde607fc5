"""The tables of a release: the verdict on every second, every shot, and everything that failed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import pyarrow as pa

from curator.model.clip import Decision, Row
from curator.model.outcome import Outcome, Sample
from curator.model.signal import Signal
from curator.model.span import Span, intersection, total_seconds
from curator.pack.schema import readable

__all__ = ["failures_table", "metrics_table", "shots_table", "text_signals"]

_BATCH_ROWS = 4096

_METRICS: tuple[tuple[str, pa.DataType], ...] = (
    ("video", pa.string()),
    ("fingerprint", pa.string()),
    ("source", pa.string()),
    ("unit", pa.string()),
    ("id", pa.string()),
    ("start_seconds", pa.float64()),
    ("end_seconds", pa.float64()),
    ("start", pa.string()),
    ("end", pa.string()),
    ("verdict", pa.string()),
    ("reason", pa.string()),
    ("threshold", pa.string()),
    ("margin", pa.float64()),
    ("stage", pa.int32()),
    ("split", pa.string()),
    ("license", pa.string()),
    ("attribution", pa.string()),
    ("absent", pa.string()),
)
_SHOTS: tuple[tuple[str, pa.DataType], ...] = (
    ("video", pa.string()),
    ("fingerprint", pa.string()),
    ("start_seconds", pa.float64()),
    ("end_seconds", pa.float64()),
    ("start_frame", pa.int64()),
    ("end_frame", pa.int64()),
    ("transition", pa.string()),
    ("clean_start_seconds", pa.float64()),
    ("clean_end_seconds", pa.float64()),
    ("kept_seconds", pa.float64()),
)
_FAILURES: tuple[tuple[str, pa.DataType], ...] = (
    ("video", pa.string()),
    ("fingerprint", pa.string()),
    ("source", pa.string()),
    ("stage", pa.string()),
    ("reason", pa.string()),
    ("message", pa.string()),
    ("op", pa.string()),
)


def metrics_table(
    outcomes: Iterable[Outcome], samples: Iterable[Sample], *, signals: Sequence[str]
) -> pa.Table:
    """A row for each clip considered and for each stretch that no clip covers, in order of url and time.

    ``start`` and ``end`` are the exact times as fractions; ``absent`` tells, as JSON, why a signal
    has no value.
    """
    outcomes = _sorted(outcomes)
    ids = {(one.fingerprint, one.span): one.id for one in samples}
    rows = (
        _metrics_row(outcome, row, ids.get((outcome.fingerprint or "", row.span)))
        for outcome in outcomes
        for row in sorted(outcome.rows, key=lambda one: one.span)
    )
    held = (row.signals for outcome in outcomes for row in outcome.rows)
    return _table(_METRICS, rows, signals, text_signals(held))


def shots_table(outcomes: Iterable[Outcome], *, signals: Sequence[str]) -> pa.Table:
    """A row for each shot, with what is known of all of it and how much of it was kept."""
    outcomes = _sorted(outcomes)
    rows = (row for outcome in outcomes for row in _shot_rows(outcome))
    held = [known for outcome in outcomes for known in outcome.shot_signals]
    names = [name for name in signals if any(name in known for known in held)]
    return _table(_SHOTS, rows, names, text_signals(held))


def failures_table(outcomes: Iterable[Outcome]) -> pa.Table:
    """A row for each thing that could not be done; none is a good sign, so the file is always there."""
    rows: list[dict[str, object]] = [
        {
            "video": readable(outcome.ref.url),
            "fingerprint": outcome.fingerprint,
            "source": readable(outcome.ref.source),
            "stage": failure.stage,
            "reason": failure.reason,
            "message": readable(failure.message),
            "op": failure.op,
        }
        for outcome in _sorted(outcomes)
        for failure in sorted(
            outcome.failures, key=lambda one: (one.stage, one.reason, one.message)
        )
    ]
    return _table(_FAILURES, rows, (), frozenset())


def text_signals(held: Iterable[Mapping[str, Signal]]) -> frozenset[str]:
    """The signals that are names rather than numbers."""
    return frozenset(
        name
        for signals in held
        for name, signal in signals.items()
        if isinstance(signal.value, str)
    )


def _sorted(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda one: (readable(one.ref.url) or "", one.ref.source))


def _metrics_row(outcome: Outcome, row: Row, sample_id: str | None) -> dict[str, object]:
    kept = row.decision is Decision.kept
    absent = {name: one.absent for name, one in row.signals.items() if one.absent is not None}
    return _values(row.signals) | {
        "video": readable(outcome.ref.url),
        "fingerprint": outcome.fingerprint,
        "source": readable(outcome.ref.source),
        "unit": row.unit.value,
        "id": sample_id if kept else None,
        "start_seconds": float(row.span.start),
        "end_seconds": float(row.span.end),
        "start": str(row.span.start),
        "end": str(row.span.end),
        "verdict": row.decision.value,
        "reason": row.reason,
        "threshold": row.threshold,
        "margin": row.margin,
        "stage": row.stage,
        "split": outcome.split,
        "license": readable(outcome.ref.rights.license),
        "attribution": readable(outcome.ref.rights.attribution),
        "absent": json.dumps(absent, sort_keys=True) if absent else None,
    }


def _shot_rows(outcome: Outcome) -> Iterator[dict[str, object]]:
    kept = [row.span for row in outcome.rows if row.decision is Decision.kept]
    known = outcome.shot_signals or ({},) * len(outcome.shots)
    for shot, signals in zip(outcome.shots, known, strict=True):
        inside = total_seconds(intersection([shot.span], kept))
        yield _values(signals) | {
            "video": readable(outcome.ref.url),
            "fingerprint": outcome.fingerprint,
            "start_seconds": float(shot.span.start),
            "end_seconds": float(shot.span.end),
            "start_frame": shot.start_frame,
            "end_frame": shot.end_frame,
            "transition": shot.transition.value,
            "clean_start_seconds": _float(shot.clean, "start"),
            "clean_end_seconds": _float(shot.clean, "end"),
            "kept_seconds": float(inside),
        }


def _float(span: Span | None, side: str) -> float | None:
    return None if span is None else float(getattr(span, side))


def _values(signals: Mapping[str, Signal]) -> dict[str, object]:
    return {name: signal.value for name, signal in signals.items()}


def _table(
    columns: Sequence[tuple[str, pa.DataType]],
    rows: Iterable[Mapping[str, object]],
    signals: Sequence[str],
    texts: frozenset[str],
) -> pa.Table:
    kinds = {name: pa.string() if name in texts else pa.float64() for name in sorted(signals)}
    schema = pa.schema([*columns, *kinds.items()])
    left = iter(rows)
    batches = []
    while some := list(islice(left, _BATCH_ROWS)):  # a few rows as Python objects at a time
        arrays = [_array(some, field) for field in schema]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def _array(rows: Sequence[Mapping[str, object]], field: pa.Field) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if pa.types.is_string(field.type):
        values = [value if value is None else str(value) for value in values]
    return pa.array(values, field.type)
