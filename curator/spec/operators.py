"""Operators that a recipe names with ``op``, found in the registry, their settings typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from curator.errors import MeasureError
from curator.registry import nearest
from curator.spec.defaults import REQUIRED
from curator.spec.operand import plain_setting
from curator.spec.places import Places
from curator.spec.read import Reader

__all__ = ["instance", "operator", "read_params"]

T = TypeVar("T")


def operator(
    op: Any, path: str, known: Mapping[str, object], load: Callable[[str], T], reader: Reader
) -> T | None:
    """The class behind a name; None when the mistake has been noted."""
    if op is None or op == REQUIRED:
        reader.missing(path, "op")
        return None
    if op not in known:
        reader.note(
            "recipe-unknown-measure",
            f"{path}.op",
            f"no operator is called '{op}'",
            hint=nearest(str(op), list(known)),
        )
        return None
    try:
        return load(op)
    except MeasureError as error:
        reader.note(error.reason, f"{path}.op", error.message, hint=error.hint)
        return None


def read_params(kind: type, params: Mapping[str, Any], path: str, reader: Reader) -> dict[str, Any]:
    """The settings that a recipe gives an operator, checked and in declared units; mistakes go to `reader`."""
    values = reader.values(kind, params, path)
    if values is None or reader.make(kind, values, path) is None:
        return {}
    return {name: plain_setting(value) for name, value in values.items()}


def instance(kind: type[T], params: Mapping[str, Any]) -> T:
    """An operator with its settings typed.

    Raises:
        RecipeErrors: when the settings do not fit; never for a checked recipe.
    """
    reader = Reader(Places())
    made = reader.record(kind, params, getattr(kind, "name", kind.__name__))
    reader.finish()
    assert made is not None, "a reader without errors has made its record"
    return made
