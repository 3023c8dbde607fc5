"""What ``segment.split`` of a recipe says: where a stretch becomes several clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curator.errors import MeasureError, RecipeError
from curator.spec.conditions import note_invented
from curator.spec.operand import Operand, resolve
from curator.spec.read import FAILED, Reader
from curator.spec.recipe import MeasureSpec, SplitSpec, StillSpec
from curator.spec.told import is_told, resolve_told
from curator.spec.tracks import check_role, sidecar_of

__all__ = ["check_split", "read_splits"]

_NUMBERS = ("floor", "min", "max")


def read_splits(
    node: Any, named: Mapping[str, MeasureSpec], roles: frozenset[str] | None, reader: Reader
) -> dict[str, SplitSpec | None]:
    """Every entry of ``segment.split``; mistakes go to `reader`. `roles` are those of the sources (`roles_of`)."""
    path = "segment.split"
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", path, f"'{path}' is a map of named places to cut at")
        return {}
    made: dict[str, SplitSpec | None] = {}
    for name, entry in node.items():
        full = f"{path}.{name}"
        if full in reader.places.invented:
            note_invented(full, str(name), node, reader)
        else:
            made[str(name)] = split = _read(entry, full, named, reader)
            found = sidecar_of(split.of) if split is not None else None
            if found is not None:
                check_role(found[0], f"{full}.of", roles, reader)
    return made


def check_split(split: SplitSpec, path: str, reader: Reader) -> None:
    """Note what does not go together."""
    bounds = [name for name in ("min", "max") if getattr(split, name) is not None]
    if split.dip is None and not bounds:
        hint = "dip: 0.3 cuts at rests; min or max in the middle of where it holds"
        reader.note("recipe-no-bound", path, f"'{path}' has no bound", hint=hint, at_key=True)
    if split.dip is not None and bounds:
        message = f"'{path}' has both dip and {bounds[0]}: make two entries of them"
        reader.note("recipe-wrong-type", f"{path}.{bounds[0]}", message)
    if split.dip is not None and not 0 < split.dip < 1:
        message = f"'{path}.dip' is {split.dip:g}, and must be above 0 and below 1"
        reader.note("recipe-out-of-range", f"{path}.dip", message)
    if split.floor is not None and (split.dip is None or split.floor < 0):
        message = f"'{path}.floor' belongs to dip, and is not negative"
        reader.note("recipe-out-of-range", f"{path}.floor", message)
    if split.min is not None and split.max is not None and split.min > split.max:
        message = f"'{path}' cuts nowhere: min {split.min:g} is above max {split.max:g}"
        reader.note("recipe-min-above-max", f"{path}.min", message)


def _read(
    node: Any, path: str, named: Mapping[str, MeasureSpec], reader: Reader
) -> SplitSpec | None:
    if not isinstance(node, Mapping):
        return reader.record(SplitSpec, node, path)
    operand = _operand(node.get("of"), f"{path}.of", named, reader)
    given: dict[str, Any] = {}
    for name in _NUMBERS:
        value = node.get(name)
        unit = "" if operand is None else operand.unit
        given[name] = None if value is None else reader.number(value, unit, f"{path}.{name}")
    values = reader.values(SplitSpec, node, path, skip=given)
    if values is None or operand is None or any(one is FAILED for one in given.values()):
        return None
    return reader.make(SplitSpec, {**values, **given}, path)


def _operand(
    of: Any, path: str, named: Mapping[str, MeasureSpec], reader: Reader
) -> Operand | None:
    """A number per moment; that it is missing or no text is noted with the rest of the entry."""
    if not isinstance(of, str):
        return None
    try:
        operand = resolve_told(of, StillSpec()) if is_told(of) else resolve(of, named)
    except (RecipeError, MeasureError) as error:
        reader.note(error.reason, path, error.message, hint=error.hint)
        return None
    if operand.per_frame:
        return operand
    message = f"'{of}' is one number per clip; clips are cut by a number per frame"
    hint = f"without the statistic: {of.rpartition('.')[0]}" if operand.stat else None
    reader.note("recipe-unknown-signal", path, message, hint=hint)
    return None
