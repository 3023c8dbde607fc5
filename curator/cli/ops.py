"""`curator ops`."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from curator.cli import aligners, readers
from curator.cli.composed import settings_only
from curator.cli.output import Output
from curator.cli.topics import topics
from curator.errors import CuratorError

__all__ = ["HELP", "run"]

HELP = """
usage: curator ops [ls] [store.root=DIR]       measures, shot detectors, aligners and readers of sidecars
       curator ops show NAME [store.root=DIR]  one of them: meaning, settings, series, signals, weights

Cost is in CPU-seconds per second of 25 fps video, decoding not counted: the prior until it has been timed.
"""


def run(words: list[str], output: Output) -> int:
    """One topic; without words, the list."""
    plain = [word for word in words if "=" not in word] or ["ls"]
    root = Path(settings_only([word for word in words if "=" in word]).store.root)
    parser, choices = topics("ops")
    choices.add_parser("ls", add_help=False)
    choices.add_parser("show", add_help=False).add_argument("name")
    arguments: argparse.Namespace = parser.parse_args(plain)
    return _show(arguments.name, root, output) if arguments.topic == "show" else _ls(root, output)


def _ls(root: Path, output: Output) -> int:
    facts = []
    for kind, name in _installed():
        try:
            facts.append(_facts(kind, name, root))
        except CuratorError as error:
            facts.append({"name": name, "kind": kind, "error": error.message})
    width = max((len(fact["name"]) for fact in facts), default=0)
    output.say(f"{fact['name']:<{width}}  {_line(fact)}" for fact in facts)
    output.document({"ops": facts})
    return 0


def _show(name: str, root: Path, output: Output) -> int:
    from curator.registry import measures, shot_detectors

    if name in readers.names() and name not in {*measures(), *shot_detectors(), *aligners.names()}:
        reader = readers.facts(name)
        output.say(readers.page(reader))
        output.document(reader)
        return 0
    aligner = aligners.facts(name) if name in aligners.names() else None
    if aligner is not None and name not in measures():
        output.say(aligners.page(aligner))
        output.document(aligner)
        return 0
    # An unknown name falls to the measures, whose error has the nearest one.
    kind = "shots" if name in shot_detectors() else "measure"
    facts = _facts(kind, name, root)
    output.say(_page(facts))
    if aligner is not None:  # a measure and the aligner that is made of it
        facts["aligner"] = aligner
        output.say(["", *aligners.page(aligner)])
    output.document(facts)
    return 0


def _installed() -> Iterator[tuple[str, str]]:
    from curator.registry import measures, shot_detectors

    yield from (("measure", name) for name in measures())
    yield from (("shots", name) for name in shot_detectors())
    yield from (("aligner", name) for name in aligners.names())
    yield from (("reader", name) for name in readers.names())


def _facts(kind: str, name: str, root: Path) -> dict[str, Any]:
    """Everything that is known of an operator at its default settings."""
    if kind == "aligner":
        return aligners.facts(name)
    if kind == "reader":
        return readers.facts(name)
    from curator.cli.extras import extra_present
    from curator.registry import load_measure, load_shots
    from curator.spec.operand import measure_instance
    from curator.store.weights import have

    loaded = load_measure(name) if kind == "measure" else load_shots(name)
    op = measure_instance(loaded, {})
    return {
        "name": name,
        "kind": kind,
        "version": op.version,
        "about": inspect.getdoc(loaded) or "",
        "cost": op.cost,
        "extra": op.extra,
        "extra_present": op.extra is None or extra_present(op.extra),
        "needs": {need: _need(value) for need, value in op.needs.items()},
        "settings": _settings(loaded, op),
        "series": [
            {"name": s.name, "unit": s.unit, "about": s.about, "shape": list(s.shape)}
            for s in op.series
        ],
        "signals": [{"name": s.name, "unit": s.unit, "about": s.about} for s in op.signals],
        "weights": [
            {
                "name": weight.name,
                "url": weight.url,
                "license": weight.license,
                "source": weight.source,
                "present": have(weight, root),
            }
            for weight in op.weights
        ],
    }


def _settings(loaded: type, op: Any) -> list[dict[str, Any]]:
    from dataclasses import fields

    from curator.spec.operand import settings_document
    from curator.spec.read import unit_of
    from curator.spec.schema import field_docs

    docs, values = field_docs(loaded), settings_document(op)
    return [
        {
            "name": f.name,
            "default": values[f.name],
            "unit": unit_of(f),
            "about": docs.get(f.name, ""),
        }
        for f in fields(cast("Any", loaded))
    ]


def _need(value: Any) -> str:
    """A need in few words: ``luma at 4 fps``, ``sound at 16000 Hz``."""
    from curator.abc.measure import FrameNeed

    if not isinstance(value, FrameNeed):
        rate = "its own rate" if value.sample_rate_hz is None else f"{value.sample_rate_hz} Hz"
        return f"sound at {rate}"
    size = "" if value.max_side_px is None else f" of {value.max_side_px} px"
    rate = "every frame" if value.fps is None else f"{float(value.fps):g} fps"
    return f"{value.view.name}{size} at {rate}"


def _line(fact: Mapping[str, Any]) -> str:
    if fact["kind"] == "aligner" and "error" not in fact:
        return aligners.row(fact)
    if fact["kind"] == "reader" and "error" not in fact:
        return readers.row(fact)
    return _row(fact)


def _row(fact: Mapping[str, Any]) -> str:
    if "error" in fact:
        return f"cannot be loaded: {fact['error']}"
    known = [spec["name"] for spec in (*fact["signals"], *fact["series"])]
    parts = [", ".join(fact["needs"].values()) or "container facts", f"cost {fact['cost']:g}"]
    if fact["weights"]:
        missing = sum(not weight["present"] for weight in fact["weights"])
        parts.append(f"weights: {f'{missing} to fetch' if missing else 'there'}")
    if not fact["extra_present"]:
        parts.append(f"needs: pip install 'curator-build[{fact['extra']}]'")
    if fact["kind"] == "shots":
        parts.insert(0, "finds shots")
    return f"{'; '.join(parts)}\n    {', '.join(known)}"


def _page(fact: Mapping[str, Any]) -> list[str]:
    lines = [f"{fact['name']} (version {fact['version']})", "", *fact["about"].splitlines(), ""]
    lines += [f"needs    {need}" for need in fact["needs"].values()] or ["needs    container facts"]
    lines.append(f"cost     {fact['cost']:g} CPU-seconds per second of video")
    if fact["extra"]:
        state = "installed" if fact["extra_present"] else "not installed"
        lines.append(f"extra    curator-build[{fact['extra']}], {state}")
    for kind in ("settings", "series", "signals"):
        for spec in fact[kind]:
            unit = f" [{spec['unit']}]" if spec["unit"] else ""
            default = f" = {spec['default']}" if kind == "settings" else ""
            lines.append(f"{kind:<8} {spec['name']}{default}{unit}  {spec['about']}".rstrip())
    for weight in fact["weights"]:
        state = "there" if weight["present"] else "to fetch"
        lines.append(f"weights  {weight['name']} ({weight['license']}, {state}) {weight['url']}")
        lines.append(f"         {weight['source']}")
    return lines
