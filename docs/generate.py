"""Writes ``docs/reference`` from the code, so that the reference cannot say anything else.

    python docs/generate.py

Settings come from the fields of the dataclasses and the docstrings under them, measures from the
registry, commands from the command line itself. A test regenerates every page and compares.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

from curator.abc.measure import AudioNeed, FrameNeed, Measure, Need
from curator.cli.extras import DISTRIBUTION
from curator.cli.verbs import VERBS, usage
from curator.registry import load_measure, load_shots, measures, shot_detectors
from curator.spec.defaults import is_written
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings

__all__ = ["main", "pages"]

REFERENCE = Path(__file__).parent / "reference"
_NOTE = "<!-- Made by docs/generate.py; edit the docstrings instead. -->\n\n"


def pages() -> dict[Path, str]:
    """Every page of the reference: path below ``docs/reference`` to text."""
    made = {
        Path("settings.md"): _settings_page(),
        Path("measures.md"): _measures_page(),
        Path("commands.md"): _commands_page(),
    }
    for op, kind in _operators().items():
        made[Path("measures", f"{op}.md")] = _measure_page(op, kind)
    return {path: _NOTE + text.rstrip() + "\n" for path, text in made.items()}


def main() -> None:
    """Write all pages and remove those that nothing makes any more."""
    made = pages()
    for path in REFERENCE.rglob("*.md"):
        is_generated = path.read_text().startswith(_NOTE)
        if is_generated and path.relative_to(REFERENCE) not in made:
            path.unlink()
    for path, text in made.items():
        (REFERENCE / path).parent.mkdir(parents=True, exist_ok=True)
        (REFERENCE / path).write_text(text)


# --- settings


def _settings_page() -> str:
    return "\n".join(
        [
            "# Settings",
            "",
            "What a recipe can say, and how a build is run. `NAME` is a name of your choice: open maps can be",
            "extended and overridden on the command line (`keep.sharp.min=0.5`, `'~keep.sharp'`).",
            "",
            "## The recipe",
            "",
            "All of this decides *what* is built, so a change here may change the release.",
            "",
            *_table(("key", "type", "default", "unit", "meaning"), _rows(Recipe, "")),
            "",
            "## The run",
            "",
            "None of this can change what is built: it never enters a key.",
            "",
            *_table(("key", "type", "default", "unit", "meaning"), _rows(Settings, "")),
        ]
    )


def _rows(kind: type[Any], prefix: str) -> Iterator[tuple[str, ...]]:
    """One row for each key below `prefix`, depth first, in the order of the fields."""
    hints, docs = typing.get_type_hints(kind), _field_docs(kind)
    for field in dataclasses.fields(kind):
        if not is_written(field):
            continue
        hint, path = hints[field.name], prefix + field.name
        nested, is_map = _nested(hint)
        if nested is None:
            yield _code(path), *_described(field, hint), docs.get(field.name, "")
            continue
        if docs.get(field.name):
            yield _code(path), "map" if is_map else "section", "", "", docs[field.name]
        yield from _rows(nested, f"{path}.NAME." if is_map else f"{path}.")


def _described(field: dataclasses.Field[Any], hint: object) -> tuple[str, str, str]:
    return _type(hint), _default(field), str(field.metadata.get("unit", ""))


def _nested(hint: Any) -> tuple[type[Any] | None, bool]:
    """The dataclass below a field and whether it is one entry of an open map."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint, False
    arguments = typing.get_args(hint)
    for argument in arguments:
        if isinstance(argument, type) and dataclasses.is_dataclass(argument):
            return argument, typing.get_origin(hint) is Mapping
    return None, False


def _type(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return ", ".join(_code(member.name) for member in hint)
    if isinstance(hint, types.UnionType):
        return " or ".join(_type(argument) for argument in typing.get_args(hint))
    if hint is type(None):
        return "null"
    if typing.get_origin(hint) is tuple:
        return f"list of {_type(typing.get_args(hint)[0])}"
    if typing.get_origin(hint) is not None:
        inner = " to ".join(_type(argument) for argument in typing.get_args(hint))
        return f"map of {inner}"
    names = {str: "text", float: "number", int: "integer", bool: "true/false", Fraction: "number"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return _code(_written(field.default))
    if field.default_factory is not dataclasses.MISSING:
        return _code(_written(field.default_factory()))
    return "required"


def _written(value: object) -> str:
    """A value as YAML writes it."""
    if value is None:
        return "null"
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def _field_docs(kind: type[Any]) -> dict[str, str]:
    """The strings under the fields of a dataclass, its parents' included."""
    docs: dict[str, str] = {}
    for parent in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(parent):
            continue
        [definition] = ast.parse(inspect.cleandoc("\n" + inspect.getsource(parent))).body
        assert isinstance(definition, ast.ClassDef)
        for field, after in zip(definition.body, definition.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                docs[field.target.id] = _inline(after.value.value)
    return docs


# --- measures


def _operators() -> dict[str, type[Measure]]:
    """The operators that this distribution brings, measures first; others document their own."""
    ours: dict[str, type[Measure]] = {}
    for points, load in ((measures(), load_measure), (shot_detectors(), load_shots)):
        for op, point in points.items():
            if point.dist is not None and point.dist.name == DISTRIBUTION:
                ours[op] = load(op)
    return ours


def _measures_page() -> str:
    detectors = shot_detectors()
    rows = []
    for op, kind in _operators().items():
        what = "shot detector" if op in detectors else "measure"
        rows.append((f"[`{op}`](measures/{op}.md)", what, _summary(kind), _code(kind.extra or "")))
    return "\n".join(
        [
            "# Measures",
            "",
            "A measure computes and never decides: a bound in the recipe does. `curator ops` lists the ones that",
            "are installed, plugins' included. An operator's own name can be used in a condition without an entry",
            "under `measure`; its settings are then the defaults below.",
            "",
            *_table(("name", "kind", "what it tells", "extra"), rows),
            "",
            "Every scalar series also has statistics over a clip, as `MEASURE.SERIES.STATISTIC`: `mean`, `median`,",
            "`min`, `max`, `std`, the percentiles `p01` `p05` `p10` `p25` `p75` `p90` `p95` `p99`, and `share`,",
            "the share of samples that are not zero.",
        ]
    )


def _measure_page(op: str, kind: type[Measure]) -> str:
    measure = kind()
    return "\n".join(
        [
            f"# {op}",
            "",
            *_prose(inspect.getdoc(kind) or ""),
            "",
            *_section("Series", ("name", "unit", "about", "looks at"), _series_rows(measure)),
            *_section("Signals", ("name", "unit", "about"), _signal_rows(measure)),
            *_section("Settings", ("key", "type", "default", "meaning"), _setting_rows(kind)),
            *_section("Needs", ("name", "what"), _need_rows(measure)),
            *_section("Weights", ("name", "licence", "address", "source"), _weight_rows(measure)),
            "## Facts",
            "",
            *_table(("fact", "value"), _fact_rows(measure)),
        ]
    )


def _section(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    return (f"## {title}", "", *_table(head, rows), "") if rows else ()


def _series_rows(measure: Measure) -> list[tuple[str, ...]]:
    support = {"frame": "one frame", "pair": "a frame and the one before"}
    return [
        (_code(f"{measure.name}.{s.name}"), s.unit, _inline(s.about), support[s.support.name])
        for s in measure.series
    ]


def _signal_rows(measure: Measure) -> list[tuple[str, ...]]:
    return [(_code(f"{measure.name}.{s.name}"), s.unit, _inline(s.about)) for s in measure.signals]


def _setting_rows(kind: type[Any]) -> list[tuple[str, ...]]:
    hints, docs = typing.get_type_hints(kind), _field_docs(kind)
    return [
        (_code(f.name), _type(hints[f.name]), _default(f), docs.get(f.name, ""))
        for f in dataclasses.fields(kind)
    ]


def _need_rows(measure: Measure) -> list[tuple[str, ...]]:
    return [(_code(name), _need(need)) for name, need in measure.needs.items()]


def _need(need: Need) -> str:
    if isinstance(need, AudioNeed):
        rate = f"{need.sample_rate_hz} Hz" if need.sample_rate_hz else "the stream's own rate"
        return f"audio, {'mono' if need.mono else 'all channels'}, {rate}"
    assert isinstance(need, FrameNeed)
    rate = "every frame" if need.fps is None else f"{_number(need.fps)} frames per second"
    side = f", longest side at most {need.max_side_px} px" if need.max_side_px else ""
    context = f", {need.before} before and {need.after} after" if need.before or need.after else ""
    return f"`{need.view.name}`, {rate}{side}{context}"


def _weight_rows(measure: Measure) -> list[tuple[str, ...]]:
    return [(_code(w.name), w.license, _code(w.url), _inline(w.source)) for w in measure.weights]


def _fact_rows(measure: Measure) -> list[tuple[str, ...]]:
    rows = [
        ("version", str(measure.version)),
        ("cost", f"{measure.cost:g} CPU-seconds per second of 25 fps video, decoding not counted"),
    ]
    if measure.extra:
        rows.append(("extra", _code(f"pip install 'curator-build[{measure.extra}]'")))
    return rows


# --- commands


def _commands_page() -> str:
    lines = ["# Commands", "", "```text", usage(), "```", ""]
    for name, verb in VERBS.items():
        text: str = import_module(verb.module).HELP
        lines += [f"## {name}", "", verb.summary, "", "```text", text.strip(), "```", ""]
    return "\n".join(lines)


# --- text


def _table(
    head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]
) -> list[str]:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


def _summary(kind: type[Any]) -> str:
    return _inline((inspect.getdoc(kind) or "").split("\n\n")[0])


def _prose(text: str) -> list[str]:
    """A docstring as paragraphs; the words before a colon that begin a line are its headings."""
    lines = []
    for line in _inline(text, one_line=False).splitlines():
        headed = re.sub(
            r"^(Typical|Unit|Source|What fools it|Fooled by|Example)s?:", r"**\g<0>**", line
        )
        if headed != line and lines and lines[-1]:
            lines.append("")
        lines.append(headed)
    return lines


def _inline(text: str, *, one_line: bool = True) -> str:
    text = text.replace("``", "`")
    return " ".join(text.split()) if one_line else text


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):g}"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    sys.exit(main())
