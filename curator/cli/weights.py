"""`curator weights`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from curator.cli.composed import settings_only
from curator.cli.output import Output
from curator.cli.topics import topics
from curator.errors import CuratorError, UsageError

if TYPE_CHECKING:
    from curator.abc.measure import Weight

__all__ = ["HELP", "run"]

HELP = """
usage: curator weights [ls] [OP ...] [store.root=DIR]   model files: licence, origin, whether they are there
       curator weights fetch [OP ...] [store.root=DIR]  fetch them ahead of time, for machines without a network
"""


def run(words: list[str], output: Output) -> int:
    """One topic; without words, the list."""
    root = Path(settings_only([word for word in words if "=" in word]).store.root)
    parser, choices = topics("weights")
    choices.add_parser("ls", add_help=False).add_argument("ops", nargs="*")
    choices.add_parser("fetch", add_help=False).add_argument("ops", nargs="*")
    arguments: argparse.Namespace = parser.parse_args(
        [word for word in words if "=" not in word] or ["ls"]
    )
    wanted = _weights(arguments.ops, output)
    if arguments.topic == "fetch":
        from curator.store.weights import resolve

        for op, weight in wanted:
            output.say([f"{op}: {weight.name} -> {resolve(weight, root)}"])
    return _ls(wanted, root, output)


def _ls(wanted: list[tuple[str, Weight]], root: Path, output: Output) -> int:
    from curator.store.weights import have

    rows = [
        {
            "op": op,
            "name": weight.name,
            "license": weight.license,
            "url": weight.url,
            "sha256": weight.sha256,
            "source": weight.source,
            "present": have(weight, root),
        }
        for op, weight in wanted
    ]
    output.say(
        f"{row['op']}: {row['name']} ({row['license']}, {'there' if row['present'] else 'to fetch'})"
        f" {row['url']}"
        for row in rows
    )
    output.document({"root": str(root), "weights": rows})
    return 0


def _weights(ops: list[str], output: Output) -> list[tuple[str, Weight]]:
    """The weights of some operators, or of all that can be loaded."""
    from curator.registry import load_measure, load_shots, measures, nearest, shot_detectors
    from curator.spec.operand import measure_instance

    known = [*measures(), *shot_detectors()]
    found: list[tuple[str, Weight]] = []
    for op in ops or known:
        if op not in known:
            raise UsageError(
                f"no operator is called '{op}'", reason="usage-op", hint=nearest(op, known)
            )
        try:
            loaded = load_measure(op) if op in measures() else load_shots(op)
        except CuratorError as error:
            if ops:
                raise
            output.complain(f"{op}: {error.message}")
            continue
        found.extend((op, weight) for weight in measure_instance(loaded, {}).weights)
    return found
