"""`curator cache`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from curator.cli.composed import settings_only
from curator.cli.output import Output
from curator.cli.topics import Parser, topics
from curator.errors import UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator cache [stats] [store.root=DIR]                           how much the store holds
       curator cache prune --keep-gib N [--dry-run] [store.root=DIR]    remove what was used longest ago;
                                                                        never what a release needs
       curator cache check [--repair] [store.root=DIR]                  read and hash every file
"""

_GIB = 2**30


def run(words: list[str], output: Output) -> int:
    """One topic; without words, the figures."""
    settings = settings_only([word for word in words if "=" in word and not word.startswith("-")])
    plain = [word for word in words if "=" not in word or word.startswith("-")]
    arguments = _parse(plain or ["stats"])
    root = Path(settings.store.root)
    if not root.is_dir():
        raise UsageError(
            f"there is no store at '{root}'",
            reason="store-missing",
            hint="say where it is: store.root=DIR",
        )
    return _TOPICS[arguments.topic](arguments, root, output)


def _parse(words: list[str]) -> argparse.Namespace:
    parser, choices = topics("cache")
    choices.add_parser("stats", add_help=False)
    prune: Parser = choices.add_parser("prune", add_help=False)
    prune.add_argument("--keep-gib", type=float, required=True)
    prune.add_argument("--dry-run", action="store_true")
    choices.add_parser("check", add_help=False).add_argument("--repair", action="store_true")
    return parser.parse_args(words)


def _stats(_: argparse.Namespace, root: Path, output: Output) -> int:
    from curator.store.store import Store

    with Store.open(root, readonly=True) as store:
        stats, pins = store.stats(), store.pins()
    output.say(
        [
            f"{stats.facts} facts of {stats.keys} computations, {stats.errors} of them errors",
            f"{stats.blobs} files, {stats.blob_bytes / _GIB:.2f} GiB",
            f"{(stats.inline_bytes + stats.database_bytes) / _GIB:.3f} GiB in the database",
            f"{stats.pinned_keys} computations pinned by {len(pins)} releases",
        ]
    )
    output.document({"root": str(root), **dataclasses.asdict(stats), "pins": dict(pins)})
    return 0


def _prune(arguments: argparse.Namespace, root: Path, output: Output) -> int:
    from curator.store.store import Store

    if arguments.keep_gib < 0:
        raise UsageError("--keep-gib must not be negative", reason="usage-arguments")
    with Store.open(root) as store:
        pruned = store.prune(int(arguments.keep_gib * _GIB), dry_run=arguments.dry_run)
    would = "would free" if arguments.dry_run else "freed"
    output.say(
        [
            f"{would} {pruned.bytes / _GIB:.2f} GiB: {pruned.facts} facts, {pruned.blobs} files",
            f"{pruned.kept_bytes / _GIB:.2f} GiB are left",
        ]
    )
    output.document({"dry_run": arguments.dry_run, **dataclasses.asdict(pruned)})
    return 0


def _check(arguments: argparse.Namespace, root: Path, output: Output) -> int:
    from curator.store.store import Store

    with Store.open(root, readonly=not arguments.repair) as store:
        found = store.check(repair=arguments.repair)
    bad = len(found.damaged) + len(found.missing)
    output.say([f"{one}: damaged" for one in found.damaged])
    output.say([f"{one}: missing" for one in found.missing])
    output.say([f"{bad} files are not sound" if bad else "every file is sound"])
    output.document(dataclasses.asdict(found))
    return 1 if bad and not arguments.repair else 0


_TOPICS = {"stats": _stats, "prune": _prune, "check": _check}
