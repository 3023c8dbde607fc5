"""A release becomes a version: seen whole by everybody, or by nobody.

The order is what makes it safe to stop anywhere. Content is stored where nobody sees it; one commit
on top of the head that was read makes all of it visible; what is visible is compared with what was
meant; the tag comes last. Whoever comes after an interruption finds one of these states by looking
at the remote alone and goes on from it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curator.errors import RemoteError, StoreError
from curator.hub.changes import Changes, changes
from curator.hub.confirm import Meant, confirm, overtaken
from curator.hub.edition import Edition, Published, edition, published, release_digest
from curator.hub.remote import LocalFile, Remote, RemoteFile, local_file
from curator.hub.report import PublishReport
from curator.hub.secrets import holds_secret
from curator.hub.surface import surface
from curator.hub.tombstones import TOMBSTONES, Tombstone, of_remote, to_bytes
from curator.hub.version import Level, Version, next_version
from curator.hub.withdraw import buried, withdrawn
from curator.release.manifest import VERSION_FILE
from curator.release.read import ReleaseFolder, open_release
from curator.spec.settings import PublishSpec

__all__ = ["publish"]

_KEPT = frozenset({".gitattributes", TOMBSTONES})
"""What stays in the repository whatever a release holds."""
_MAY_BE_THERE = _KEPT | {"README.md", "LICENSE", ".gitignore"}
"""What a repository may hold before the first version goes into it."""
_TEXTS = (".json", ".yaml", ".md", ".html", ".txt", ".csv", ".jsonl")
_COMMIT_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _There:
    """What the remote has, read once."""

    head: str | None
    files: Mapping[str, RemoteFile]
    tags: Mapping[str, str]
    last: Published | None
    """The version at the head."""

    @property
    def versions(self) -> list[Version]:
        """Every version that has a name or is about to get one."""
        named = [version for tag in self.tags if (version := Version.parse(tag))]
        return [*named, self.last.version] if self.last else named


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What a publish is about to do."""

    edition: Edition
    upload: tuple[LocalFile, ...]
    delete: tuple[str, ...]
    changes: Changes | None


def publish(
    folder: Path,
    remote: Remote,
    spec: PublishSpec,
    *,
    say: Callable[[str], None],
    dry_run: bool = False,
    burying: Collection[Tombstone] = (),
) -> PublishReport:
    """Publish the release in `folder` as the next version of `remote`, less what was taken back before.

    Run again after any failure it goes on; with nothing new it changes nothing.

    Args:
        folder: A release.
        remote: Where it goes.
        spec: The version that is asked for, and how much is checked.
        say: Told what is going on, a line at a time.
        dry_run: Look, and change nothing.
        burying: What is taken back from this version on. Files that the remote has need not be in
            `folder` then.

    Raises:
        StoreError: ``release-broken`` or ``secret-in-release``; nothing was sent then.
        UsageError: ``publish-version``.
        RemoteError: for the remote's reasons, ``remote-not-ours``, ``remote-moved``, ``remote-damaged``.
    """
    release = open_release(folder)
    there = _look(remote)
    before = of_remote(remote, there.head, there.files) if there.head is not None else ()
    stones = {*before, *burying}
    gone = buried(release, stones)
    if not gone and not burying:
        return _publish(release, remote, there, spec, say, dry_run=dry_run, extra=())
    with tempfile.TemporaryDirectory(prefix="curator-publish-") as aside:
        release = withdrawn(release, stones, Path(aside) / "release")
        say(f"left out {len(gone)} samples that were taken back")
        extra = [local_file(TOMBSTONES, to_bytes(stones))] if burying else []
        return _publish(release, remote, there, spec, say, dry_run=dry_run, extra=extra)


def _publish(
    release: ReleaseFolder,
    remote: Remote,
    there: _There,
    spec: PublishSpec,
    say: Callable[[str], None],
    *,
    dry_run: bool,
    extra: Sequence[LocalFile],
) -> PublishReport:
    files = _own_files(release, there.files)
    _check_ours(remote, there, files)
    report = PublishReport.empty(remote.address, dry_run=dry_run)
    report, there = _finish(remote, there, report, spec, say, dry_run=dry_run)
    work = _plan(release, files, remote, there, spec)
    if work is None:
        return report
    new = [
        one for one in extra if one.path not in there.files or not there.files[one.path].holds(one)
    ]
    work = replace(work, upload=(*work.upload, *new))
    last = there.last
    report = replace(
        report,
        version=str(work.edition.version),
        parent=str(last.version) if last else None,
        changes=work.changes,
        uploaded=tuple((one.path, one.size_bytes) for one in work.upload),
        deleted=work.delete,
        unchanged_files=len(work.edition.files) - len(work.upload),
        outcome="dry-run" if dry_run else "published",
    )
    if dry_run:
        return report
    if there.head is None:
        there = _made(remote, spec)
    commit = _send(remote, there, work, say)
    meant = Meant(note_bytes=work.edition.note_bytes, new=[one.path for one in work.upload])
    checked = confirm(remote, commit, spec.verify_files, say, meant=meant)
    remote.tag(work.edition.version.tag, commit, _title(release, work))
    return replace(report, commit=commit, verified=checked)


def _own_files(release: ReleaseFolder, there: Mapping[str, RemoteFile]) -> list[LocalFile]:
    """The files of the manifest, each read once; one that is only on the remote is named as it is there.

    Raises:
        StoreError: when one is not what the manifest says, or tells a secret.
    """
    found = []
    for path, told in sorted(release.manifest["files"].items()):
        if path in {VERSION_FILE, "manifest.json"}:
            continue
        is_here = (release.folder / path).is_file()
        if not is_here and path in there and there[path].sha256 == told["sha256"]:
            found.append(_stand_in(there[path]))
            continue
        file = local_file(path, release.folder / path)
        if file.sha256 != told["sha256"]:
            raise StoreError(
                f"release '{release.folder}' is damaged: {path} has changed",
                reason="release-broken",
                hint="build it again: the same inputs give the same bytes",
            )
        if path.endswith(_TEXTS) and holds_secret((release.folder / path).read_bytes()):
            raise StoreError(
                f"{path} tells a token, or an address with a password or a signature; nothing is published",
                reason="secret-in-release",
                hint="take it out of the recipe and its sources, then build again",
            )
        found.append(file)
    return found


def _stand_in(file: RemoteFile) -> LocalFile:
    """A file that the remote has, so that its content is never asked for."""
    return LocalFile(
        path=file.path,
        source=b"",
        size_bytes=file.size_bytes,
        sha256=file.sha256 or "",
        git_sha1=file.git_sha1 or "",
    )


def _look(remote: Remote) -> _There:
    head = remote.head()
    if head is None:
        return _There(head=None, files={}, tags={}, last=None)
    files = remote.files(head)
    return _There(head=head, files=files, tags=remote.tags(), last=published(remote, head, files))


def _made(remote: Remote, spec: PublishSpec) -> _There:
    """A new remote, so late that nothing is made for a release that cannot be published."""
    remote.create(private=spec.private)
    there = _look(remote)
    if not there.files.keys() <= _KEPT:
        raise overtaken(remote)
    return there


def _check_ours(remote: Remote, there: _There, files: Sequence[LocalFile]) -> None:
    """A repository that holds something else is left alone."""
    if there.last is not None:
        return
    folders = {file.path.split("/")[0] for file in files}
    strange = sorted(
        path for path in there.files if path not in _MAY_BE_THERE and path.split("/")[0] in folders
    )
    if strange:
        raise RemoteError(
            f"{remote.address} holds {strange[0]} already, and no version that curator published",
            reason="remote-not-ours",
            hint="name another repository, or delete those files first",
        )


def _finish(
    remote: Remote,
    there: _There,
    report: PublishReport,
    spec: PublishSpec,
    say: Callable[[str], None],
    *,
    dry_run: bool,
) -> tuple[PublishReport, _There]:
    """A version at the head without its tag was interrupted right before it: it gets it now."""
    last = there.last
    if last is None:
        return report, there
    report = replace(report, version=str(last.version), commit=last.commit)
    if last.version.tag in there.tags:
        return report, there
    if dry_run:
        say(f"v{last.version} was committed and never tagged; publishing finishes it first")
        return report, there
    say(f"v{last.version} was committed and never tagged: checking and tagging it")
    checked = confirm(remote, last.commit, spec.verify_files, say, meant=None)
    remote.tag(last.version.tag, last.commit, f"v{last.version}")
    report = replace(report, verified=checked, outcome="tagged")
    return report, replace(there, tags={**there.tags, last.version.tag: last.commit})


def _plan(
    release: ReleaseFolder,
    files: Sequence[LocalFile],
    remote: Remote,
    there: _There,
    spec: PublishSpec,
) -> _Work | None:
    """What has to be done; None when the head holds this release."""
    last = there.last
    if (
        last is not None
        and last.release == release_digest(release.folder)
        and last.is_whole(there.files)
    ):
        return None
    found = None
    if last is not None:
        found = changes(
            last.manifest,
            release.manifest,
            old_surface=last.note["surface"],
            new_surface=surface(release),
        )
    level = found.level if found else Level.major
    version = next_version(there.versions, level, spec.version)
    made = edition(
        release, files, address=remote.address, version=version, parent=last, changes=found
    )
    return _Work(
        edition=made,
        upload=tuple(
            one
            for one in made.files
            if one.path not in there.files or not there.files[one.path].holds(one)
        ),
        delete=tuple(_gone(there, made)),
        changes=found,
    )


def _gone(there: _There, made: Edition) -> list[str]:
    """What the last version had, or what lies in folders of this one; other files are not ours."""
    if there.last is None:
        return []
    new = {one.path for one in made.files}
    folders = {path.split("/")[0] for path in new if "/" in path}
    ours = set(there.last.manifest["files"])
    return sorted(
        path
        for path in there.files
        if path not in new | _KEPT
        and (path in ours or ("/" in path and path.split("/")[0] in folders))
    )


def _send(remote: Remote, there: _There, work: _Work, say: Callable[[str], None]) -> str:
    """Upload and commit; the commit that now is the head."""
    total, count = sum(one.size_bytes for one in work.upload), 0

    def sent(file: LocalFile) -> None:
        nonlocal count
        count += 1
        say(f"stored {file.path} ({count} of {len(work.upload)})")

    say(f"uploading {len(work.upload)} files, {total / 1e6:.1f} MB")
    remote.upload(work.upload, sent)
    for attempt in range(_COMMIT_TRIES):
        try:
            return remote.commit(
                work.upload,
                work.delete,
                parent=there.head,
                title=f"{work.edition.version.tag}",
                description=_description(work),
            )
        except RemoteError as error:
            if error.reason not in {"remote-moved", "remote-unreachable"}:
                raise
            # The commit may have been made and only its answer lost; or somebody else was faster.
            head = remote.head()
            if head is not None and head != there.head:
                if _is_ours(remote, head, work):
                    return head
                raise overtaken(remote) from None
            if error.reason == "remote-moved" or attempt == _COMMIT_TRIES - 1:
                raise
            time.sleep(2.0**attempt)
    raise AssertionError("the last try returns or raises")


def _is_ours(remote: Remote, head: str, work: _Work) -> bool:
    found = published(remote, head, remote.files(head))
    return found is not None and found.note_bytes == work.edition.note_bytes


def _title(release: ReleaseFolder, work: _Work) -> str:
    return f"{release.name} {work.edition.version.tag}"


def _description(work: _Work) -> str:
    if work.changes is None:
        return "First version."
    return "\n".join(f"- {one.text} ({one.level.name})" for one in work.changes.reasons)
