"""A folder that nobody sees until it is complete."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["publish", "staging"]

_PREFIX = ".staging-"


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """An empty folder inside `out`, gone afterwards unless `publish` has renamed it.

    A builder holds a lock on its folder, and the kernel drops that when the process dies. So
    leftovers of killed builds are known for sure, and are removed here.
    """
    out.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    folder, handle = _create(out)
    try:
        yield folder
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, target: Path) -> None:
    """Give a complete staged folder its name; a folder that had the name goes.

    Everything is on disk before the name is, so a crash leaves either nothing or all of it.
    """
    _sync(folder)
    while not _rename(folder, target):
        # Named like a leftover and not locked: a crash between the two renames cleans itself up.
        target.rename(target.parent / f"{_PREFIX}{secrets.token_hex(8)}")
    _sync_folder(target.parent)
    _sweep(target.parent)


def _rename(folder: Path, target: Path) -> bool:
    """Whether the name was free; another builder may take it at any time."""
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _create(out: Path) -> tuple[Path, int | None]:
    while True:
        folder = out / f"{_PREFIX}{secrets.token_hex(8)}"
        folder.mkdir()
        handle = _lock(folder)
        if handle is not None and folder.exists():
            return folder, handle
        # Another builder swept it in the instant before it was locked.


def _lock(folder: Path) -> int | None:
    """A handle that holds the folder's lock; None when another process does or the folder is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _sweep(out: Path) -> None:
    for folder in out.glob(f"{_PREFIX}*"):
        handle = _lock(folder)
        if handle is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)


def _sync(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync_file(Path(parent) / name)
        _sync_folder(Path(parent))


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot sync a folder
            os.fsync(handle)
    finally:
        os.close(handle)
