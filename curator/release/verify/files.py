"""The files of a release against its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curator.pack.schema import SCHEMA_VERSION
from curator.release.manifest import VERSION_CHARS, VERSION_FILE, content_digest, describe
from curator.release.read import NOT_CONTENT, ReleaseFolder
from curator.release.verify.faults import Fault

__all__ = ["check_files"]

_MANIFEST = "manifest.json"


def check_files(release: ReleaseFolder) -> Iterator[Fault]:
    """Missing, changed and unknown files; a digest or version that does not follow from the content."""
    told = release.manifest["files"]
    for path in sorted(told):
        if not (release.folder / path).is_file():
            yield _fault("file-missing", path, "the manifest lists it, but it is not there")
            continue
        found = describe(release.folder, [path])[path]
        if found["bytes"] != told[path]["bytes"]:
            what = f"has {found['bytes']} bytes, the manifest says {told[path]['bytes']}"
            yield _fault("file-size", path, what)
        elif found != told[path]:
            yield _fault("checksum", path, "its sha256 is not that of the manifest")
    for path in _unknown(release.folder, told):
        yield _fault("file-unknown", path, "is no part of the release")
    yield from _check_manifest(release)


def _check_manifest(release: ReleaseFolder) -> Iterator[Fault]:
    told = release.manifest
    if told.get("schema") != SCHEMA_VERSION:
        what = f"samples have schema {told.get('schema')}, this version reads {SCHEMA_VERSION}"
        yield Fault(reason="schema-version", kind="schema", file=_MANIFEST, what=what)
    if "subset" in told:
        return
    content = {path: one for path, one in told["files"].items() if path not in NOT_CONTENT}
    digest = content_digest(release.name, content)
    if digest != release.digest:
        what = f"the files give the digest {digest[:VERSION_CHARS]}, not {release.digest[:VERSION_CHARS]}"
        yield Fault(reason="digest", kind="manifest", file=_MANIFEST, what=what)
    if release.version != release.digest[:VERSION_CHARS]:
        what = f"version {release.version} does not begin the digest {release.digest}"
        yield Fault(reason="version", kind="manifest", file=_MANIFEST, what=what)


def _unknown(folder: Path, told: dict[str, object]) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if path.is_file() and not hidden and name not in {*told, _MANIFEST, VERSION_FILE}:
            yield name


def _fault(reason: str, path: str, what: str) -> Fault:
    return Fault(reason=reason, kind="file", file=path, what=what)
