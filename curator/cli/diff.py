"""`curator diff`."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from curator.cli.output import Output
from curator.errors import UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator diff A B [--json]

What changed from release A to release B: clips that came in and went out, signals that moved,
settings that changed. A and B are release folders, or published versions: org/name@v1.1.0.
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

    with ExitStack() as stack:
        report = diff(*(_folder(word, stack) for word in words))
    output.say(report.lines())
    output.document(report.to_json())
    return 0


def _folder(word: str, stack: ExitStack) -> Path:
    """The folder of a release; of a published one what it tells, without its samples, in a folder for now."""
    if (Path(word) / "manifest.json").is_file() or "@" not in word:
        return Path(word)
    from curator.hub.address import open_remote, split_revision
    from curator.hub.pull import pull_tables
    from curator.hub.secrets import quiet_logs

    name, revision = split_revision(word)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="curator-diff-")))
    with quiet_logs():
        pull_tables(open_remote(name), folder, revision)
    return folder
