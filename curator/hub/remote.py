"""A place where releases are published: what it must be able to do, and nothing about how.

There are two: a dataset repository of the Hugging Face Hub (`curator.hub.hugging_face`) and a folder
on any file system that fsspec knows (`curator.hub.folder`). `curator.hub.address` opens either.

A remote holds *commits*: complete, immutable sets of files. One line of commits leads to the *head*.
*Tags* name commits for good. Nothing that is uploaded can be seen before a commit names it, and a
commit is seen whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from curator.errors import RemoteError

__all__ = ["LocalFile", "Remote", "RemoteFile", "local_file"]

_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file that shall be published."""

    path: str
    """Where it goes, with ``/``."""
    source: Path | bytes
    size_bytes: int
    sha256: str
    git_sha1: str
    """Of the content, as git names it: the Hub tells no other digest of small files."""

    def open(self) -> BinaryIO:
        """The content."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of a commit. At least one digest is known."""

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None = None

    def holds(self, file: LocalFile) -> bool:
        """Whether the content is the same."""
        if self.size_bytes != file.size_bytes:
            return False
        return self.sha256 == file.sha256 if self.sha256 else self.git_sha1 == file.git_sha1


class Remote(Protocol):
    """Commits of files, and tags.

    Every method raises `RemoteError`: ``remote-unreachable``, ``remote-unauthorized``,
    ``remote-forbidden``, ``remote-missing``, ``remote-refused``; further reasons are named below.
    A *revision* is a commit, a tag or ``main``.
    """

    @property
    def address(self) -> str:
        """As people write it, e.g. ``org/name``; holds no secrets."""

    def head(self) -> str | None:
        """The newest commit; None when the remote does not exist, or has nothing yet."""

    def create(self, *, private: bool) -> None:
        """Make it, unless it is there."""

    def tags(self) -> Mapping[str, str]:
        """Every tag with its commit."""

    def files(self, revision: str) -> Mapping[str, RemoteFile]:
        """Every file of a revision by path.

        Raises:
            RemoteError: ``remote-revision`` when there is no such revision.
        """

    def read(self, path: str, revision: str) -> bytes:
        """A small file as a whole.

        Raises:
            RemoteError: ``remote-no-file``, ``remote-revision``.
        """

    def open(self, path: str, revision: str) -> BinaryIO:
        """A file to seek in; only what is read is transferred.

        Raises:
            RemoteError: ``remote-no-file``, ``remote-revision``.
        """

    def download(self, path: str, revision: str, folder: Path) -> Path:
        """Bring a file to ``folder/path``; goes on where an earlier call was cut off.

        The digest is not checked: compare with the manifest (`curator.release.manifest.describe`).

        Raises:
            RemoteError: ``remote-no-file``, ``remote-revision``.
        """

    def upload(self, files: Sequence[LocalFile], sent: Callable[[LocalFile], None]) -> None:
        """Store content that a later `commit` names. Content that is stored already is not sent again.

        Args:
            files: Any number; they are sent in pieces.
            sent: Called for each file once it is stored.
        """

    def commit(
        self,
        files: Sequence[LocalFile],
        deleted: Iterable[str],
        *,
        parent: str | None,
        title: str,
        description: str,
    ) -> str:
        """Make the parent's files, less `deleted`, with `files` (all uploaded), the new head.

        Not repeated when the answer is lost: ask `head` what became of it.

        Raises:
            RemoteError: ``remote-moved`` when the head is no longer `parent`; nothing was changed then.
        """

    def tag(self, name: str, commit: str, message: str) -> None:
        """Name a commit for good; nothing to do when it has that name already.

        Raises:
            RemoteError: ``remote-tag-taken`` when the name is another commit's.
        """


def local_file(path: str, source: Path | bytes) -> LocalFile:
    """A file with its digests; reads all of it once.

    Raises:
        RemoteError: ``remote-local-file`` when it cannot be read.
    """
    sha256, size = hashlib.sha256(), 0
    try:
        length = len(source) if isinstance(source, bytes) else source.stat().st_size
        sha1 = hashlib.sha1(b"blob %d\0" % length, usedforsecurity=False)
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                size += len(chunk)
                sha256.update(chunk)
                sha1.update(chunk)
    except OSError as error:
        raise RemoteError(
            f"{path} cannot be read: {error.strerror or error}", reason="remote-local-file"
        ) from error
    return LocalFile(
        path=path,
        source=source,
        size_bytes=size,
        sha256=sha256.hexdigest(),
        git_sha1=sha1.hexdigest(),
    )
