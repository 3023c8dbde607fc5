"""A release that holds its clips: itself, or what a virtual one becomes with its footage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from curator.errors import LoaderError
from curator.hub.pull import cache_root
from curator.release.materialize import materialize
from curator.release.read import ReleaseFolder, open_release
from curator.release.virtual import is_virtual
from curator.store.lock import WriterLock

__all__ = ["with_clips"]

_LONGEST_WAIT_SECONDS = 24 * 3600.0


def with_clips(folder: Path, sources: str | Path | Sequence[str | Path] | None) -> Path:
    """The folder to load; the clips of a virtual release are cut once, and kept in the cache.

    Processes that ask for the same at once wait for each other, and one of them cuts.

    Args:
        folder: of a release.
        sources: where the footage of a virtual one is; not needed once its clips are in the cache.

    Raises:
        LoaderError: ``no-clips`` when sources are needed, ``not-virtual`` when there is no use for them.
        SourceError: ``footage-missing``, ``footage-broken``.
    """
    release = open_release(folder)
    given = [sources] if isinstance(sources, str | Path) else list(sources or ())
    if not is_virtual(release):
        if given:
            raise LoaderError(
                "the release holds its clips, so no footage is looked for",
                reason="not-virtual",
                hint="leave `sources` out",
            )
        return folder
    target = cache_root() / "materialized" / _name(release)
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(
        target.parent / f".{target.name}.lock",
        wait_seconds=_LONGEST_WAIT_SECONDS,
        what="another process cuts clips into",
    )
    try:
        if not (target / "manifest.json").is_file():
            if not given:
                raise LoaderError(
                    "the release is virtual: it says where its clips are, and holds none",
                    reason="no-clips",
                    hint="say where the footage is: sources='films/*.mp4'; or `curator materialize`",
                )
            materialize(release, [str(one) for one in given], target)
    finally:
        lock.release()
    return target


def _name(release: ReleaseFolder) -> str:
    """Of the content, or of the part of it that was pulled."""
    part = json.dumps(release.manifest.get("subset"), sort_keys=True)
    return hashlib.sha256(f"{release.digest} {part}".encode()).hexdigest()[:40]
