"""Why a bound is what it is: what the recipe's author wrote behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        text = _comment_at(files[place.path], place.line - 1)
        if text:
            yield text


def _lines(path: str) -> tuple[str, ...]:
    try:
        return tuple(Path(path).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):  # the command line, or a file that is gone by now
        return ()


def _comment_at(lines: Sequence[str], number: int) -> str:
    """The comment behind a line, and below it as long as it goes on in the same column."""
    if number >= len(lines) or (at := _mark(lines[number])) is None:
        return ""
    words = [lines[number][at + 1 :].strip()]
    for line in lines[number + 1 :]:
        if line[:at].strip() or line[at : at + 1] != "#":
            break
        words.append(line[at + 1 :].strip())
    return " ".join(words)


def _mark(line: str) -> int | None:
    """Where the comment of a line of YAML begins; quoted text may hold a ``#`` that begins nothing.

    >>> _mark("min: 0.5 # half"), _mark("equals: 'a # b'"), _mark("a: b#c")
    (9, None, None)
    """
    quote, before = "", " "
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and before in " \t{[,:":
            quote = char
        elif char == "#" and before in " \t":
            return at
        before = char
    return None
