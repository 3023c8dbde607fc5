"""A recipe file as text with positions: what Hydra forgets and a good error message needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from curator.errors import Location, RecipeError, RecipeErrors

__all__ = ["Mark", "compose_text", "location", "read_marks", "text_keys", "vet", "yaml_error"]

_NOT_A_RECIPES = {
    "hydra": "it configures the command line itself",
    "engine": "it says how to build: put it on the command line, e.g. engine.workers=2",
    "store": "it says how to build: put it on the command line, e.g. store.root=DIR",
    "out": "it says how to build: put it on the command line, out=DIR",
    "publish": "it says where a release goes: put it on the command line, publish.repo=org/name",
}
_HEADER = re.compile(r"^\s*#\s*@package\s+(\S+)")
_RESOLVER = re.compile(r"\$\{\s*[\w.]+\s*:")

# The C parser is an order of magnitude faster and marks the same places.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where one key and its value were written, 0-based as YAML counts."""

    path: str
    key: tuple[int, int]
    """Line and column of the key."""
    value: tuple[int, int]
    """Line and column of a scalar value; of the key for a mapping or a list."""
    text: str | None
    """The scalar as written; None for a mapping or a list."""


def location(file: Path, at: tuple[int, int]) -> Location:
    """A place as editors count, with the path as short as it can be."""
    here = Path.cwd()
    short = file.relative_to(here) if file.is_relative_to(here) else file
    return Location(str(short), at[0] + 1, at[1] + 1)


def read_marks(file: Path) -> list[Mark]:
    """Every key of a file with its places, in file order, whatever the nesting.

    Raises:
        RecipeErrors: ``recipe-yaml`` or ``recipe-wrong-type`` when it is not a YAML map.
    """
    try:
        node = compose_text(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RecipeErrors([yaml_error(file, error)]) from error
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        where = location(file, (node.start_mark.line, node.start_mark.column))
        message = f"a recipe is a map of settings, '{file.name}' is not"
        raise RecipeErrors([RecipeError(message, reason="recipe-wrong-type", where=where)])
    return list(_walk(node, ""))


def compose_text(text: str) -> yaml.Node | None:
    """The tree of nodes of a YAML text; nothing is constructed."""
    node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return node


def text_keys(text: str) -> str:
    """A YAML text whose keys are text: ``yes``, ``no``, ``on`` and the like are quoted where they are keys.

    YAML 1.1 takes them for true and false, which no setting is called and some are: prompts have
    a `yes` and a `no`.

    Raises:
        yaml.YAMLError: when it is no YAML.
    """
    node = compose_text(text)
    keys = [] if node is None else _boolean_keys(node)
    # A map that is merged elsewhere is met twice. The last first, so that places stay what they are.
    places = {(key.start_mark.index, key.end_mark.index) for key in keys}
    for start, end in sorted(places, reverse=True):
        text = f"{text[:start]}'{text[start:end]}'{text[end:]}"
    return text


def _boolean_keys(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _boolean_keys(item)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                yield key
            yield from _boolean_keys(value)


def yaml_error(file: Path, error: yaml.YAMLError) -> RecipeError:
    """A syntax error, where the parser stumbled."""
    mark = getattr(error, "problem_mark", None)
    where = location(file, (mark.line, mark.column)) if mark else location(file, (0, 0))
    problem = getattr(error, "problem", None) or "it cannot be read"
    return RecipeError(f"this is not valid YAML: {problem}", reason="recipe-yaml", where=where)


def vet(file: Path) -> None:
    """Refuse what a recipe may not do, before Hydra sees it.

    Hydra's own configuration can name Python to call, and resolvers can read the environment into a
    release; neither may come from a file that somebody downloaded.

    Raises:
        RecipeErrors: all such places at once.
    """
    marks = read_marks(file)
    errors = [*_vet_header(file), *(error for mark in marks for error in _vet_mark(file, mark))]
    if errors:
        raise RecipeErrors(errors)


def _vet_header(file: Path) -> Iterator[RecipeError]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        header = _HEADER.match(line)
        if header and header[1] != "_global_":
            yield RecipeError(
                f"a recipe is written at the top level, not in package '{header[1]}'",
                reason="recipe-forbidden",
                where=location(file, (number, header.start(1))),
                hint="remove the '# @package' line",
            )


def _vet_mark(file: Path, mark: Mark) -> Iterator[RecipeError]:
    if mark.path in _NOT_A_RECIPES:
        message = f"'{mark.path}' cannot be set by a recipe: {_NOT_A_RECIPES[mark.path]}"
        where = location(file, mark.key)
        yield RecipeError(message, reason="recipe-forbidden", where=where)
    head = mark.path.partition(".")[0]
    if head == "defaults" and re.search("@|hydra", f"{mark.path}{mark.text}"):
        yield RecipeError(
            "the defaults list of a recipe names recipes and groups, without packages",
            reason="recipe-forbidden",
            where=location(file, mark.key),
        )
    if mark.text is not None and _RESOLVER.search(mark.text):
        yield RecipeError(
            f"'{mark.text}' calls a resolver; a recipe may only refer to its own keys",
            reason="recipe-forbidden",
            where=location(file, mark.value),
            hint="put the value on the command line, where your shell fills it in",
        )


def _walk(node: yaml.Node, prefix: str) -> Iterator[Mark]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for one in merged:
                    yield from _walk(one, prefix)
            else:
                yield from _entry(f"{prefix}{key.value}", key, value)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _entry(f"{prefix}{index}", item, item)


def _entry(path: str, key: yaml.Node, value: yaml.Node) -> Iterator[Mark]:
    at_key = (key.start_mark.line, key.start_mark.column)
    if isinstance(value, yaml.ScalarNode):
        at_value = (value.start_mark.line, value.start_mark.column)
        yield Mark(path, at_key, at_value, value.value)
    else:
        yield Mark(path, at_key, at_key, None)
        yield from _walk(value, f"{path}.")
