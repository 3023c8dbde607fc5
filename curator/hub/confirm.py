"""What was published, compared with what was meant, before it gets its name."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.errors import RemoteError
from curator.hub.edition import published
from curator.hub.remote import Remote
from curator.release.manifest import describe

__all__ = ["Meant", "confirm", "overtaken"]

_SAMPLES = ("clips/", "data/", "shards/")
"""Folders of samples, in any layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a commit was to be."""

    note_bytes: bytes
    """Of the version."""
    new: Sequence[str]
    """Paths of files that the commit brought."""


def confirm(
    remote: Remote,
    commit: str,
    count: int,
    say: Callable[[str], None],
    *,
    meant: Meant | None,
) -> tuple[str, ...]:
    """Compare a commit with its manifest: all of its listing, and some of its content.

    Args:
        remote: where.
        commit: which.
        count: of files that are pulled back.
        say: is told what was compared.
        meant: what the commit was to be, where this run made it.

    Returns:
        Paths of the files that were pulled back.

    Raises:
        RemoteError: ``remote-damaged``, or ``remote-moved`` when it is another's; there is no tag then.
    """
    files = remote.files(commit)
    found = published(remote, commit, files)
    if meant is not None and (found is None or found.note_bytes != meant.note_bytes):
        raise overtaken(remote)
    if found is None or not found.is_whole(files):
        raise _damaged(remote, "files are missing or are not what its manifest says")
    told = found.manifest["files"]
    paths = _sample(told, meant.new if meant else [], count, found.digest)
    with tempfile.TemporaryDirectory(prefix="curator-") as folder:
        for path in paths:
            if not any(
                _comes_back(remote, path, commit, Path(folder), told[path]) for _ in range(2)
            ):
                raise _damaged(remote, f"{path} comes back with other content")
    if paths:
        say(f"pulled back and compared: {', '.join(paths)}")
    return tuple(paths)


def _sample(told: Mapping[str, Any], prefer: Sequence[str], count: int, seed: str) -> list[str]:
    """Some files: new ones first, and of those samples first; the same ones whenever asked again."""
    choice = random.Random(seed)  # noqa: S311 - a sample, no secret
    paths = sorted(told)
    choice.shuffle(paths)
    new = set(prefer)
    paths.sort(key=lambda path: (path not in new, not path.startswith(_SAMPLES)))
    return sorted(paths[:count])


def _comes_back(
    remote: Remote, path: str, commit: str, folder: Path, told: Mapping[str, Any]
) -> bool:
    place = remote.download(path, commit, folder)
    found = describe(folder, [path])[path]
    place.unlink()
    return found == told


def _damaged(remote: Remote, why: str) -> RemoteError:
    return RemoteError(
        f"what was published to {remote.address} is not whole: {why}",
        reason="remote-damaged",
        hint="it has no tag, so nobody pulls it by its version; run the same command again",
    )


def overtaken(remote: Remote) -> RemoteError:
    """Somebody else was faster."""
    return RemoteError(
        f"somebody else published to {remote.address} meanwhile; nothing of yours is visible",
        reason="remote-moved",
        hint="run the same command again: it compares with what is there now",
    )
