"""Typed records from plain documents, with every mistake collected instead of the first one raised."""

from __future__ import annotations

import enum
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from fractions import Fraction
from typing import Any, TypeAlias, TypeVar, cast

from curator.errors import Location, RecipeError, RecipeErrors
from curator.registry import nearest
from curator.spec.defaults import REQUIRED, is_written
from curator.spec.places import Places
from curator.spec.units import NotANumberError, WrongUnitError, parse_quantity, unit_of_name

__all__ = ["FAILED", "Checks", "Reader", "unit_of"]

T = TypeVar("T")

Checks: TypeAlias = Mapping[type, Callable[[Any, str, "Reader"], None]]
"""By record: notes what types cannot say, once a record of that kind has been made."""


class _Failed(enum.Enum):
    failed = "failed"


FAILED = _Failed.failed
"""What a conversion gives when its mistake has been noted."""

_RATIO = re.compile(r"\d+/[1-9]\d*")

_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Fraction: "a number",
}


def unit_of(f: Field[Any]) -> str:
    """The unit of a setting: declared in its metadata, or said by its name."""
    return str(f.metadata.get("unit", unit_of_name(f.name)))


class Reader:
    """Converts, and notes what does not fit with its place."""

    def __init__(self, places: Places, checks: Checks | None = None) -> None:
        self.places = places
        self.checks: Checks = checks or {}
        self.errors: list[RecipeError] = []

    def note(
        self,
        reason: str,
        path: str,
        message: str,
        *,
        hint: str | None = None,
        at_key: bool = False,
    ) -> None:
        """Note one mistake at the value (or the key) of a dotted path."""
        where = self.places.key(path) if at_key else self.places.value(path)
        self.errors.append(RecipeError(message, reason=reason, where=where, hint=hint))

    def finish(self) -> None:
        """Raise what was noted, in file order.

        Raises:
            RecipeErrors: when there is any.
        """
        if self.errors:
            raise RecipeErrors(sorted(self.errors, key=lambda error: _order(error.where)))

    def record(self, kind: type[T], node: Any, path: str, **given: Any) -> T | None:
        """A dataclass from a map; `given` are fields that the caller has read already.

        None when a mistake was noted.
        """
        values = self.values(kind, node, path, skip=given)
        return None if values is None else self.make(kind, {**values, **given}, path)

    def make(self, kind: type[T], values: Mapping[str, Any], path: str) -> T | None:
        """Construct, taking a ValueError of the dataclass as a mistake of the recipe."""
        try:
            made = kind(**values)
        except ValueError as error:
            self.note("recipe-out-of-range", path, str(error))
            return None
        if kind in self.checks:
            self.checks[kind](made, path, self)
        return made

    def values(
        self, kind: type, node: Any, path: str, *, skip: Iterable[str] = ()
    ) -> dict[str, Any] | None:
        """The fields of a dataclass that a map gives, converted; None when a mistake was noted."""
        if not isinstance(node, Mapping):
            self.note(
                "recipe-wrong-type", path, f"'{path}' is a map of settings, not {_show(node)}"
            )
            return None
        own = {f.name: f for f in fields(cast("Any", kind)) if is_written(f)}
        self.unknown(node, own, path)  # noted, and no reason not to look at the rest
        hints = typing.get_type_hints(kind)
        before = len(self.errors)
        values: dict[str, Any] = {}
        for name, f in own.items():
            if name in skip:
                continue
            if name in node and node[name] != REQUIRED:
                values[name] = self.convert(node[name], hints[name], unit_of(f), _join(path, name))
            elif f.default is MISSING and f.default_factory is MISSING:
                self.missing(path, name)
        return values if len(self.errors) == before else None

    def unknown(self, node: Mapping[str, Any], known: Mapping[str, object], path: str) -> None:
        """Note every key that is none of `known`; ``_target_`` is noted elsewhere."""
        for name in node:
            if name not in known and name != "_target_":
                self.note(
                    "recipe-unknown-key",
                    _join(path, name),
                    f"'{path}' has no setting '{name}'" if path else f"no such key: '{name}'",
                    hint=nearest(str(name), list(known)) if known else "it has no settings",
                    at_key=True,
                )

    def missing(self, path: str, name: str) -> None:
        """Note a required setting that is not there."""
        full = _join(path, name)
        message = f"'{full}' must be given" if path else f"a recipe needs '{name}'"
        self.note("recipe-missing", full, message, hint=f"on the command line: {full}=...")

    def convert(self, value: Any, hint: Any, unit: str, path: str) -> Any:
        """One value as its annotation wants it, or `FAILED` with the mistake noted."""
        options = _options(hint)
        if value is None and type(None) in options:
            return None
        options = [option for option in options if option is not type(None)]
        if len(options) > 1:
            return self._one_of(value, options, unit, path)
        return self._single(value, options[0], unit, path)

    def number(self, value: Any, unit: str, path: str) -> float | _Failed:
        """A finite number, written plainly or with a unit."""
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise NotANumberError
            number = parse_quantity(value, unit)
        except WrongUnitError as error:
            declared = f"in '{unit}'" if unit else "a plain number"
            message = f"'{path}' is {declared}, not in '{error.written}'"
            self.note("recipe-wrong-unit", path, message)
        except NotANumberError:
            self.note("recipe-wrong-type", path, f"'{path}' is a number, not {_show(value)}")
        else:
            if math.isfinite(number):
                return number
            message = f"'{path}' is a finite number, not {_show(value)}"
            self.note("recipe-out-of-range", path, message)
        return FAILED

    def _one_of(self, value: Any, options: list[Any], unit: str, path: str) -> Any:
        for option in options:
            if isinstance(option, type) and type(value) is option:
                return value
        return self._single(value, options[0], unit, path)

    def _single(self, value: Any, hint: Any, unit: str, path: str) -> Any:
        if hint is Any:
            return value
        if typing.get_origin(hint) is tuple:
            return self._list(value, typing.get_args(hint)[0], unit, path)
        if typing.get_origin(hint) is not None:
            return self._map(value, hint, unit, path)
        if is_dataclass(hint) and isinstance(hint, type):
            made = self.record(hint, value, path)
            return FAILED if made is None else made
        if issubclass(hint, enum.Enum):
            return self._member(value, hint, path)
        if hint in (int, float, Fraction):
            return self._numeric(value, hint, unit, path)
        if isinstance(value, hint):
            return value
        self.note(
            "recipe-wrong-type", path, f"'{path}' is {_WORDS.get(hint, 'text')}, not {_show(value)}"
        )
        return FAILED

    def _numeric(self, value: Any, hint: type, unit: str, path: str) -> Any:
        if hint is Fraction and isinstance(value, str) and _RATIO.fullmatch(value):
            return Fraction(value)
        number = self.number(value, unit, path)
        if number is FAILED:
            return FAILED
        if hint is int:
            if number != int(number):
                self.note("recipe-wrong-type", path, f"'{path}' is a whole number, not {number}")
                return FAILED
            return int(number)
        # str() first: 0.1 means a tenth, not the nearest binary fraction.
        return Fraction(str(number)) if hint is Fraction else float(number)

    def _map(self, value: Any, hint: Any, unit: str, path: str) -> Any:
        assert issubclass(typing.get_origin(hint), Mapping), f"no conversion to {hint}"
        if not isinstance(value, Mapping):
            self.note("recipe-wrong-type", path, f"'{path}' is a map, not {_show(value)}")
            return FAILED
        inner = typing.get_args(hint)[1]
        made = {str(k): self.convert(v, inner, unit, _join(path, str(k))) for k, v in value.items()}
        return FAILED if any(one is FAILED for one in made.values()) else made

    def _list(self, value: Any, inner: Any, unit: str, path: str) -> Any:
        """Values without names of their own: edges, folders."""
        if not isinstance(value, list | tuple):
            self.note("recipe-wrong-type", path, f"'{path}' is a list, not {_show(value)}")
            return FAILED
        made = [self.convert(v, inner, unit, f"{path}.{k}") for k, v in enumerate(value)]
        return FAILED if any(one is FAILED for one in made) else tuple(made)

    def _member(self, value: Any, kind: type[enum.Enum], path: str) -> Any:
        # YAML reads `off` and `on` as booleans and plain numbers as numbers; names are text.
        if isinstance(value, str) and value in kind.__members__:
            return kind[value]
        self.note(
            "recipe-wrong-type",
            path,
            f"'{path}' is one of {', '.join(kind.__members__)}, not {_show(value)}",
            hint=nearest(str(value), list(kind.__members__)),
        )
        return FAILED


def _options(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return list(typing.get_args(hint))
    return [hint]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list (name its entries: maps can be overridden one by one)"
    return "nothing" if value is None else f"'{value}'"


def _order(where: Location | None) -> tuple[str, int, int]:
    return (where.path, where.line, where.column) if where else ("", 0, 0)
