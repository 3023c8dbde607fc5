"""Files named by their content: written aside, synced, renamed, and verified when read."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curator.errors import StoreError

__all__ = ["Blobs"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A folder ``ab/cdef...`` of files by SHA-256. Writing needs no lock: equal names hold equal bytes."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self.scratch = scratch
        """Unfinished files, on the same file system."""

    def path(self, digest: str) -> Path:
        """Where the blob lies, or would lie."""
        assert _DIGEST.fullmatch(digest), f"not a digest: {digest!r}"
        return self.root / digest[:2] / digest[2:]

    def size(self, digest: str) -> int | None:
        """Bytes of the file, None when there is none."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def put(self, data: bytes) -> str:
        """Keep `data`; its digest.

        Raises:
            StoreError: ``store-write`` when the disk refuses.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self.size(digest) == len(data):
            return digest
        with _writing(digest):
            self.scratch.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.scratch)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                self._adopt(Path(name), digest)
            finally:
                Path(name).unlink(missing_ok=True)
        return digest

    def put_file(self, path: Path, *, move: bool = False) -> str:
        """Keep a file's content; its digest. With `move` the file itself goes (one rename on the same disk).

        Raises:
            StoreError: ``store-write`` when the disk refuses.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if self.size(digest) != path.stat().st_size:
            with _writing(digest):
                self.scratch.mkdir(parents=True, exist_ok=True)
                handle, name = tempfile.mkstemp(dir=self.scratch)
                os.close(handle)
                try:
                    (_move if move else shutil.copyfile)(path, Path(name))
                    self._adopt(Path(name), digest)
                finally:
                    Path(name).unlink(missing_ok=True)
        if move:
            path.unlink(missing_ok=True)
        return digest

    def read(self, digest: str) -> bytes:
        """The bytes, verified.

        Raises:
            StoreError: ``blob-missing`` or ``blob-damaged``, naming the blob.
        """
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise StoreError(
                f"blob {digest} is not in the store",
                reason="blob-missing",
                hint="build again: what is missing is computed again",
            ) from error
        except OSError as error:
            raise _damaged(digest) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged(digest)
        return data

    def is_sound(self, digest: str) -> bool:
        """Whether the file holds what its name says; reads it in pieces."""
        try:
            with self.path(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return False

    def remove(self, digest: str) -> None:
        """Forget a blob; one that is not there is no error."""
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """Every blob in the folder, sorted."""
        if not self.root.is_dir():
            return
        for folder in sorted(self.root.iterdir()):
            for file in sorted(folder.iterdir()):
                if _DIGEST.fullmatch(folder.name + file.name):
                    yield folder.name + file.name

    def _adopt(self, file: Path, digest: str) -> None:
        # Synced before it gets its name, so that a name never stands over half a file.
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
        file.chmod(0o444)
        target = self.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _damaged(digest: str) -> StoreError:
    return StoreError(
        f"blob {digest} does not hold what its name says",
        reason="blob-damaged",
        hint="build again: what is damaged is computed again; `curator cache check` reads all of them",
    )


@contextmanager
def _writing(digest: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"blob {digest} cannot be written: {error.strerror or error}",
            reason="store-write",
            hint="is the disk full, or the store read-only? `curator cache prune` makes room",
        ) from error
