"""Where each key of a composed recipe was written: the file that set it last, or the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from curator.errors import Location
from curator.spec.recipe import Recipe
from curator.spec.words import override_key
from curator.spec.yaml_file import compose_text, location, read_marks

__all__ = ["ConfigFile", "Places", "place_of", "places_of"]

_COMMAND_LINE = "command line"
_HYDRAS = frozenset({"defaults", "hydra"})


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that takes part in a composition."""

    path: Path
    package: str = ""
    """Dotted path under which its keys appear; empty for the top level."""


@dataclass(frozen=True, slots=True)
class Places:
    """Positions by dotted path."""

    values: Mapping[str, Location] = field(default_factory=dict)
    """Of scalar values; of the key where the value is a map or a list."""
    keys: Mapping[str, Location] = field(default_factory=dict)
    invented: frozenset[str] = frozenset()
    """Paths that exist only because an override without ``+`` mentioned them."""

    def value(self, path: str) -> Location | None:
        """Where the value was written, or the nearest key around it."""
        return _nearest(self.values, path)

    def key(self, path: str) -> Location | None:
        """Where the key was written, or the nearest key around it."""
        return _nearest(self.keys, path)


def place_of(recipe: Recipe, path: str) -> Location | None:
    """Where the value at a dotted path was written, e.g. ``sources.films.url``; None for a default."""
    return _nearest(recipe.places, path)


def places_of(
    files: Iterable[ConfigFile], overrides: Sequence[str], known: Iterable[str] = ()
) -> Places:
    """Positions of a composition.

    Args:
        files: In the order in which they are merged.
        overrides: As the user wrote them.
        known: Dotted paths that exist by default.

    Raises:
        RecipeErrors: when a file is not YAML.
    """
    values: dict[str, Location] = {}
    keys: dict[str, Location] = {}
    for file in files:
        prefix = f"{file.package}." if file.package else ""
        for mark in read_marks(file.path):
            if not prefix and mark.path.partition(".")[0] in _HYDRAS:
                continue
            keys[prefix + mark.path] = location(file.path, mark.key)
            values[prefix + mark.path] = location(file.path, mark.value)
    invented: set[str] = set()
    known = set(known)
    for word in overrides:
        path = override_key(word)
        if word[:1] not in {"+", "~"}:
            missing = [p for p in _prefixes(path) if p not in known and p not in keys]
            invented.update(missing)
            values.update(dict.fromkeys(missing, Location(_COMMAND_LINE, 1, 1)))
            keys.update(dict.fromkeys(missing, Location(_COMMAND_LINE, 1, 1)))
        for at, column, key_column in _override_places(word):
            keys[at] = Location(_COMMAND_LINE, 1, key_column)
            values[at] = Location(_COMMAND_LINE, 1, column)
    return Places(values, keys, frozenset(invented))


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _override_places(word: str) -> list[tuple[str, int, int]]:
    """Path, column of the value and column of the key, for an override and for what is inside it."""
    key, _, value = word.partition("=")
    path = override_key(word)
    start = len(key) + 2
    places = [(path, start, len(key) - len(path) + 1)]
    try:
        node = compose_text(value) if value.startswith("{") else None
    except yaml.YAMLError:  # Hydra's grammar is not quite YAML; then the whole value is the place
        node = None
    return [*places, *_inside(node, path, start)]


def _inside(node: yaml.Node | None, path: str, start: int) -> list[tuple[str, int, int]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    places = []
    for key, value in node.value:
        inner = f"{path}.{key.value}"
        at_key = start + key.start_mark.column
        scalar = isinstance(value, yaml.ScalarNode)
        places.append((inner, start + value.start_mark.column if scalar else at_key, at_key))
        places.extend(_inside(value, inner, start))
    return places


def _nearest(places: Mapping[str, Location], path: str) -> Location | None:
    while path and path not in places:
        path = path.rpartition(".")[0]
    return places.get(path)
