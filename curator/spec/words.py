"""The words of a command line: which recipe, which overrides, and what is left for Hydra.

Two conveniences over plain Hydra. A recipe may be given by name or by file without ``recipe=``. And an
override may name a field that the recipe left at its default (``keep.sharp.max=0.9``), which Hydra
would only take as ``+keep.sharp.max``; what is really unknown is found when the recipe is compiled.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curator.errors import UsageError

__all__ = ["Words", "is_override", "override_key", "parse_words", "relax", "restore"]

_TAKES_VALUE = frozenset(
    {"--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"}
    | {"--config-dir", "-cd"}
)
# All but Hydra's --experimental-rerun, which would unpickle a file.
_FLAGS = _TAKES_VALUE | {"-m", "--multirun", "-r", "--run", "--resolve", "--hydra-help"}
_FLAGS |= {"--info", "-i"}
_INFO_TOPICS = frozenset(["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"])
_SIMPLE = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A command line taken apart."""

    flags: tuple[str, ...]
    """For Hydra: ``-m``, ``--cfg job`` ..."""
    overrides: tuple[str, ...]
    """As the user wrote them, the recipe's included."""
    folder: Path | None = None
    """The folder of a recipe that was given as a file: it is searched first."""

    @property
    def names_recipe(self) -> bool:
        """Whether it says which recipe."""
        return any(word.startswith("recipe=") for word in self.overrides)


def is_override(word: str) -> bool:
    """Whether a word is an override in Hydra's grammar rather than a name or a flag."""
    return not word.startswith("-") and ("=" in word or word.startswith("~"))


def parse_words(argv: Sequence[str]) -> Words:
    """Take a command line apart.

    Raises:
        UsageError: for an unknown flag, two recipes, or a recipe file that is not there.
    """
    flags: list[str] = []
    overrides: list[str] = []
    recipes: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if (word in _TAKES_VALUE and rest) or (
            word in {"--info", "-i"} and rest and rest[0] in _INFO_TOPICS
        ):
            flags += [word, rest.pop(0)]
        elif word.startswith("-"):
            flags.append(_known(word))
        else:
            (overrides if is_override(word) else recipes).append(word)
    if len(recipes) > 1:
        raise UsageError(
            f"one recipe at a time, got {' and '.join(recipes)}",
            reason="usage-recipes",
            hint=f"several in one go: -m recipe={','.join(recipes)}",
        )
    folder = None
    if recipes:
        override, folder = _recipe(recipes[0])
        overrides.insert(0, override)
    return Words(flags=tuple(flags), overrides=tuple(overrides), folder=folder)


def override_key(word: str) -> str:
    """The dotted path that an override sets or deletes, without its prefix."""
    return word.partition("=")[0].lstrip("+~")


def relax(word: str) -> str:
    """``keep.sharp.max=1`` as ``++keep.sharp.max=1``; groups and Hydra's own keys stay as they are."""
    key = word.partition("=")[0]
    plain = key[:1] not in {"+", "~"} and "." in key and not key.startswith("hydra")
    return f"++{word}" if plain and not set(key) & set("/@") else word


def restore(line: str, words: Sequence[str]) -> str:
    """The override as the user wrote it, from what Hydra reports (in a sweep, one value of several)."""
    plain = {override_key(word) for word in words if relax(word) != word}
    return line[2:] if line.startswith("++") and override_key(line) in plain else line


def _known(flag: str) -> str:
    name = flag.partition("=")[0]
    if name not in _FLAGS:
        close = difflib.get_close_matches(name, _FLAGS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else "`--help` after the command lists them"
        raise UsageError(f"no option '{flag}' here", reason="usage-option", hint=hint)
    return flag


def _recipe(word: str) -> tuple[str, Path | None]:
    if not word.endswith((".yaml", ".yml")):
        return f"recipe={word}", None
    file = Path(word).resolve()
    if not file.is_file():
        raise UsageError(f"there is no recipe file '{word}'", reason="usage-no-file")
    if file.suffix != ".yaml":
        raise UsageError(f"a recipe file ends in .yaml, not '{file.name}'", reason="usage-suffix")
    name = file.stem if _SIMPLE.fullmatch(file.stem) else "'" + file.stem.replace("'", "\\'") + "'"
    return f"recipe={name}", file.parent
