"""What those who use a release rely on besides its samples: columns, meanings of signals, rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import StoreError
from curator.pack.layouts import layout_of
from curator.release.read import ReleaseFolder

__all__ = ["surface"]

_RULES = ("keep", "segment", "distinct", "balance", "splits", "rights")
"""Keys of a recipe that say which footage becomes a sample."""
_NO_SIGNALS = frozenset({"poster", "shots"})
"""Nodes of a plan whose results are no columns."""


def surface(release: ReleaseFolder) -> dict[str, Any]:
    """As plain JSON types, small enough to be kept with every version.

    ``columns``: name to type in the shards; ``signals``: measure to what its numbers mean (operator,
    version, settings, weights); ``rules``: settings of the recipe that select, by dotted path.
    """
    lock = release.lock()
    recipe = lock.get("recipe", {})
    return {
        "columns": _columns(release),
        "signals": _signals(lock),
        "rules": {
            path: value
            for name in _RULES
            if recipe.get(name) is not None
            for path, value in _flat(recipe[name], name)
        },
    }


def _columns(release: ReleaseFolder) -> dict[str, str]:
    """All shards have the same columns, so one of those that are here is asked."""
    layout = layout_of(release.manifest)
    shards = sorted(
        path
        for path in release.manifest["files"]
        if layout.is_index(path) and (release.folder / path).is_file()
    )
    if not shards:
        return {}
    try:
        schema = pq.read_schema(release.folder / shards[0])
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"release '{release.folder}' cannot be read: {error}", reason="release-broken"
        ) from error
    return {field.name: str(field.type) for field in layout.features(schema)}


def _signals(lock: Mapping[str, Any]) -> dict[str, Any]:
    weights: dict[str, dict[str, str]] = {}
    for name, weight in lock.get("weights", {}).items():
        node, _, rest = name.partition(".")
        weights.setdefault(node, {})[rest] = weight.get("sha256", "")
    nodes = lock.get("plan", {}).get("nodes", {})
    return {
        name: {
            "op": node.get("op"),
            "version": node.get("version"),
            "params": node.get("params", {}),
            "weights": weights.get(name, {}),
        }
        for name, node in nodes.items()
        if name not in _NO_SIGNALS
    }


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}")
    elif value is not None:
        yield path, value
