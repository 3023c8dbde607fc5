"""What ``distinct`` and ``balance`` of a recipe refer to, resolved and typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curator.errors import MeasureError, RecipeError
from curator.registry import nearest
from curator.spec.conditions import TEXT
from curator.spec.operand import STATISTICS, Operand, resolve, resolve_vector
from curator.spec.read import Reader
from curator.spec.recipe import BalanceSpec, DistinctSpec, LikenessSpec, MeasureSpec

__all__ = ["GROUPS", "read_balance", "read_distinct"]

GROUPS = ("source", "video", "split")
"""What a quota can be by, besides signals and vectors."""

_LIMITS = ("max_seconds", "max_clips", "max_share")


def read_distinct(
    node: Any, named: Mapping[str, MeasureSpec], reader: Reader
) -> DistinctSpec | None:
    """``distinct``; None when it is not wanted. Mistakes go to `reader`."""
    path = "distinct"
    if node is None:
        return None
    if not isinstance(node, Mapping):
        hint = "`distinct: {}` takes all defaults, `distinct: null` turns it off"
        reader.note("recipe-wrong-type", path, f"'{path}' is a map of settings", hint=hint)
        return None
    vectors = _map(node.get("vectors", {}), f"{path}.vectors", "vectors", reader)
    read = {
        str(name): _likeness(entry, f"{path}.vectors.{name}", named, reader)
        for name, entry in vectors.items()
    }
    _prefer(node, path, named, reader)
    made = reader.record(DistinctSpec, node, path, vectors=read)
    if made is not None and not made.pictures and not made.vectors:
        message = "'distinct' compares nothing: neither pictures nor vectors"
        reader.note("recipe-no-bound", f"{path}.pictures", message)
    return made


def read_balance(
    node: Any, named: Mapping[str, MeasureSpec], reader: Reader
) -> dict[str, BalanceSpec | None]:
    """Every quota of ``balance``; mistakes go to `reader`."""
    return {
        str(name): _quota(entry, f"balance.{name}", named, reader)
        for name, entry in _map(node, "balance", "quotas", reader).items()
    }


def _map(node: Any, path: str, what: str, reader: Reader) -> Mapping[Any, Any]:
    if isinstance(node, Mapping):
        return node
    reader.note("recipe-wrong-type", path, f"'{path}' is a map of named {what}")
    return {}


def _likeness(
    node: Any, path: str, named: Mapping[str, MeasureSpec], reader: Reader
) -> LikenessSpec | None:
    made = reader.record(LikenessSpec, node, path)
    if made is not None:
        _vector(made.of, f"{path}.of", named, reader)
    return made


def _quota(
    node: Any, path: str, named: Mapping[str, MeasureSpec], reader: Reader
) -> BalanceSpec | None:
    made = reader.record(BalanceSpec, node, path)
    if isinstance(node, Mapping):
        _prefer(node, path, named, reader)
    if made is None:
        return None
    if all(getattr(made, name) is None for name in _LIMITS):
        hint = f"give {', '.join(_LIMITS[:-1])} or {_LIMITS[-1]}"
        reader.note("recipe-no-bound", path, f"'{path}' has no bound", hint=hint, at_key=True)
    _group(made, path, named, reader)
    return made


def _group(quota: BalanceSpec, path: str, named: Mapping[str, MeasureSpec], reader: Reader) -> None:
    """Note what does not fit with what the quota is by."""
    about_vectors = [name for name in ("clusters", "max_distance") if getattr(quota, name)]
    if quota.by in GROUPS:
        wrong = [*about_vectors, *(["buckets"] if quota.buckets else [])]
    elif _is_vector(quota.by, named):
        wrong = ["buckets"] if quota.buckets else []
        if len(about_vectors) != 1:
            hint = "e.g. clusters: 100, or max_distance: 0.4"
            message = f"'{path}' is by vectors: say either clusters or max_distance"
            reader.note("recipe-missing", path, message, hint=hint, at_key=True)
    else:
        operand = _signal(quota.by, f"{path}.by", named, reader, groups=True)
        text = operand is not None and operand.unit in TEXT
        wrong = [*about_vectors, *(["buckets"] if quota.buckets and text else [])]
    for name in wrong:
        message = f"'{path}.{name}' does not fit: '{quota.by}' is no series of vectors"
        if name == "buckets":
            message = f"'{path}.buckets' does not fit: '{quota.by}' is no number"
        reader.note("recipe-wrong-type", f"{path}.{name}", message)


def _is_vector(of: str, named: Mapping[str, MeasureSpec]) -> bool:
    try:
        resolve_vector(of, named)
    except (RecipeError, MeasureError):
        return False
    return True


def _vector(of: str, path: str, named: Mapping[str, MeasureSpec], reader: Reader) -> None:
    try:
        resolve_vector(of, named)
    except (RecipeError, MeasureError) as error:
        reader.note(error.reason, path, error.message, hint=error.hint)


def _prefer(
    node: Mapping[str, Any], path: str, named: Mapping[str, MeasureSpec], reader: Reader
) -> None:
    of = node.get("prefer")
    if not isinstance(of, str):
        return  # absent, or noted by its type
    operand = _signal(of, f"{path}.prefer", named, reader)
    if operand is not None and operand.unit in TEXT:
        message = f"'{of}' is text: it cannot say which clip is better"
        reader.note("recipe-wrong-type", f"{path}.prefer", message)


def _signal(
    of: str, path: str, named: Mapping[str, MeasureSpec], reader: Reader, *, groups: bool = False
) -> Operand | None:
    """A number (or text) per clip."""
    try:
        operand = resolve(of, named)
    except (RecipeError, MeasureError) as error:
        hint = error.hint
        if groups and "." not in of:
            hint = nearest(of, list(GROUPS))
        reader.note(error.reason, path, error.message, hint=hint)
        return None
    if operand.per_frame:
        reader.note(
            "recipe-unknown-signal",
            path,
            f"'{of}' is a number per frame; clips are compared by one number each",
            hint=f"say which statistic: {of}.median (or {', '.join(STATISTICS)})",
        )
        return None
    return operand
