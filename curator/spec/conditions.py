"""Conditions: what they are about, and their bounds in the unit of that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from curator.errors import MeasureError, RecipeError
from curator.registry import nearest
from curator.spec.manifests import UNIT, is_manifest, resolve_manifest
from curator.spec.operand import STATISTICS, Operand, resolve
from curator.spec.read import FAILED, Reader
from curator.spec.recipe import Absent, Condition, MeasureSpec, StillSpec
from curator.spec.told import is_told, resolve_told
from curator.spec.tracks import check_role, sidecar_of

__all__ = ["TEXT", "note_invented", "read_conditions"]

TEXT = frozenset({"text", "name"})
"""Units of signals that are words, such as a codec: only `equals` fits them."""

_NUMBER = re.compile(r"\s*[+-]?[\d.]+")
_BOUNDS = ("min", "max", "abs_max")


def read_conditions(
    node: Any,
    path: str,
    *,
    per_frame: bool,
    named: Mapping[str, MeasureSpec],
    reader: Reader,
    roles: frozenset[str] | None = None,
) -> dict[str, Condition]:
    """Every condition of ``segment.where`` (`per_frame`) or ``keep``; mistakes go to `reader`.

    `roles` are those of the sources (`roles_of`). A condition that keeps clips without a track may name
    one that no source has: shipped recipes use what some footage brings along.
    """
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", path, f"'{path}' is a map of named conditions")
        return {}
    made: dict[str, Condition] = {}
    for name, entry in node.items():
        full = f"{path}.{name}"
        if full in reader.places.invented:
            note_invented(full, str(name), node, reader)
            continue
        condition = _read(entry, full, per_frame=per_frame, named=named, reader=reader)
        if condition is not None:
            made[str(name)] = condition
            found = sidecar_of(condition.of)
            if found is not None and condition.absent is not Absent.keep:
                check_role(found[0], f"{full}.of", roles, reader)
            if is_manifest(condition.of) and condition.absent is not Absent.keep:
                _check_manifest(condition.of, f"{full}.of", roles, reader)
    return made


def note_invented(full: str, name: str, siblings: Mapping[str, Any], reader: Reader) -> None:
    """Note an entry that an override without ``+`` would have made: a name that the recipe does not have."""
    others = [str(other) for other in siblings if other != name]
    reader.note(
        "recipe-unknown-key",
        full,
        f"the recipe has no '{full}'",
        hint=f"{nearest(name, others)}; to add one: '+{full}={{of: ..., min: ...}}'",
        at_key=True,
    )


def _read(
    node: Any, path: str, *, per_frame: bool, named: Mapping[str, MeasureSpec], reader: Reader
) -> Condition | None:
    given: dict[str, Any] = dict.fromkeys((*_BOUNDS, "equals"))
    values = reader.values(Condition, node, path, skip=given)
    if not isinstance(node, Mapping):
        return None
    bounds = {name: node[name] for name in given if node.get(name) is not None}
    if not bounds:
        hint = "give min, max, abs_max or equals"
        reader.note("recipe-no-bound", path, f"'{path}' has no bound", hint=hint, at_key=True)
    of = node.get("of")
    if not isinstance(of, str):
        return None
    operand = _operand(of, f"{path}.of", per_frame=per_frame, named=named, reader=reader)
    numbers = {
        name: _bound(name, value, operand, f"{path}.{name}", reader)
        for name, value in bounds.items()
    }
    if values is None or operand is None or any(n is FAILED for n in numbers.values()):
        return None
    _check_order(numbers, path, reader)
    if per_frame and values.get("absent") is Absent.unscored:
        reader.note(
            "recipe-wrong-type",
            f"{path}.absent",
            "a condition under 'where' decides where clips are, so it cannot leave frames unscored",
            hint="drop or keep",
        )
    return reader.make(Condition, {**values, **given, **numbers}, path)


def _operand(
    of: str, path: str, *, per_frame: bool, named: Mapping[str, MeasureSpec], reader: Reader
) -> Operand | None:
    try:
        if is_manifest(of):
            operand = resolve_manifest(of)
        else:
            operand = resolve_told(of, StillSpec()) if is_told(of) else resolve(of, named)
    except (RecipeError, MeasureError) as error:
        reader.note(error.reason, path, error.message, hint=error.hint)
        return None
    if operand.per_frame == per_frame:
        return operand
    if per_frame:
        message = f"'{of}' is one number per clip; a condition under 'where' is about frames"
        hint = "move it to keep"
    else:
        message = f"'{of}' is a number per frame; a condition under 'keep' is about clips"
        hint = f"say which statistic: {of}.median (or {', '.join(STATISTICS)})"
    reader.note("recipe-unknown-signal", path, message, hint=hint)
    return None


def _bound(name: str, value: Any, operand: Operand | None, path: str, reader: Reader) -> Any:
    if operand is not None and operand.unit == UNIT and name == "equals":
        return _equal(value, path, reader)
    if operand is None:  # the unit is not known; `equals` might even be text
        return value if name == "equals" else reader.number(_unitless(value), "", path)
    if operand.unit in TEXT:
        if name == "equals" and isinstance(value, str):
            return value
        message = f"'{operand.name}' is text: only 'equals' with a text fits it"
        reader.note("recipe-wrong-type", path, message)
        return FAILED
    number = reader.number(value, operand.unit, path)
    return number if number is FAILED else float(number)


def _check_manifest(of: str, path: str, roles: frozenset[str] | None, reader: Reader) -> None:
    """Note that no source is, or may hold, a manifest (`roles` are known then)."""
    if roles is not None:
        message = f"'{of}' is a column of a manifest, and no source is one"
        hint = "a .csv, .jsonl or .parquet with a url column, or `absent: keep`"
        reader.note("recipe-unknown-signal", path, message, hint=hint)


def _equal(value: Any, path: str, reader: Reader) -> Any:
    """What a column may be equal to: text, a number, or a flag, which is 1 or 0."""
    if isinstance(value, bool):
        return float(value)
    return value if isinstance(value, str) else reader.number(value, "", path)


def _unitless(value: Any) -> Any:
    """The number of a quantity in whatever unit."""
    found = _NUMBER.match(value) if isinstance(value, str) else None
    return found[0] if found else value


def _check_order(bounds: Mapping[str, Any], path: str, reader: Reader) -> None:
    low, high, size = (bounds.get(name) for name in _BOUNDS)
    if low is not None and high is not None and low > high:
        message = f"'{path}' keeps nothing: min {low:g} is above max {high:g}"
        reader.note("recipe-min-above-max", f"{path}.min", message)
    if size is not None and size < 0:
        message = f"'{path}' keeps nothing: abs_max is {size:g}"
        reader.note("recipe-out-of-range", f"{path}.abs_max", message)
