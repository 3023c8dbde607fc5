"""A remote in a folder of any file system that fsspec knows.

    ROOT/commits/00000007.json   a commit: parent, and its files by path with their digests
    ROOT/tags/v1.2.0             the commit that has this name
    ROOT/objects/ab/cdef...      content by sha256
    ROOT/v1.2.0/                 the files of a tag, to be opened by anything (local file systems only)

The highest number is the head. A commit is one file that is made only where none of that number is,
in one step, so it is both the reference and the compare-and-swap: of two publishers with the same
parent one makes number 8 and the other is told. Local disks, memory, S3 and GCS do that exactly; on
a store that cannot, two publishers in the same instant could both believe to have won.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from curator.errors import RemoteError
from curator.hub.remote import LocalFile, RemoteFile
from curator.hub.secrets import redact

__all__ = ["FolderRemote"]

_PART = ".part-"
_STALE_SECONDS = 24 * 3600
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class _Commit:
    id: str
    parent: str | None
    files: Mapping[str, Mapping[str, Any]]


class FolderRemote:
    """Implements `curator.hub.remote.Remote`."""

    def __init__(self, url: str) -> None:
        import fsspec

        self._address = redact(url)
        with _translated(self._address):
            self._fs, root = fsspec.core.url_to_fs(url)
        self._fs.use_listings_cache = False
        self._root = str(root).rstrip("/")
        self._local = Path(self._root) if _is_local(self._fs) else None

    @property
    def address(self) -> str:
        """The folder's URL, without passwords."""
        return self._address

    def head(self) -> str | None:
        """The commit with the highest number."""
        numbers = self._names("commits")
        if not numbers:
            return None
        return self._commit(max(numbers).removesuffix(".json")).id

    def create(self, *, private: bool) -> None:  # noqa: ARG002 - who may read is up to the file system
        """Make the folder."""
        with _translated(self._address):
            self._fs.makedirs(self._path("commits"), exist_ok=True)
            self._fs.makedirs(self._path("objects"), exist_ok=True)
            self._fs.makedirs(self._path("tags"), exist_ok=True)

    def tags(self) -> Mapping[str, str]:
        """Every tag with its commit."""
        return {name: self._bytes(f"tags/{name}").decode() for name in self._names("tags")}

    def files(self, revision: str) -> Mapping[str, RemoteFile]:
        """Every file of a revision."""
        return {
            path: RemoteFile(path=path, size_bytes=told["bytes"], sha256=told["sha256"])
            for path, told in self._resolve(revision).files.items()
        }

    def read(self, path: str, revision: str) -> bytes:
        """A file as a whole."""
        return self._bytes(self._object_of(path, revision))

    def open(self, path: str, revision: str) -> BinaryIO:
        """A file to seek in."""
        name = self._object_of(path, revision)
        with _translated(self._address):
            return cast("BinaryIO", self._fs.open(self._path(name), "rb"))

    def download(self, path: str, revision: str, folder: Path) -> Path:
        """Bring a file to ``folder/path``, going on where a part of it lies."""
        target = folder / path
        part = target.with_name(f"{target.name}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            self.open(path, revision) as source,
            part.open("ab") as file,
            _translated(self._address),
        ):
            source.seek(file.tell())
            shutil.copyfileobj(source, file, _CHUNK_BYTES)
        part.replace(target)
        return target

    def upload(self, files: Sequence[LocalFile], sent: Callable[[LocalFile], None]) -> None:
        """Store objects that are not there yet; each one appears whole."""
        self._sweep()
        for file in files:
            if not self._has(file):
                self._store(file)
            sent(file)

    def commit(
        self,
        files: Sequence[LocalFile],
        deleted: Iterable[str],
        *,
        parent: str | None,
        title: str,
        description: str,
    ) -> str:
        """Make the next number, if nobody else has."""
        if self.head() != parent:
            raise _moved(self._address)
        held = dict(self._resolve(parent).files) if parent else {}
        for path in deleted:
            held.pop(path, None)
        for file in files:
            if not self._has(file):
                raise RemoteError(f"{file.path} was never uploaded", reason="remote-refused")
            held[file.path] = {"bytes": file.size_bytes, "sha256": file.sha256}
        number = int(parent.split("-")[0]) + 1 if parent else 1
        document = {"parent": parent, "title": title, "description": description, "files": held}
        body = json.dumps(document, sort_keys=True, indent=1).encode()
        if not self._put_new(f"commits/{number:08d}.json", body):
            raise _moved(self._address)
        return _commit_id(f"{number:08d}", body)

    def tag(self, name: str, commit: str, message: str) -> None:  # noqa: ARG002 - a file has no message
        """Name a commit, and lay its files out where anything can open them."""
        if self._local is not None:
            self._lay_out(name, commit)
        if not self._put_new(f"tags/{name}", commit.encode()) and self.tags()[name] != commit:
            raise RemoteError(
                f"{self._address} has a {name} already, of another commit",
                reason="remote-tag-taken",
                hint="run again: the next free version is taken",
            )

    # --- parts

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _names(self, folder: str) -> list[str]:
        with _translated(self._address):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
        names = (PurePosixPath(path).name for path in found)
        return sorted(name for name in names if not name.startswith("."))

    def _bytes(self, name: str) -> bytes:
        with _translated(self._address):
            return cast("bytes", self._fs.cat_file(self._path(name)))

    def _commit(self, number: str) -> _Commit:
        body = self._bytes(f"commits/{number}.json")
        try:
            document = json.loads(body)
            return _Commit(_commit_id(number, body), document["parent"], document["files"])
        except (ValueError, KeyError, TypeError) as error:
            raise RemoteError(
                f"{self._address} is damaged: commits/{number}.json", reason="remote-damaged"
            ) from error

    def _resolve(self, revision: str) -> _Commit:
        commit = self.head() if revision == "main" else self.tags().get(revision, revision)
        number = (commit or "").split("-")[0]
        if f"{number}.json" in self._names("commits"):
            found = self._commit(number)
            if found.id == commit:
                return found
        raise RemoteError(
            f"{self._address} has no version '{revision}'",
            reason="remote-revision",
            hint=f"it has: {', '.join(self.tags()) or 'none'}",
        )

    def _object_of(self, path: str, revision: str) -> str:
        told = self._resolve(revision).files.get(path)
        if told is None:
            raise RemoteError(
                f"{self._address}@{revision} has no file '{path}'", reason="remote-no-file"
            )
        return _object(told["sha256"])

    def _has(self, file: LocalFile) -> bool:
        path = self._path(_object(file.sha256))
        with _translated(self._address):
            self._fs.invalidate_cache()
            try:
                return bool(self._fs.size(path) == file.size_bytes)
            except FileNotFoundError:
                return False

    def _store(self, file: LocalFile) -> None:
        path = self._path(_object(file.sha256))
        with _translated(self._address):
            if self._local is not None:
                _store_locally(file, Path(path))
            elif isinstance(file.source, bytes):
                self._fs.pipe_file(path, file.source)
            else:
                self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._fs.put_file(str(file.source), path)

    def _put_new(self, name: str, body: bytes) -> bool:
        """Whether the file is now there with this content; False when there was one before."""
        path = self._path(name)
        with _translated(self._address):
            if self._local is not None:
                return _link_new(Path(path), body)
            try:
                self._fs.pipe_file(path, body, mode="create")
            except FileExistsError:
                return False
            return True

    def _lay_out(self, name: str, commit: str) -> None:
        """``ROOT/v1.2.0``: links to the objects, complete before they have that name."""
        assert self._local is not None
        target = self._local / name
        if target.is_dir():
            return
        staged = self._local / f"{_PART}{secrets.token_hex(8)}"
        with _translated(self._address):
            for path, told in self._resolve(commit).files.items():
                place = staged / path
                place.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(self._local / _object(told["sha256"]), place)
            try:
                staged.rename(target)
            except OSError as error:  # another publisher of this commit was faster
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        shutil.rmtree(staged, ignore_errors=True)

    def _sweep(self) -> None:
        """Parts that a killed publisher left a day ago."""
        if self._local is None:
            return
        patterns = (f"{_PART}*", f"*/{_PART}*", f"objects/*/{_PART}*")
        for path in (one for pattern in patterns for one in self._local.glob(pattern)):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_local(fs: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(fs, LocalFileSystem)


def _object(sha256: str) -> str:
    return f"objects/{sha256[:2]}/{sha256[2:]}"


def _commit_id(number: str, body: bytes) -> str:
    return f"{number}-{hashlib.sha256(body).hexdigest()[:16]}"


def _store_locally(file: LocalFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f"{_PART}{secrets.token_hex(8)}"
    digest = hashlib.sha256()
    try:
        with file.open() as source, part.open("wb") as out:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != file.sha256:
            raise RemoteError(f"{file.path} changed while it was read", reason="remote-local-file")
        part.chmod(0o444)  # linked into the folders of versions, where it must not be edited
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _link_new(target: Path, body: bytes) -> bool:
    """Make a file with its content in one step; False where there is one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f"{_PART}{secrets.token_hex(8)}"
    try:
        with io.FileIO(part, "w") as out:
            out.write(body)
            os.fsync(out.fileno())
        target.hardlink_to(part)
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # the file system has no links
        shutil.copyfile(source, target)


def _moved(address: str) -> RemoteError:
    return RemoteError(
        f"somebody else published to {address} meanwhile; nothing of yours is visible",
        reason="remote-moved",
        hint="run the same command again: it compares with what is there now",
    )


@contextlib.contextmanager
def _translated(address: str) -> Any:
    """What a file system raises, as an error of ours without secrets."""
    try:
        yield
    except FileNotFoundError as error:
        raise RemoteError(
            f"{address} is not there: {redact(str(error))}", reason="remote-missing"
        ) from None
    except PermissionError as error:
        raise RemoteError(
            f"{address} may not be used: {redact(str(error))}", reason="remote-forbidden"
        ) from None
    except (OSError, ImportError, ValueError) as error:
        raise RemoteError(
            f"{address} cannot be reached: {redact(str(error))}", reason="remote-unreachable"
        ) from None
