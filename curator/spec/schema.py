"""The recipe as JSON Schema, for editors: made from the same dataclasses that check it."""

from __future__ import annotations

import ast
import enum
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from fractions import Fraction
from functools import cache
from typing import Any, cast

from curator.registry import measures, shot_detectors
from curator.spec.defaults import is_written, plain
from curator.spec.read import unit_of
from curator.spec.recipe import MeasureSpec, Recipe, ShotsSpec

__all__ = ["field_docs", "recipe_schema"]

_SCALARS: dict[Any, Any] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Fraction: {"type": "number"},
}


@cache
def field_docs(kind: type) -> Mapping[str, str]:
    """The docstring under each field of a dataclass, in the order of the source, its parents' first.

    Fields without one are left out; so is everything when there is no source to read.
    """
    docs: dict[str, str] = {}
    for parent in reversed(kind.__mro__):
        if is_dataclass(parent):
            docs.update(_own_field_docs(parent))
    return docs


def _own_field_docs(kind: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except OSError:
        return {}
    body = cast("ast.ClassDef", ast.parse(source).body[0]).body
    docs: dict[str, str] = {}
    for statement, after in itertools.pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            docs[statement.target.id] = inspect.cleandoc(after.value.value)
    return docs


def recipe_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a recipe file; operators are those that are installed."""
    schema = _record(Recipe)
    schema["properties"]["defaults"] = {
        "type": "array",
        "description": "Recipes and groups that this one builds on; `_self_` is this file.",
    }
    # A recipe may leave to the recipe it inherits from what it does not say.
    schema.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "curator recipe",
        **schema,
    }


def _record(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    docs = field_docs(kind)
    own = [f for f in fields(cast("Any", kind)) if is_written(f)]
    schema: dict[str, Any] = {
        "type": "object",
        "description": (inspect.getdoc(kind) or "").split("\n")[0],
        "properties": {f.name: _field(f, hints[f.name], docs.get(f.name, "")) for f in own},
        # Settings of an operator are written beside `op`; which ones depends on the operator.
        "additionalProperties": kind in (MeasureSpec, ShotsSpec),
    }
    if kind in (MeasureSpec, ShotsSpec):
        known = measures() if kind is MeasureSpec else shot_detectors()
        schema["properties"]["op"]["enum"] = list(known)
    required = [f.name for f in own if f.default is MISSING and f.default_factory is MISSING]
    if required and kind is not MeasureSpec:
        schema["required"] = required
    return schema


def _field(f: Field[Any], hint: Any, doc: str) -> dict[str, Any]:
    unit = unit_of(f)
    schema = _type(hint)
    # A bound of a condition is in the unit of what it judges, so it may always be written with one.
    if _is_number(hint) and (unit or f.name in {"min", "max", "abs_max"}):
        schema = {"anyOf": [schema, {"type": "string"}]}
    if "short" in f.metadata:  # one word for the defaults of what it names
        schema = {"anyOf": [_type(f.metadata["short"]), schema]}
    about = f"{doc} Unit: {unit}." if unit and doc else doc
    out = {**schema, "description": about} if about else dict(schema)
    if f.default is not MISSING and f.default is not None:
        out["default"] = plain(f.default)
    return out


def _type(hint: Any) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_type(option) for option in typing.get_args(hint)]}
    if origin is tuple:
        return {"type": "array", "items": _type(typing.get_args(hint)[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": _type(typing.get_args(hint)[1])}
    if hint is type(None):
        return {"type": "null"}
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": list(hint.__members__)}
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint)
    return {}


def _is_number(hint: Any) -> bool:
    return any(option in (int, float) for option in (hint, *typing.get_args(hint)))
