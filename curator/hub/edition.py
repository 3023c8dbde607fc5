"""A release as it is published: the same files, and what it is called among its versions.

A release's own version is the digest of its content, known when it is built. Which semantic version
that is depends on what was published before, so it is written when it is published: into
``version.json``, into copies of ``manifest.json`` and ``README.md``, and never into the release.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.errors import RemoteError, StoreError
from curator.hub.changes import Changes
from curator.hub.remote import LocalFile, Remote, RemoteFile, local_file
from curator.hub.secrets import redact
from curator.hub.surface import surface
from curator.hub.version import Version
from curator.release.manifest import CROISSANT, VERSION_FILE
from curator.release.read import ReleaseFolder
from curator.release.retell import retold_card, retold_croissant

__all__ = ["Edition", "Published", "edition", "published", "release_digest"]

_FORMAT = 1
_HUB = "https://huggingface.co"
_MOST_HISTORY = 100
"""Versions that the changelog tells; each tag's own card tells those before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A commit that holds a version of ours."""

    commit: str
    version: Version
    digest: str
    """Of the release's content."""
    release: str
    """`release_digest` of what was published."""
    note: Mapping[str, Any]
    """``version.json``."""
    note_bytes: bytes
    manifest: Mapping[str, Any]

    def is_whole(self, files: Mapping[str, RemoteFile]) -> bool:
        """Whether the commit has every file of its manifest, with that content as far as is told."""
        return all(
            path in files
            and files[path].size_bytes == told["bytes"]
            and files[path].sha256 in (None, told["sha256"])
            for path, told in self.manifest["files"].items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Every file of a version that is to be published."""

    version: Version
    files: tuple[LocalFile, ...]
    note_bytes: bytes


def release_digest(folder: Path) -> str:
    """sha256 of a release's own manifest: of its content, its card and its report."""
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def published(remote: Remote, commit: str, files: Mapping[str, RemoteFile]) -> Published | None:
    """What a commit says of itself; None when it holds no version of ours.

    Raises:
        RemoteError: ``remote-damaged`` when it cannot be understood.
    """
    if VERSION_FILE not in files or "manifest.json" not in files:
        return None
    note_bytes = remote.read(VERSION_FILE, commit)
    try:
        note = json.loads(note_bytes)
        manifest = json.loads(remote.read("manifest.json", commit))
        version = Version.parse(note["version"])
        if version is None or note["format"] != _FORMAT:
            raise ValueError(f"format {note['format']}, version {note['version']}")
        return Published(
            commit=commit,
            version=version,
            digest=note["digest"],
            release=note["release"],
            note=note,
            note_bytes=note_bytes,
            manifest=manifest,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(
            f"{remote.address} has a {VERSION_FILE} that cannot be read",
            reason="remote-damaged",
            hint="a newer version of curator may have written it",
        ) from error


def edition(
    release: ReleaseFolder,
    files: Sequence[LocalFile],
    *,
    address: str,
    version: Version,
    parent: Published | None,
    changes: Changes | None,
) -> Edition:
    """The files of a version.

    Args:
        release: What is published.
        files: The release's own files, but for its manifest.
        address: Where it goes, for the card.
        version: What it will be called.
        parent: The version before.
        changes: Since then; None for the first version.
    """
    history = _history(release, version, parent, changes)
    note = _json_bytes(
        {
            "format": _FORMAT,
            "name": release.name,
            "version": str(version),
            "parent": str(parent.version) if parent else None,
            "digest": release.digest,
            "release": release_digest(release.folder),
            "surface": surface(release),
            "history": history,
        }
    )
    own = {file.path: file for file in files}
    text = (release.folder / "README.md").read_text(encoding="utf-8")
    text = retold_card(text, release.manifest)
    own["README.md"] = local_file("README.md", _card(text, address, version, history).encode())
    if CROISSANT in own:
        text = (release.folder / CROISSANT).read_text(encoding="utf-8")
        made = {"files": _described(own)}
        document = retold_croissant(
            json.loads(text), made, version=str(version), url=_page(address)
        )
        own[CROISSANT] = local_file(CROISSANT, _json_bytes(document))
    own[VERSION_FILE] = local_file(VERSION_FILE, note)
    manifest = {
        **release.manifest,
        "files": _described(own),
        "tag": version.tag,
        "parent": parent.version.tag if parent else None,
    }
    own["manifest.json"] = local_file("manifest.json", _json_bytes(manifest))
    return Edition(version=version, files=tuple(own[path] for path in sorted(own)), note_bytes=note)


def _history(
    release: ReleaseFolder, version: Version, parent: Published | None, changes: Changes | None
) -> list[dict[str, Any]]:
    samples = release.manifest["samples"]
    first = {"reasons": [{"level": "major", "text": f"first version, {len(samples)} samples"}]}
    told = changes.to_json() if changes else first
    entry = {"version": str(version), "digest": release.digest, **told}
    before = list(parent.note.get("history", [])) if parent else []
    return [entry, *before][:_MOST_HISTORY]


def _card(text: str, address: str, version: Version, history: Sequence[Mapping[str, Any]]) -> str:
    """The release's card, told where it is and with its changelog."""
    if _page(address) is not None:  # a folder may be moved, and is then still "this folder"
        where = f'"{address}", revision="{version.tag}"'
        text = re.sub(
            r'(load_dataset\(|curator\.load\()"FOLDER"', lambda found: f"{found[1]}{where}", text
        )
        text = text.replace('"FOLDER/', f'"hf://datasets/{address}@{version.tag}/')
        for verb in ("pull", "materialize"):
            text = text.replace(f"curator {verb} FOLDER", f"curator {verb} {address}@{version.tag}")
    lines = ["", "## Changelog", ""]
    for entry in history:
        lines += [f"### v{entry['version']}", ""]
        lines += [f"- {_plain(one['text'])} ({one['level']})" for one in entry["reasons"]]
        lines.append("")
    return text.rstrip("\n") + "\n" + "\n".join(lines)


def _page(address: str) -> str | None:
    """Where people see a dataset of the Hub; None for other places."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", address):
        return None
    return redact(f"{os.environ.get('HF_ENDPOINT') or _HUB}/datasets/{address}")


def _described(files: Mapping[str, LocalFile]) -> dict[str, dict[str, Any]]:
    return {path: {"bytes": one.size_bytes, "sha256": one.sha256} for path, one in files.items()}


def _plain(text: str) -> str:
    """Words inside Markdown that begin no markup."""
    escaped = re.sub(r"([\\`*_\[\]#|~])", r"\\\1", text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _json_bytes(document: Mapping[str, Any]) -> bytes:
    """The one form in which releases write JSON."""
    try:
        text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False)
    except ValueError as error:
        raise StoreError(f"the release says NaN: {error}", reason="release-broken") from error
    return (text + "\n").encode()
