"""Names computations: a key is the hash of a short JSON document that a person can read."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Set
from fractions import Fraction
from typing import TypeAlias

__all__ = ["Json", "canonical", "differences", "digest", "plain"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_Scalar: TypeAlias = enum.Enum | bool | int | float | str | Fraction | None

_ABSENT = object()
_SHA256 = re.compile(r"[0-9a-f]{64}")


def plain(value: object) -> Json:
    """`value` as JSON data, with one spelling for equal things.

    A `Fraction` becomes ``"n/d"``, an enum member its name, a set a sorted list. A dataclass becomes
    its fields; one with ``metadata={"neutral": v}`` is left out while it equals ``v``, so that a
    field added later keeps the keys of before. Defaults are *not* left out: changing one must
    change the key.

    Raises:
        TypeError: for anything else (paths, arrays, bytes, functions): it has no one spelling.
        ValueError: for NaN and infinities.
    """
    if isinstance(value, _Scalar):
        return _scalar(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dict(_fields(value))
    if isinstance(value, Mapping):
        return dict(_items(value))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Set):
        return sorted((plain(item) for item in value), key=_dump)
    raise TypeError(f"a key cannot hold a {type(value).__name__}: {value!r}")


def canonical(value: object) -> str:
    """The one JSON text of `value`: ASCII, sorted keys, no spaces.

    Raises:
        TypeError, ValueError: as `plain`.
    """
    return _dump(plain(value))


def digest(document: object) -> str:
    """SHA-256 of the canonical text, 64 hex digits."""
    return hashlib.sha256(canonical(document).encode("ascii")).hexdigest()


def differences(old: object, new: object) -> list[str]:
    """What changed from one document to another, one line per field: ``params.fps: 4.0 -> 8``."""
    return list(_differ("", plain(old), plain(new)))


def _scalar(value: _Scalar) -> Json:
    # Enums and bools first: both may be numbers as well.
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ValueError(f"a key cannot hold {value}")
    return float(value) + 0.0  # -0.0 is 0.0


def _fields(record: object) -> Iterator[tuple[str, Json]]:
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # the caller has checked
        value = getattr(record, field.name)
        neutral = field.metadata.get("neutral", _ABSENT)
        if neutral is not _ABSENT and value == neutral:
            continue
        yield field.name, plain(value)


def _items(mapping: Mapping[object, object]) -> Iterator[tuple[str, Json]]:
    for name, value in mapping.items():
        if not isinstance(name, str):
            raise TypeError(f"the names in a key must be text, got {name!r}")
        yield name, plain(value)


def _dump(value: Json) -> str:
    return json.dumps(
        value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")
    )


def _differ(path: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            inner = f"{path}.{name}" if path else name
            yield from _differ(inner, old.get(name, _ABSENT), new.get(name, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _differ(f"{path}[{index}]", left, right)
    elif _text(old) != _text(new):
        yield f"{path}: {_show(old)} -> {_show(new)}"


def _text(value: object) -> str:
    return "" if value is _ABSENT else json.dumps(value, sort_keys=True)


def _show(value: object) -> str:
    if value is _ABSENT:
        return "(absent)"
    if isinstance(value, str) and _SHA256.fullmatch(value):
        return value[:12]  # enough for a person
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
