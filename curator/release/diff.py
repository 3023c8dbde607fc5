"""What changed from one release to another, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from curator.model.span import Span
from curator.release import words
from curator.release.read import open_release

__all__ = ["Change", "ClipChange", "DiffReport", "MovedSignal", "Recut", "diff"]

_MOST_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipChange:
    """A clip that only one of the two has."""

    video: str
    fingerprint: str | None
    start_seconds: float
    end_seconds: float
    reason: str
    """Why the other release does not have it: the reason there, ``no-such-video`` or ``unscored:...``."""
    threshold: str | None
    margin: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recut:
    """Footage that both keep, cut in other places."""

    video: str
    fingerprint: str | None
    before: tuple[tuple[float, float], ...]
    after: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedSignal:
    """A signal that has another value for the same span of the same bytes."""

    signal: str
    clips: int
    largest: float | None
    """Largest absolute change; None for a signal that is a name."""
    video: str
    """Where that is."""
    start_seconds: float
    end_seconds: float
    before: float | str | None
    after: float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting, version or source by dotted path; None where one side has none."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffReport:
    """Everything that differs between two releases."""

    a: str
    b: str
    same: int
    """Clips that both have."""
    clips_in: tuple[ClipChange, ...]
    clips_out: tuple[ClipChange, ...]
    recut: tuple[Recut, ...]
    moved: tuple[MovedSignal, ...]
    settings: tuple[Change, ...]
    versions: tuple[Change, ...]
    sources: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    def lines(self) -> list[str]:
        """What a terminal shows."""
        if self.a == self.b:
            return [f"{self.a} and {self.b} are the same release"]
        counts = f"{self.same} the same, {len(self.clips_in)} in, {len(self.clips_out)} out"
        return [
            f"{self.a} -> {self.b}",
            f"clips: {counts}, {len(self.recut)} cut anew",
            *_section("in", [_clip_line("+", one) for one in self.clips_in]),
            *_section("out", [_clip_line("-", one) for one in self.clips_out]),
            *_section("cut anew", [_recut_line(one) for one in self.recut]),
            *_section("signals that moved", [_moved_line(one) for one in self.moved]),
            *_section("settings", [_change_line(one) for one in self.settings]),
            *_section("versions", [_change_line(one) for one in self.versions]),
            *_section("sources", [_change_line(one) for one in self.sources]),
        ]


@dataclass(frozen=True, slots=True)
class _Row:
    span: Span
    cells: Mapping[str, Any]

    @property
    def is_kept(self) -> bool:
        return bool(self.cells["verdict"] == "kept")


_Videos = Mapping[str, Sequence[_Row]]
"""Rows by fingerprint (by url where there is none): the same bytes are the same video wherever they lie."""


def diff(a: Path, b: Path) -> DiffReport:
    """What `b` has that `a` does not, and the other way round.

    Raises:
        StoreError: when one of them is no release or cannot be read.
    """
    before, after = open_release(a), open_release(b)
    old_table, new_table = before.metrics(), after.metrics()
    old, new = _videos(old_table), _videos(new_table)
    old_kept, new_kept = _kept(old), _kept(new)
    recut = tuple(_recuts(old_kept, new_kept))
    locks = before.lock(), after.lock()
    return DiffReport(
        a=before.version,
        b=after.version,
        same=sum(
            len(_spans(rows) & _spans(new_kept[name]))
            for name, rows in old_kept.items()
            if name in new_kept
        ),
        clips_in=tuple(_only_in(new_kept, old_kept, old)),
        clips_out=tuple(_only_in(old_kept, new_kept, new)),
        recut=recut,
        moved=tuple(_moved(old, new, _signals(old_table, new_table))),
        settings=_changes(*(lock.get("recipe", {}) for lock in locks)),
        versions=_changes(*(_without(lock, "recipe", "videos", "format") for lock in locks)),
        sources=_changes(*(_fingerprints(lock) for lock in locks), nested=False),
    )


def _videos(table: pa.Table) -> dict[str, list[_Row]]:
    videos: dict[str, dict[tuple[Span, str], _Row]] = {}
    for cells in table.to_pylist():
        span = Span(Fraction(cells["start"]), Fraction(cells["end"]))
        name = cells["fingerprint"] or cells["video"]
        # The same bytes under two urls say the same twice.
        videos.setdefault(name, {}).setdefault((span, cells["unit"]), _Row(span, cells))
    return {
        name: [row for _, row in sorted(rows.items(), key=lambda item: item[0])]
        for name, rows in sorted(videos.items())
    }


def _kept(videos: _Videos) -> dict[str, list[_Row]]:
    kept = {name: [row for row in rows if row.is_kept] for name, rows in videos.items()}
    return {name: rows for name, rows in kept.items() if rows}


def _spans(rows: Sequence[_Row]) -> set[Span]:
    return {row.span for row in rows}


def _only_in(here: _Videos, there: _Videos, there_all: _Videos) -> Iterator[ClipChange]:
    """Kept clips that share no second with a kept clip of the other release."""
    for name, rows in here.items():
        others = there.get(name, ())
        for row in rows:
            if not any(row.span.overlaps(other.span) for other in others):
                yield _clip_change(row, there_all.get(name))


def _clip_change(row: _Row, elsewhere: Sequence[_Row] | None) -> ClipChange:
    why = _why(row.span, elsewhere)
    return ClipChange(
        video=row.cells["video"],
        fingerprint=row.cells["fingerprint"],
        start_seconds=row.cells["start_seconds"],
        end_seconds=row.cells["end_seconds"],
        reason="no-such-video" if why is None else why.cells["reason"],
        threshold=None if why is None else why.cells["threshold"],
        margin=None if why is None else why.cells["margin"],
    )


def _why(span: Span, rows: Sequence[_Row] | None) -> _Row | None:
    """The row that covers most of a span."""

    def shared(row: _Row) -> Fraction:
        part = row.span.clip(span)
        return part.seconds if part else Fraction(0)

    best = max(rows or (), key=shared, default=None)
    return best if best is not None and shared(best) else None


def _recuts(old: _Videos, new: _Videos) -> Iterator[Recut]:
    """Groups of kept clips that overlap and are not the same."""
    for name in sorted(old.keys() & new.keys()):
        both = _spans(old[name]) & _spans(new[name])
        left = [row for row in old[name] if row.span not in both]
        right = [row for row in new[name] if row.span not in both]
        for befores, afters in _groups(left, right):
            first = (befores or afters)[0]
            yield Recut(
                video=first.cells["video"],
                fingerprint=first.cells["fingerprint"],
                before=_times(befores),
                after=_times(afters),
            )


def _groups(left: Sequence[_Row], right: Sequence[_Row]) -> Iterator[tuple[list[_Row], list[_Row]]]:
    """Chains of overlapping rows of the two sides, in time order."""
    held: tuple[list[_Row], list[_Row]] = ([], [])
    end = Fraction(0)
    marked = [(row, 0) for row in left] + [(row, 1) for row in right]
    for row, side in sorted(marked, key=lambda item: (item[0].span, item[1])):
        if row.span.start >= end:
            if all(held):
                yield held
            held = ([], [])
        held[side].append(row)
        end = max(end, row.span.end)
    if all(held):
        yield held


def _times(rows: Sequence[_Row]) -> tuple[tuple[float, float], ...]:
    return tuple((row.cells["start_seconds"], row.cells["end_seconds"]) for row in rows)


def _signals(old: pa.Table, new: pa.Table) -> list[str]:
    """The columns with a dot are the signals; both releases must have measured them."""
    shared = set(old.column_names) & set(new.column_names)
    return sorted(name for name in shared if "." in name)


def _moved(old: _Videos, new: _Videos, signals: Sequence[str]) -> Iterator[MovedSignal]:
    pairs = [
        (row, others[row.span])
        for name in sorted(old.keys() & new.keys())
        for others in [{one.span: one for one in new[name]}]
        for row in old[name]
        if row.span in others
    ]
    for signal in signals:
        changed = [
            (a, b)
            for a, b in pairs
            if a.cells["unit"] == b.cells["unit"] and _differ(a.cells[signal], b.cells[signal])
        ]
        if changed:
            yield _moved_signal(signal, changed)


def _moved_signal(signal: str, changed: Sequence[tuple[_Row, _Row]]) -> MovedSignal:
    worst = max(changed, key=lambda pair: _step(*(row.cells[signal] for row in pair)))
    largest = _step(*(row.cells[signal] for row in worst))
    return MovedSignal(
        signal=signal,
        clips=len(changed),
        largest=largest or None,
        video=worst[0].cells["video"],
        start_seconds=worst[0].cells["start_seconds"],
        end_seconds=worst[0].cells["end_seconds"],
        before=worst[0].cells[signal],
        after=worst[1].cells[signal],
    )


def _differ(before: Any, after: Any) -> bool:
    """Whether a value moved; one that only one build needed to know has not."""
    return before is not None and after is not None and bool(before != after)


def _step(before: Any, after: Any) -> float:
    return abs(after - before) if isinstance(before, float) else 0.0


def _fingerprints(lock: Mapping[str, Any]) -> dict[str, Any]:
    return {url: video["fingerprint"] for url, video in lock.get("videos", {}).items()}


def _without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], *, nested: bool = True
) -> tuple[Change, ...]:
    """Leaves of two documents that differ; urls are no paths, so their map is compared as it is."""
    before, after = (dict(_flat(one)) if nested else dict(one) for one in (old, new))
    return tuple(
        Change(path=path, before=before.get(path), after=after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__slots__"):
        return {name: _plain(getattr(value, name)) for name in value.__slots__}
    return value


def _section(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = len(lines) - _MOST_LINES
    shown = [f"  {line}" for line in lines[:_MOST_LINES]]
    return [f"{title}:", *shown, *([f"  ... {more} more"] if more > 0 else [])]


def _clip_line(sign: str, clip: ClipChange) -> str:
    by = (
        ""
        if clip.margin is None or clip.reason == "ok"
        else f" by {words.number(abs(clip.margin))}"
    )
    where = f"{clip.video} @ {clip.start_seconds:.2f} to {clip.end_seconds:.2f} s"
    return f"{sign} {where}  ({'was ' if sign == '+' else ''}{clip.reason}{by})"


def _recut_line(one: Recut) -> str:
    sides = (", ".join(f"{a:.2f} to {b:.2f}" for a, b in side) for side in (one.before, one.after))
    return f"~ {one.video} @ {' -> '.join(sides)} s"


def _moved_line(one: MovedSignal) -> str:
    at = f"{one.video} @ {one.start_seconds:.2f} s: {_value(one.before)} -> {_value(one.after)}"
    return f"{one.signal}: {one.clips} clip{'' if one.clips == 1 else 's'}, most at {at}"


def _change_line(one: Change) -> str:
    return f"{one.path}: {_value(one.before)} -> {_value(one.after)}"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    return words.number(value) if isinstance(value, float) else str(value)
