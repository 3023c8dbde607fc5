"""What a condition is about: names in a recipe resolved to a measure and one of its numbers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, TypeVar, cast

from curator.abc.measure import Measure
from curator.errors import RecipeError
from curator.model.signal import SeriesSpec
from curator.registry import load_measure, measures, nearest
from curator.spec.places import Places
from curator.spec.read import Reader
from curator.spec.recipe import MeasureSpec, Recipe

__all__ = [
    "STATISTICS",
    "Operand",
    "key_settings",
    "measure_instance",
    "plain_setting",
    "resolve",
    "resolve_condition",
    "resolve_series",
    "resolve_vector",
    "settings_document",
]

STATISTICS = (
    "mean", "median", "min", "max", "std",
    "p01", "p05", "p10", "p25", "p75", "p90", "p95", "p99",
    "share",
)  # fmt: skip
"""What can be asked of a scalar series over a clip; ``share`` is of samples that are not zero."""

M = TypeVar("M", bound=Measure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """One number of one measure, or of a sidecar's track: a series, a statistic of a series, or a signal."""

    measure: str
    """The name in the recipe, e.g. ``sharp``; ``sidecar.ROLE.TRACK`` of a track."""
    op: str
    """The operator behind it, e.g. ``sharpness``; ``track`` where no measure is."""
    params: Mapping[str, Any]
    """Its settings as the recipe gives them."""
    series: str | None
    stat: str | None
    """Statistic of the series over a clip; None for the series itself."""
    signal: str | None
    unit: str

    @property
    def name(self) -> str:
        """As written in the recipe, e.g. ``sharp.score.median``."""
        parts = (self.measure, self.signal or self.series, self.stat)
        return ".".join(part for part in parts if part)

    @property
    def per_frame(self) -> bool:
        """Whether it is a number per frame rather than per clip."""
        return self.signal is None and self.stat is None


def resolve_condition(of: str, recipe: Recipe) -> Operand:
    """What a condition of a checked recipe is about.

    Raises:
        RecipeError: ``recipe-unknown-measure`` or ``recipe-unknown-signal``, with the nearest name.
        MeasureError: when the operator is known but cannot be imported.
    """
    return resolve(of, recipe.measure)


def resolve(of: str, named: Mapping[str, MeasureSpec]) -> Operand:
    """The same, from the ``measure:`` section alone."""
    measure, _, rest = of.partition(".")
    spec = _spec(measure, named)
    kind = load_measure(spec.op)
    found = _number(kind, rest)
    if found is None:
        raise RecipeError(
            f"'{spec.op}' has no '{rest}'" if rest else f"say what of '{measure}'",
            reason="recipe-unknown-signal",
            hint=_suggest(measure, kind, rest),
        )
    series, stat, signal, unit = found
    return Operand(
        measure=measure,
        op=spec.op,
        params=spec.params,
        series=series,
        stat=stat,
        signal=signal,
        unit=unit,
    )


def resolve_vector(of: str, named: Mapping[str, MeasureSpec]) -> Operand:
    """A series of vectors, ``measure.series``: what clips can be compared by and no bound can be put on.

    Raises:
        RecipeError: ``recipe-unknown-measure`` or ``recipe-unknown-signal``.
        MeasureError: when the operator is known but cannot be imported.
    """
    return _series(of, named, _is_vector, "no series of vectors")


def resolve_series(of: str, named: Mapping[str, MeasureSpec]) -> Operand:
    """A series of any shape, ``measure.series``: what can be released as a track.

    Raises:
        RecipeError: ``recipe-unknown-measure`` or ``recipe-unknown-signal``.
        MeasureError: when the operator is known but cannot be imported.
    """
    return _series(of, named, lambda _spec: True, "no series")


def _is_vector(spec: SeriesSpec) -> bool:
    """Hashes are rows of numbers too, but have no direction."""
    return len(spec.shape) == 1 and spec.unit != "bits"


def _series(
    of: str,
    named: Mapping[str, MeasureSpec],
    fits: Callable[[SeriesSpec], bool],
    what: str,
) -> Operand:
    measure, _, rest = of.partition(".")
    spec = _spec(measure, named)
    kind = load_measure(spec.op)
    found = {one.name: one for one in kind.series if fits(one)}
    if rest not in found:
        raise RecipeError(
            f"'{of}' is {what}",
            reason="recipe-unknown-signal",
            hint=nearest(of, [f"{measure}.{name}" for name in found]),
        )
    return Operand(
        measure=measure,
        op=spec.op,
        params=spec.params,
        series=rest,
        stat=None,
        signal=None,
        unit=found[rest].unit,
    )


def measure_instance(kind: type[M], params: Mapping[str, Any]) -> M:
    """A measure (or shot detector) with its settings typed.

    Raises:
        RecipeErrors: when the settings do not fit; never for a checked recipe.
    """
    reader = Reader(Places())
    made = reader.record(kind, params, kind.name)
    reader.finish()
    assert made is not None, "a reader without errors has made its record"
    return made


def settings_document(operator: object) -> dict[str, Any]:
    """Every setting of an operator as JSON knows it, defaults included."""
    own = {f.name: getattr(operator, f.name) for f in fields(cast("Any", operator))}
    return {name: plain_setting(value) for name, value in own.items()}


def key_settings(operator: object) -> dict[str, Any]:
    """The settings that can change a result: all but those with ``metadata={"key": False}``.

    Those say where a file lies, which may change; what it is, is in the key as a weight's digest.
    """
    aside = {f.name for f in fields(cast("Any", operator)) if f.metadata.get("key") is False}
    return {k: v for k, v in settings_document(operator).items() if k not in aside}


def _spec(measure: str, named: Mapping[str, MeasureSpec]) -> MeasureSpec:
    """The settings behind a measure's name in the recipe."""
    spec = named.get(measure) or (MeasureSpec(op=measure) if measure in measures() else None)
    if spec is None:
        known = sorted({*named, *measures()})
        raise RecipeError(
            f"no measure is called '{measure}'",
            reason="recipe-unknown-measure",
            hint=nearest(measure, known),
        )
    return spec


def plain_setting(value: Any) -> Any:
    """A setting as JSON knows it."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Mapping):
        return {name: plain_setting(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return tuple(plain_setting(one) for one in value)
    return str(value) if isinstance(value, Fraction) else value


def _number(
    kind: type[Measure], rest: str
) -> tuple[str | None, str | None, str | None, str] | None:
    """(series, statistic, signal, unit) of ``name`` or ``name.statistic``."""
    for signal in kind.signals:
        if rest == signal.name:
            return None, None, signal.name, signal.unit
    name, _, stat = rest.partition(".")
    for series in kind.series:
        if name == series.name and series.shape == ():
            if not stat:
                return series.name, None, None, series.unit
            if stat in STATISTICS:
                return series.name, stat, None, "ratio" if stat == "share" else series.unit
    return None


def _suggest(measure: str, kind: type[Measure], rest: str) -> str:
    series = [spec.name for spec in kind.series if spec.shape == ()]
    signals = [spec.name for spec in kind.signals]
    name, _, stat = rest.partition(".")
    if stat and name in series:
        return nearest(f"{measure}.{rest}", [f"{measure}.{name}.{one}" for one in STATISTICS])
    if stat and name in signals:
        return f"'{measure}.{name}' is one number per clip: it takes no statistic"
    tail = f".{stat}" if stat in STATISTICS else ""
    known = [
        *(f"{measure}.{one}" for one in signals),
        *(f"{measure}.{one}{tail}" for one in series),
    ]
    return nearest(f"{measure}.{rest}", known)
