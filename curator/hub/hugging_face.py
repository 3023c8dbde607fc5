"""A remote that is a dataset repository of the Hugging Face Hub.

The endpoint is ``HF_ENDPOINT``, the token that of ``HF_TOKEN`` or of ``hf auth login``; neither is
ever kept here. Commits go through `create_commit` with its parent, never through `upload_folder`,
which commits in pieces.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from curator.errors import RemoteError
from curator.hub.drafts import Draft, close, drafts, title_of
from curator.hub.hub_errors import PassingError, moved, translated
from curator.hub.remote import LocalFile, RemoteFile

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

__all__ = ["HuggingFaceRemote"]

T = TypeVar("T")

_TYPE = "dataset"
_PIECE_FILES = 50
"""Files per round of uploads: what is told as sent, and at most what is asked again after a cut."""
_MOST_OPERATIONS = 1_000
"""In one commit; the Hub takes 25 000 of large files, and has a minute for all of them."""
_TRIES = 5
_LONGEST_WAIT_SECONDS = 330.0
"""The Hub counts requests over five minutes."""
_MOST_FILE_BYTES = 500 * 10**9
_MOST_FOLDER_ENTRIES = 10_000
_MOST_FILES = 100_000
_BLOCK_BYTES = 2**20


class HuggingFaceRemote:
    """Implements `curator.hub.remote.Remote`."""

    def __init__(self, repo: str) -> None:
        self._repo = repo
        self._ready: dict[tuple[str, str], CommitOperationAdd] = {}
        """What was uploaded, by path and sha256: the client's own note of where it went."""

    @property
    def address(self) -> str:
        """``org/name``."""
        return self._repo

    def head(self) -> str | None:
        """The newest commit of ``main``; None without a repository."""
        try:
            refs = self._again(lambda: self._api().list_repo_refs(self._repo, repo_type=_TYPE))
        except RemoteError as error:
            if error.reason == "remote-missing":
                return None
            raise
        return next((one.target_commit for one in refs.branches if one.name == "main"), None)

    def create(self, *, private: bool) -> None:
        """Make the repository, unless it is there."""
        self._again(
            lambda: self._api().create_repo(
                self._repo, repo_type=_TYPE, private=private, exist_ok=True
            )
        )

    def tags(self) -> Mapping[str, str]:
        """Every tag with its commit."""
        refs = self._again(lambda: self._api().list_repo_refs(self._repo, repo_type=_TYPE))
        return {one.name: one.target_commit for one in refs.tags}

    def files(self, revision: str) -> Mapping[str, RemoteFile]:
        """Every file of a revision: sha256 of LFS files, git's sha1 of the others."""

        def listed() -> list[Any]:
            tree = self._api().list_repo_tree(
                self._repo, recursive=True, revision=revision, repo_type=_TYPE
            )
            return [one for one in tree if hasattr(one, "blob_id")]

        return {
            one.path: RemoteFile(
                path=one.path,
                size_bytes=one.size,
                sha256=one.lfs.sha256 if one.lfs else None,
                git_sha1=None if one.lfs else one.blob_id,
            )
            for one in self._again(listed)
        }

    def read(self, path: str, revision: str) -> bytes:
        """A small file as a whole."""
        from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there

        def got() -> bytes:
            url = hf_hub_url(
                self._repo, path, repo_type=_TYPE, revision=revision, endpoint=_endpoint()
            )
            # The client drops the token where it is sent on to another host.
            answer = get_session().get(url, headers=build_hf_headers(), follow_redirects=True)
            hf_raise_for_status(answer)
            return bytes(answer.content)

        return self._again(got)

    def open(self, path: str, revision: str) -> BinaryIO:
        """A file to seek in, read in blocks as they are needed."""
        from huggingface_hub import HfFileSystem

        def opened() -> BinaryIO:
            # Instances are shared and remember that a revision was not there; this one is ours.
            fs = HfFileSystem(endpoint=_endpoint(), skip_instance_cache=True)
            name = f"datasets/{self._repo}@{revision.replace('/', '%2F')}/{path}"
            return cast("BinaryIO", fs.open(name, "rb", block_size=_BLOCK_BYTES))

        try:
            return self._again(opened)
        except RemoteError as error:
            if error.reason == "remote-local-file":
                raise RemoteError(
                    f"{self._repo}@{revision} has no file '{path}'", reason="remote-no-file"
                ) from None
            raise

    def download(self, path: str, revision: str, folder: Path) -> Path:
        """Bring a file to ``folder/path``; its parts lie in ``folder/.cache`` meanwhile."""
        return Path(
            self._again(
                lambda: self._api().hf_hub_download(
                    self._repo, path, repo_type=_TYPE, revision=revision, local_dir=folder
                )
            )
        )

    def upload(self, files: Sequence[LocalFile], sent: Callable[[LocalFile], None]) -> None:
        """Store the large files; small ones travel inside the commit.

        Raises:
            RemoteError: ``remote-too-large``, ``remote-too-many-files`` or ``remote-folder-too-full``, before anything is sent.
        """
        _check_limits(files)
        for start in range(0, len(files), _PIECE_FILES):
            piece = files[start : start + _PIECE_FILES]
            added = [self._operation(file) for file in piece]
            with translated(self._repo):  # the client tries each request several times itself
                self._api().preupload_lfs_files(
                    self._repo, added, repo_type=_TYPE, free_memory=False
                )
            for file, operation in zip(piece, added, strict=True):
                self._ready[file.path, file.sha256] = operation
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
        """One commit on ``main``, asked for once.

        More files than one commit holds are committed in pieces where nobody looks (the reference
        of a pull request), and become visible in one step when that is merged.
        """
        gone = tuple(deleted)
        if len(files) + len(gone) > _MOST_OPERATIONS:
            with translated(self._repo):
                commit = self._merged(files, gone, parent, title, description)
        else:
            with translated(self._repo):
                made = self._api().create_commit(
                    self._repo,
                    self._operations(files, gone),
                    commit_message=title,
                    commit_description=description,
                    repo_type=_TYPE,
                    parent_commit=parent,
                )
            commit = str(made.oid)
        with suppress(RemoteError), translated(self._repo):  # the version is there, come what may
            self._tidy(commit)
        return commit

    def tag(self, name: str, commit: str, message: str) -> None:
        """Name a commit; a tag that lost its answer is looked up."""
        try:
            self._again(
                lambda: self._api().create_tag(
                    self._repo, tag=name, revision=commit, tag_message=message, repo_type=_TYPE
                )
            )
        except RemoteError as error:
            if error.reason != "remote-conflict":
                raise
        else:
            return
        if self.tags().get(name) != commit:
            raise RemoteError(
                f"{self._repo} has a {name} already, of another commit",
                reason="remote-tag-taken",
                hint="run again: the next free version is taken",
            )

    # --- parts

    def _merged(
        self,
        files: Sequence[LocalFile],
        deleted: Sequence[str],
        parent: str | None,
        title: str,
        description: str,
    ) -> str:
        """Many pieces, one merge. Two versions always differ in the same files, so only one is merged."""
        from huggingface_hub.errors import HfHubHTTPError

        api = self._api()
        draft = self._draft(
            title_of(title, parent=parent, files=files, deleted=deleted), description, parent
        )
        there = self.files(draft.revision)
        operations = self._operations(
            [one for one in files if one.path not in there or not there[one.path].holds(one)],
            [path for path in deleted if path in there],
        )
        for start in range(0, len(operations), _MOST_OPERATIONS):
            api.create_commit(
                self._repo,
                operations[start : start + _MOST_OPERATIONS],
                commit_message=title,
                revision=draft.revision,
                repo_type=_TYPE,
            )
        if self.head() != parent:
            close(api, self._repo, _TYPE, draft)
            raise moved(self._repo)
        if draft.status != "open":
            api.change_discussion_status(self._repo, draft.number, "open", repo_type=_TYPE)
        try:
            api.merge_pull_request(self._repo, draft.number, repo_type=_TYPE)
        except HfHubHTTPError as error:
            # A conflict, or whoever was faster has closed the draft.
            if error.response.status_code == 409 or (
                error.response.status_code == 400 and self.head() != parent
            ):
                raise moved(self._repo) from None
            raise
        merged = self.head()
        assert merged is not None, "it was there a moment ago"
        return merged

    def _draft(self, title: str, description: str, parent: str | None) -> Draft:
        """The draft that an interrupted publish of the same left, or a new one."""
        api = self._api()
        for draft in drafts(api, self._repo, _TYPE):
            if draft.title == title and draft.stands_on(parent):
                return draft
        made = api.create_pull_request(
            self._repo, title=title, description=description, repo_type=_TYPE
        )
        return Draft(number=made.num, title=title, status="draft", base=(parent or "")[:12])

    def _tidy(self, head: str) -> None:
        """Close drafts that cannot be merged any more."""
        api = self._api()
        for draft in drafts(api, self._repo, _TYPE):
            if not draft.stands_on(head):
                close(api, self._repo, _TYPE, draft)

    def _operations(self, files: Sequence[LocalFile], deleted: Sequence[str]) -> list[Any]:
        from huggingface_hub import CommitOperationDelete

        gone: list[Any] = [CommitOperationDelete(path, is_folder=False) for path in deleted]
        added = [self._ready.get((one.path, one.sha256)) or self._operation(one) for one in files]
        return [*gone, *added]

    def _api(self) -> HfApi:
        from huggingface_hub import HfApi

        return HfApi(endpoint=_endpoint(), library_name="curator")

    def _operation(self, file: LocalFile) -> CommitOperationAdd:
        from huggingface_hub import CommitOperationAdd

        operation = CommitOperationAdd(file.path, file.source)
        operation.upload_info.sha256 = bytes.fromhex(file.sha256)  # known: not read once more
        return operation

    def _again(self, call: Callable[[], T]) -> T:
        """The result of something that may be asked twice, through short failures of the network."""
        for attempt in range(_TRIES - 1):
            try:
                with translated(self._repo):
                    return call()
            except PassingError as error:
                time.sleep(min(error.wait_seconds or 2.0**attempt, _LONGEST_WAIT_SECONDS))
        with translated(self._repo):
            return call()


def _endpoint() -> str | None:
    # Read now: the client reads it once, when it is imported.
    return os.environ.get("HF_ENDPOINT") or None


def _check_limits(files: Sequence[LocalFile]) -> None:
    """What the Hub would refuse only after everything was sent."""
    for file in files:
        if file.size_bytes > _MOST_FILE_BYTES:
            raise RemoteError(
                f"{file.path} has {file.size_bytes} bytes; the Hub takes {_MOST_FILE_BYTES}",
                reason="remote-too-large",
                hint="lower pack.shard_mib",
            )
    if len(files) > _MOST_FILES:
        raise RemoteError(
            f"{len(files)} files are too many: the Hub takes {_MOST_FILES} in a repository",
            reason="remote-too-many-files",
            hint="pack clips together: pack.layout=webdataset, or parquet",
        )
    folders = Counter(file.path.rpartition("/")[0] for file in files)
    folder, entries = max(folders.items(), key=lambda one: one[1], default=("", 0))
    if entries > _MOST_FOLDER_ENTRIES:
        raise RemoteError(
            f"'{folder}' would hold {entries} files; the Hub takes {_MOST_FOLDER_ENTRIES} in a folder",
            reason="remote-folder-too-full",
            hint="pack into larger shards: pack.shard_mib",
        )
