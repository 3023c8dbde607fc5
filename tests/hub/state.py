"""What a Hub knows: users, repositories, commits, LFS objects. No HTTP here, only its rules."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.hub.xet import XetStore

__all__ = ["Commit", "Entry", "Hub", "HubError", "Limits", "Repo", "User", "git_sha1"]

_LFS = ["7z", "arrow", "avro", "bin", "bz2", "flac", "ftz", "gz", "h5", "joblib", "lance", "lz4", "mp3", "mp4", "msgpack", "npy", "npz", "onnx", "parquet", "pickle", "pkl", "pt", "pth", "rar", "safetensors", "tar", "tgz", "wav", "webm", "webp", "xz", "zip", "zst", "jpg", "jpeg", "png", "gif"]  # fmt: skip
_ATTRIBUTES = "".join(f"*.{one} filter=lfs diff=lfs merge=lfs -text\n" for one in _LFS).encode()
_RESERVED = ("", ".", "..", ".git")


class HubError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, message: str, *, code: str | None = None, **body: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.body = status, message, code, body


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes that the Hub enforces; tests make them small."""

    regular_bytes: int = 10 * 2**20
    lfs_bytes: int = 50 * 10**9
    payload_bytes: int = 10**9
    """Of one commit request."""
    operations: int = 25_000
    folder_entries: int = 10_000
    multipart_bytes: int = 2**62
    """LFS objects that are larger are asked for in parts."""
    part_bytes: int = 5 * 2**20
    page: int = 1000


@dataclass(frozen=True)
class User:
    """Somebody with a token."""

    name: str
    orgs: tuple[str, ...]
    role: str
    """``write`` or ``read``."""

    def may_write(self, namespace: str) -> bool:
        return self.role == "write" and namespace in (self.name, *self.orgs)


@dataclass(frozen=True)
class Entry:
    """A file of a tree."""

    oid: str
    """git's sha1: of the content, or of the pointer for an LFS file."""
    size: int
    sha256: str | None = None
    """Of an LFS object."""


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    tree: Mapping[str, Entry]
    title: str
    message: str
    author: str
    when: datetime


@dataclass
class Repo:
    """One dataset repository."""

    id: str
    private: bool
    created: datetime
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    prs: dict[int, dict[str, Any]] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    small: dict[str, bytes] = field(default_factory=dict)
    """Regular files by git sha1."""
    objects: set[str] = field(default_factory=set)
    """sha256 of the LFS objects that were uploaded to this repository."""
    gated: bool = False

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    def resolve(self, revision: str) -> Commit:
        """The commit that a branch, tag, pull request or hash names."""
        refs = {f"refs/pr/{number}": pr["head"] for number, pr in self.prs.items()}
        refs |= self.tags | self.branches
        refs |= {f"refs/heads/{name}": oid for name, oid in self.branches.items()}
        oid = refs.get(revision, revision)
        if oid not in self.commits:
            found = [one for one in self.commits if len(oid) >= 7 and one.startswith(oid)]
            if len(found) != 1:
                raise HubError(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
            oid = found[0]
        return self.commits[oid]


class Hub:
    """All of it. Every method that writes holds the lock, so commits are atomic."""

    def __init__(
        self,
        folder: Path | None = None,
        limits: Limits | None = None,
        xet: XetStore | None = None,
    ) -> None:
        self.xet = xet
        self.limits = limits or Limits()
        self.users: dict[str, User] = {}
        self.repos: dict[str, Repo] = {}
        self.lock = threading.RLock()
        self._folder = folder
        self._memory: dict[str, bytes] = {}

    # --- users

    def user(self, name: str, *, orgs: Iterable[str] = (), role: str = "write") -> str:
        """A new token."""
        token = f"hf_{secrets.token_hex(17)}"
        self.users[token] = User(name, tuple(orgs), role)
        return token

    # --- objects

    def put_object(self, repo: Repo, oid: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != oid:
            raise HubError(400, "the uploaded object does not match its oid")
        with self.lock:
            if self._folder is None:
                self._memory[oid] = data
            else:
                (self._folder / oid).write_bytes(data)
            repo.objects.add(oid)

    def object(self, oid: str) -> bytes:
        return self._memory[oid] if self._folder is None else (self._folder / oid).read_bytes()

    # --- repositories

    def create(self, repo_id: str, *, private: bool, author: str) -> Repo:
        with self.lock:
            if repo_id in self.repos:
                raise HubError(409, "You already created this dataset repo")
            repo = self.repos[repo_id] = Repo(repo_id, private, datetime.now(UTC))
            first = {".gitattributes": self._small(repo, _ATTRIBUTES)}
            self._commit(repo, "main", None, first, "initial commit", "", author)
            return repo

    def is_lfs(self, repo: Repo, commit: Commit, path: str, size: int, sample: bytes) -> bool:
        """Whether a new file has to come as an LFS object."""
        if size > self.limits.regular_bytes or b"\0" in sample:
            return True
        attributes = commit.tree.get(".gitattributes")
        text = repo.small[attributes.oid].decode() if attributes else ""
        patterns = [line.split()[0] for line in text.splitlines() if "filter=lfs" in line]
        name = path.rpartition("/")[2]
        return any(fnmatch(name, pattern) or fnmatch(path, pattern) for pattern in patterns)

    def content(self, repo: Repo, entry: Entry) -> bytes:
        return self.object(entry.sha256) if entry.sha256 else repo.small[entry.oid]

    def commit(
        self,
        repo: Repo,
        revision: str,
        *,
        parent: str | None,
        operations: list[tuple[str, dict[str, Any]]],
        title: str,
        message: str,
        author: str,
    ) -> Commit:
        """Apply all operations or none."""
        with self.lock:
            head = self._head(repo, revision)
            if parent is not None and repo.resolve(parent).oid != head.oid:
                why = "A commit has happened since. Please refresh and try again."
                raise HubError(412, why)
            if len(operations) > self.limits.operations:
                raise HubError(400, f"too many operations in one commit: {len(operations)}")
            tree = dict(head.tree)
            for kind, value in operations:
                self._apply(repo, tree, kind, value)
            self._check_folders(tree)
            return self._commit(repo, revision, head.oid, tree, title, message, author)

    def tag(self, repo: Repo, revision: str, name: str) -> None:
        with self.lock:
            commit = repo.resolve(revision)
            if name in repo.tags:
                raise HubError(409, f"Reference refs/tags/{name} already exists")
            repo.tags[name] = commit.oid

    def branch(self, repo: Repo, name: str, start: str | None) -> None:
        with self.lock:
            if name in repo.branches:
                raise HubError(409, f"Reference refs/heads/{name} already exists")
            repo.branches[name] = repo.resolve(start or "main").oid

    def squash(self, repo: Repo, branch: str, message: str, author: str) -> Commit:
        """One commit without parents instead of a branch's history; tags keep what they name."""
        with self.lock:
            head = self._head(repo, branch)
            made = self._commit(repo, branch, None, head.tree, message, "", author)
            self._forget(repo)
            return made

    def open_pr(self, repo: Repo, title: str, author: str) -> dict[str, Any]:
        with self.lock:
            number = len(repo.prs) + 1
            base = repo.branches["main"]
            pr = {"num": number, "title": title, "status": "draft", "base": base, "head": base}
            repo.prs[number] = pr | {"author": author, "when": datetime.now(UTC)}
            return repo.prs[number]

    def merge_pr(self, repo: Repo, number: int, author: str) -> Commit:
        """One commit on main with the pull request's changes; refused when main changed a file of it."""
        with self.lock:
            pr = repo.prs[number]
            if pr["status"] != "open":
                raise HubError(400, f"this pull request is {pr['status']}")
            base, ours = (repo.commits[pr[name]].tree for name in ("base", "head"))
            main = dict(repo.resolve("main").tree)
            changed = {p for p in {*base, *ours} if base.get(p) != ours.get(p)}
            if any(main.get(path) != base.get(path) for path in changed):
                raise HubError(409, "this pull request has conflicts")
            for path in changed:
                main.pop(path, None)
                if path in ours:
                    main[path] = ours[path]
            head = repo.branches["main"]
            made = self._commit(repo, "main", head, main, pr["title"], "", author)
            pr["status"] = "merged"
            return made

    # --- parts

    def _head(self, repo: Repo, revision: str) -> Commit:
        number = revision.removeprefix("refs/pr/")
        if revision in repo.branches or (number.isdigit() and int(number) in repo.prs):
            return repo.resolve(revision)
        raise HubError(404, f"Invalid rev id: {revision}", code="RevisionNotFound")

    def _apply(self, repo: Repo, tree: dict[str, Entry], kind: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if any(part in _RESERVED for part in path.rstrip("/").split("/")):
            raise HubError(422, f"invalid path: {path}")
        appliers: dict[str, Callable[[], None]] = {
            "file": lambda: self._apply_file(repo, tree, path, value["bytes"]),
            "lfsFile": lambda: self._apply_object(repo, tree, path, value),
            "deletedFile": lambda: self._delete(tree, [path]),
            "deletedFolder": lambda: self._delete(
                tree, [one for one in tree if one.startswith(path.rstrip("/") + "/")]
            ),
        }
        if kind not in appliers:
            raise HubError(400, f"unknown operation {kind}")
        appliers[kind]()

    def _apply_file(self, repo: Repo, tree: dict[str, Entry], path: str, data: bytes) -> None:
        if len(data) > self.limits.regular_bytes:
            raise HubError(400, f"Your push was rejected: {path} is too large for a regular file")
        tree[path] = self._small(repo, data)

    def _apply_object(
        self, repo: Repo, tree: dict[str, Entry], path: str, value: Mapping[str, Any]
    ) -> None:
        oid = value["oid"]
        if oid not in repo.objects and self.xet is not None and self.xet.hash_of(oid):
            self.put_object(repo, oid, self.xet.read(oid))
        if oid not in repo.objects:
            raise HubError(400, f"LFS pointer pointed to a file that does not exist: {oid}")
        size = len(self.object(oid))
        if value.get("size", size) != size:
            raise HubError(400, f"size of {path} does not match its object")
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
        tree[path] = Entry(git_sha1(pointer.encode()), size, oid)

    def _delete(self, tree: dict[str, Entry], paths: list[str]) -> None:
        if not paths or any(path not in tree for path in paths):
            raise HubError(404, "A file with this name doesn't exist", code="EntryNotFound")
        for path in paths:
            del tree[path]

    def _check_folders(self, tree: Mapping[str, Entry]) -> None:
        entries: dict[str, set[str]] = {}
        for path in tree:
            parts = path.split("/")
            for depth in range(len(parts)):
                entries.setdefault("/".join(parts[:depth]), set()).add(parts[depth])
        largest = max((len(one) for one in entries.values()), default=0)
        if largest > self.limits.folder_entries:
            raise HubError(400, f"a folder holds {largest} entries, the most is 10000")

    def _small(self, repo: Repo, data: bytes) -> Entry:
        oid = git_sha1(data)
        repo.small[oid] = data
        return Entry(oid, len(data))

    def _commit(
        self,
        repo: Repo,
        revision: str,
        parent: str | None,
        tree: Mapping[str, Entry],
        title: str,
        message: str,
        author: str,
    ) -> Commit:
        oid = hashlib.sha1(secrets.token_bytes(20)).hexdigest()
        made = Commit(oid, parent, dict(tree), title, message, author, datetime.now(UTC))
        repo.commits[oid] = made
        number = revision.removeprefix("refs/pr/")
        if number != revision:
            repo.prs[int(number)]["head"] = oid
        else:
            repo.branches[revision] = oid
        return made

    def _forget(self, repo: Repo) -> None:
        """What no branch, tag or pull request reaches is gone."""
        reached: set[str] = set()
        pending: list[str | None] = [*repo.branches.values(), *repo.tags.values()]
        while pending:
            oid = pending.pop()
            if oid is not None and oid not in reached:
                reached.add(oid)
                pending.append(repo.commits[oid].parent)
        repo.commits = {oid: one for oid, one in repo.commits.items() if oid in reached}
        held = {e.sha256 for one in repo.commits.values() for e in one.tree.values() if e.sha256}
        repo.objects &= held


def git_sha1(data: bytes) -> str:
    """The name that git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
