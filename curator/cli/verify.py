"""`curator verify`."""

from __future__ import annotations

from pathlib import Path

from curator.cli.output import Output
from curator.errors import CuratorError, UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator verify RELEASE [--sources] [--json]

Decode a release and check it: digests of all files, columns, ids and splits, how many pictures and
samples there are, when they start and how long they last, whether sound goes with the pictures,
and whether every track lies on its clip's clock. RELEASE is the folder of one version.

  --sources  also compare with the sources that are on this machine: the first picture, the number
             of frames, the sound

Exit code 1 when anything is wrong; each fault names the file, the sample and what to do.
"""

_FLAGS = frozenset({"--sources"})


def run(words: list[str], output: Output) -> int:
    """Check one release folder."""
    flags = {word for word in words if word.startswith("-")}
    folders = [word for word in words if word not in flags]
    if unknown := sorted(flags - _FLAGS):
        raise UsageError(
            f"verify has no option '{unknown[0]}'",
            reason="usage-option",
            hint="curator verify --help",
        )
    if len(folders) != 1:
        raise UsageError(
            f"verify takes one release, got {len(folders)}",
            reason="usage-verify",
            hint="curator verify RELEASE [--sources]",
        )
    from curator.release.verify import verify

    found = verify(Path(folders[0]), sources="--sources" in flags)
    output.say(found.lines())
    output.document(found.to_json())
    return 0 if found.is_sound else CuratorError.exit_code
