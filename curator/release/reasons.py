"""Why a bound is what it is: what the recipe's author wrote behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from curator.errors import Location
from curator.spec.recipe import Recipe

__all__ = ["reasons"]

_BOUNDS = ("min", "max", "abs_max", "equals", "max_offset_seconds", "min_confidence")


def reasons(recipe: Recipe) -> dict[str, str]:
    """Name of a condition (``keep.voice``) to the comments behind its bounds in the recipe's file.

    Conditions without one, from the command line, or of a recipe that came from a lock have none.
    """
    files: dict[str, tuple[str, ...]] = {}
    out = {}
    for name, path in _conditions(recipe):
        texts = dict.fromkeys(_comments(recipe.places, path, files))
        if texts:
            out[name] = "; ".join(texts)
    return out


def _conditions(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield from ((f"keep.{name}", f"keep.{name}") for name in recipe.keep)
    yield from ((f"where.{name}", f"segment.where.{name}") for name in recipe.segment.where)
    yield from ((f"align.{name}", f"align.{name}") for name in recipe.align)


def _comments(
    places: Mapping[str, Location], path: str, files: dict[str, tuple[str, ...]]
) -> Iterator[str]:
    for name in _BOUNDS:
        place = places.get(f"{path}.{name}")
        if place is None:
            continue
        if place.path not in files:
            files[place.path] = _lines(place.path)
        lines = files[place.path]
        text = _comment(lines[place.line - 1]) if place.line <= len(lines) else ""
        if text:
            yield text


def _lines(path: str) -> tuple[str, ...]:
    try:
        return tuple(Path(path).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):  # the command line, or a file that is gone by now
        return ()


def _comment(line: str) -> str:
    """What stands behind the ``#`` of a line of YAML; quoted text may hold one that begins nothing.

    >>> _comment("min: 0.5   # ratio; half of it"), _comment("equals: 'a # b'"), _comment("a: b#c")
    ('ratio; half of it', '', '')
    """
    quote, before = "", " "
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and before in " \t{[,:":
            quote = char
        elif char == "#" and before in " \t":
            return line[at + 1 :].strip()
        before = char
    return ""
