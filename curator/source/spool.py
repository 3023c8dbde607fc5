"""Local copies of remote videos: fetched once, verified, held while in use, bounded on disk."""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curator.model.video import VideoRef
from curator.source.address import is_local, local_path, open_address, remote_errors
from curator.source.commits import at_commit
from curator.source.fingerprint import (
    Memo,
    Observed,
    changed_error,
    media_error,
    observe,
    observe_remote,
    recall,
    remember_content,
)

__all__ = ["Spool"]

_CHUNK_BYTES = 1 << 20
_PART = ".part-"


class Spool:
    """A folder of copies named by fingerprint. Threads share it; one process owns it.

    Copies stay for the next build. When a new one would take the folder over its limit, those
    used longest ago go first; one that is held never goes, so the limit may be passed while more
    than it allows is in use at once.
    """

    def __init__(self, folder: Path, limit_bytes: int, *, memo: Memo | None = None) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._memo = memo
        self._guard = threading.Lock()
        self._held: Counter[str] = Counter()
        self._fetching: dict[str, threading.Lock] = {}
        self._reserved_bytes = 0
        if folder.is_dir():
            for part in folder.glob(f"{_PART}*"):  # a killed build's
                part.unlink()

    def observe(self, ref: VideoRef) -> Observed:
        """As `curator.source.fingerprint.observe`; a video that must be read for it is kept as a copy.

        Raises:
            MediaError: ``not-found``, ``unreadable``, ``changed-while-read``.
        """
        if is_local(ref.url):
            return observe(ref, memo=self._memo)
        try:
            stated = observe_remote(ref)
            known = recall(ref, stated, self._memo)
            if known is not None:
                return known
            with self._room(stated.size or 0):
                part, digest, size = self._fetch(ref)
                if observe_remote(ref) != stated or stated.size not in (None, size):
                    part.unlink()
                    raise changed_error(ref)
                part.replace(self.folder / digest)
        except remote_errors() as error:
            raise media_error(ref, error) from error
        found = Observed(fingerprint=digest, size=size, token=stated.token, is_content=True)
        remember_content(ref, found, stated, self._memo)
        return found

    @contextmanager
    def hold(self, ref: VideoRef, observed: Observed) -> Iterator[Path]:
        """A path to the video while the context lasts: the file itself when local, else a copy.

        Raises:
            MediaError: ``not-found``, ``unreadable``, or ``changed-while-read`` when what is there
                is no longer what was observed.
        """
        if is_local(ref.url):
            yield local_path(ref.url)
            return
        name = observed.fingerprint
        with self._guard:
            self._held[name] += 1
            fetching = self._fetching.setdefault(name, threading.Lock())
        try:
            with fetching:
                path = self._copy(ref, observed)
            yield path
        finally:
            with self._guard:
                self._held[name] -= 1

    def _copy(self, ref: VideoRef, observed: Observed) -> Path:
        path = self.folder / observed.fingerprint
        if path.is_file() and path.stat().st_size == observed.size:
            os.utime(path)  # used now
            return path
        try:
            with self._room(observed.size):
                part, digest, size = self._fetch(ref)
                # Where the fingerprint is no hash of the bytes, the service must say the same as before.
                is_same = size == observed.size and (
                    digest == observed.fingerprint
                    if observed.is_content
                    else observe_remote(ref).token == observed.token
                )
                if not is_same:
                    part.unlink()
                    raise changed_error(ref)
                part.replace(path)
        except remote_errors() as error:
            raise media_error(ref, error) from error
        return path

    def _fetch(self, ref: VideoRef) -> tuple[Path, str, int]:
        """Copy a remote file aside; its part, SHA-256 and size."""
        fs, path = open_address(at_commit(ref.url, ref.pins))
        part = self.folder / f"{_PART}{uuid.uuid4().hex}"
        hashed, size = hashlib.sha256(), 0
        try:
            with fs.open(path, "rb") as source, part.open("xb") as target:
                while chunk := source.read(_CHUNK_BYTES):
                    hashed.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part, hashed.hexdigest(), size

    @contextmanager
    def _room(self, size: int) -> Iterator[None]:
        with self._guard:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._reserved_bytes += size
            self._evict()
        try:
            yield
        finally:
            with self._guard:
                self._reserved_bytes -= size

    def _evict(self) -> None:
        copies = [
            (file.stat().st_mtime_ns, file.stat().st_size, file)
            for file in self.folder.iterdir()
            if not file.name.startswith(_PART)
        ]
        total = self._reserved_bytes + sum(size for _, size, _ in copies)
        for _, size, file in sorted(copies):
            if total <= self.limit_bytes:
                return
            if self._held[file.name] <= 0:
                file.unlink()
                total -= size
