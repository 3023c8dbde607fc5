"""The recipe that says nothing: every field at its default, as a plain document.

Recipes are merged over it, so that any field can be overridden and completed on the command line.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from fractions import Fraction
from typing import Any

from curator.spec.recipe import Recipe

__all__ = ["REQUIRED", "is_written", "plain", "recipe_defaults"]

REQUIRED = "???"
"""OmegaConf's word for a value that somebody has to give."""


def recipe_defaults() -> dict[str, Any]:
    """Every field of a recipe that has a fixed name, with its default or ``???``."""
    return {f.name: _default(f) for f in fields(Recipe) if is_written(f)}


def is_written(f: Field[Any]) -> bool:
    """Whether a field is a key of the document; the others are made by the compiler."""
    return bool(f.metadata.get("written", True))


def plain(value: object) -> Any:
    """Records as maps and enumerations as their names, down to what YAML and JSON know."""
    if is_dataclass(value) and not isinstance(value, type):
        own = {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        params = own.pop("params", {})
        own.pop("places", None)
        return {**own, **params}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    return value


def _default(f: Field[Any]) -> Any:
    if f.default is not MISSING:
        return plain(f.default)
    return plain(f.default_factory()) if f.default_factory is not MISSING else REQUIRED
