"""What changed from the published version to a new release, and which version number that asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curator.hub.version import Level

__all__ = ["Change", "Changes", "changes"]

_MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One reason for a new version, in words."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All of them, the gravest first."""

    added: int
    removed: int
    changed: int
    """Samples that are still there, made in another way or in another split."""
    reasons: tuple[Change, ...]

    @property
    def level(self) -> Level:
        """The gravest."""
        return max((one.level for one in self.reasons), default=Level.none)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "level": self.level.name,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "reasons": [{"level": one.level.name, "text": one.text} for one in self.reasons],
        }


def changes(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    old_surface: Mapping[str, Any],
    new_surface: Mapping[str, Any],
) -> Changes:
    """Compare two manifests and what each says about its columns, signals and rules."""
    before, after = old["samples"], new["samples"]
    both = before.keys() & after.keys()
    redone = {one for one in both if before[one]["key"] != after[one]["key"]}
    moved = {one for one in both if before[one]["split"] != after[one]["split"]}
    found = [
        *_samples("removed", before.keys() - after.keys(), before, Level.major),
        *_samples("made in another way", redone, after, Level.major),
        *_samples("moved to another split", moved - redone, after, Level.major),
        *_columns(old_surface["columns"], new_surface["columns"]),
        *_signals(old_surface["signals"], new_surface["signals"]),
        *_samples("added", after.keys() - before.keys(), after, Level.minor),
        *_rules(old_surface["rules"], new_surface["rules"]),
    ]
    was, now = (one.get("layout", "parquet") for one in (old, new))
    if was != now:
        found.append(Change(level=Level.major, text=f"layout {was} became {now}"))
    if old["name"] != new["name"]:
        found.append(
            Change(level=Level.major, text=f"recipe '{old['name']}' became '{new['name']}'")
        )
    if not found:
        found.append(Change(level=Level.patch, text=_words(old, new)))
    return Changes(
        added=len(after.keys() - before.keys()),
        removed=len(before.keys() - after.keys()),
        changed=len(redone | moved),
        reasons=tuple(sorted(found, key=lambda one: -one.level)),
    )


def _samples(
    what: str, ids: set[str], samples: Mapping[str, Any], level: Level
) -> Iterator[Change]:
    if not ids:
        return
    videos = len({samples[one]["fingerprint"] for one in ids})
    splits = Counter(samples[one]["split"] for one in ids)
    where = ", ".join(f"{name} {count}" for name, count in sorted(splits.items()))
    text = f"{_count(len(ids), 'sample')} {what} ({where}; of {_count(videos, 'video')})"
    yield Change(level=level, text=text)


def _columns(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    def told(what: str, names: Sequence[str]) -> Iterator[Change]:
        if names:
            yield Change(level=Level.major, text=f"columns {what}: {_named(names)}")

    yield from told("removed", sorted(old.keys() - new.keys()))
    yield from told("added", sorted(new.keys() - old.keys()))
    retyped = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    yield from told("of another type", [f"{one} ({old[one]} -> {new[one]})" for one in retyped])


def _signals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """The same measure that now says something else."""
    for name in sorted(old.keys() & new.keys()):
        differ = [
            f"{path}: {_show(a)} -> {_show(b)}" for path, a, b in _differences(old[name], new[name])
        ]
        if differ:
            text = f"signals of '{name}' mean something else: {_named(differ)}"
            yield Change(level=Level.major, text=text)


def _rules(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for path, before, after in _differences(old, new):
        text = f"rule {path}: {_show(before)} -> {_show(after)}"
        yield Change(level=Level.minor, text=text)


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{prefix}{name}.")
        elif before != after:
            yield f"{prefix}{name}", before, after


def _words(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What is left when nothing that people rely on changed."""
    names = sorted(
        path
        for path in old["files"].keys() | new["files"].keys()
        if old["files"].get(path) != new["files"].get(path) and path != "version.json"
    )
    return f"the same samples; other files: {_named(names)}" if names else "the same, whole again"


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _show(value: Any) -> str:
    if value is None:
        return "(none)"
    text = str(value)
    # Digests of weights are told by their first characters.
    return text[:12] if len(text) == 64 else text
