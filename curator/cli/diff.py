"""`curator diff`."""

from __future__ import annotations

from pathlib import Path

from curator.cli.output import Output
from curator.errors import UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator diff A B [--json]

What changed from release A to release B: clips that came in and went out, signals that moved,
settings that changed. A and B are release folders.
"""


def run(words: list[str], output: Output) -> int:
    """Compare two release folders."""
    if len(words) != 2:
        raise UsageError(
            f"diff takes two releases, got {len(words)}",
            reason="usage-diff",
            hint="curator diff A B",
        )
    from curator.release.diff import diff

    report = diff(Path(words[0]), Path(words[1]))
    output.say(report.lines())
    output.document(report.to_json())
    return 0
