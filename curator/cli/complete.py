"""Tab completion. Commands and recipe names are answered at once; keys of a recipe need Hydra."""

from __future__ import annotations

import os
from collections.abc import Sequence

from curator.cli.verbs import RECIPE_VERBS, VERBS

__all__ = ["answers", "shell_completion"]


def shell_completion(argv: Sequence[str]) -> int:
    """``-sc install=bash`` prints the script to evaluate, ``-sc query=bash`` answers ``COMP_LINE``."""
    asked = argv[1] if len(argv) > 1 else ""
    line = os.environ.get("COMP_LINE", "")
    if asked.startswith("query="):
        known = answers(line)
        if known is not None:
            print(" ".join(known))
            return 0
        os.environ["COMP_LINE"] = _for_hydra(line)
    _ask_hydra(asked)
    return 0


def answers(line: str) -> list[str] | None:
    """What may stand at the end of a command line; None when only Hydra can know."""
    words, part = _split(line)
    if not words:
        return sorted(name for name in VERBS if name.startswith(part))
    verb = words[0]
    if verb in RECIPE_VERBS:
        return _recipe_names(verb, words[1:], part)
    if verb not in VERBS:
        return []
    if len(words) == 1:
        return [topic for topic in VERBS[verb].topics if topic.startswith(part)]
    return sorted(name for name in _names(verb, words[1]) if name.startswith(part))


def _recipe_names(verb: str, words: list[str], part: str) -> list[str] | None:
    from curator.spec.folders import recipe_files

    plain = [word for word in words if not word.startswith("-") and "=" not in word]
    if part.startswith("recipe="):
        # In a sweep, only the last of several names is still open.
        before, comma, _ = part.rpartition(",")
        head = before + comma if comma else "recipe="
        return [f"{head}{name}" for name in recipe_files() if f"{head}{name}".startswith(part)]
    if any(word.startswith("recipe=") for word in words) or len(plain) > (verb == "explain"):
        return None
    if verb == "explain" and not plain:
        return []  # the target: the shell completes files by itself
    found = [name for name in (*recipe_files(), "recipe=") if name.startswith(part)]
    return found if found or "." not in part else []


def _names(verb: str, topic: str) -> Sequence[str]:
    if verb == "recipes" and topic in {"show", "cp", "check"}:
        from curator.spec.folders import recipe_files

        return list(recipe_files())
    if (verb, topic) == ("ops", "show") or verb == "weights":
        from importlib.metadata import entry_points

        groups = ["curator.measures", "curator.shots"]
        if verb == "ops":
            groups += ["curator.aligners", "curator.readers"]
        return [point.name for group in groups for point in entry_points(group=group)]
    return []


def _for_hydra(line: str) -> str:
    """The line as a plain Hydra application would see it."""
    from curator.errors import UsageError
    from curator.spec.words import parse_words

    words, part = _split(line)
    rest = words[2:] if words[0] == "explain" else words[1:]
    try:
        overrides = parse_words(rest).overrides
    except UsageError:  # half a line may make no sense yet
        overrides = ()
    return " ".join(["curator", *overrides, part])


def _ask_hydra(asked: str) -> None:
    from curator.spec.compose import compose
    from curator.spec.words import Words

    compose(Words(flags=("-sc",), overrides=(asked,)))


def _split(line: str) -> tuple[list[str], str]:
    """The finished words after the command's name, and the unfinished one."""
    words = line.split()
    part = "" if not words or line.endswith(" ") else words.pop()
    return words[1:], part
