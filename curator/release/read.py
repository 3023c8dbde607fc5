"""A release that is already there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import StoreError
from curator.release.content import FORMAT
from curator.release.manifest import CONTACT, CROISSANT, VERSION_FILE, content_digest, describe

__all__ = ["NOT_CONTENT", "ReleaseFolder", "newest", "open_release", "releases"]

NOT_CONTENT = frozenset({"README.md", "report.html", CONTACT, CROISSANT, VERSION_FILE})
"""Files that tell of the content and do not count for the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFolder:
    """A release to read; tables are read when asked for."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.manifest["name"])

    @property
    def version(self) -> str:
        """The first characters of the digest."""
        return str(self.manifest["version"])

    @property
    def digest(self) -> str:
        """sha256 over the content."""
        return str(self.manifest["digest"])

    def lock(self) -> Mapping[str, Any]:
        """``build.lock.json``."""
        return _json(self.folder / "build.lock.json")

    def metrics(self) -> pa.Table:
        """The verdict on every second, one row for each clip and each stretch without one."""
        return self._table("metrics")

    def shots(self) -> pa.Table:
        """Every shot."""
        return self._table("shots")

    def failures(self) -> pa.Table:
        """What could not be done."""
        return self._table("failures")

    def damage(self) -> tuple[str, ...]:
        """What is wrong with the files, in words; reads every byte. Empty when all is well."""
        files = self.manifest["files"]
        missing = [path for path in sorted(files) if not (self.folder / path).is_file()]
        found = describe(self.folder, files.keys() - set(missing))
        changed = [path for path, told in found.items() if told != files[path]]
        content = {path: told for path, told in files.items() if path not in NOT_CONTENT}
        lines = [f"{path} is missing" for path in missing]
        lines += [f"{path} has changed" for path in changed]
        if "subset" not in self.manifest and content_digest(self.name, content) != self.digest:
            lines.append("manifest.json has changed")
        return tuple(lines)

    def _table(self, name: str) -> pa.Table:
        path = self.folder / f"{name}.parquet"
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise _broken(self.folder, str(error)) from error


def open_release(path: Path) -> ReleaseFolder:
    """The release in a folder.

    Raises:
        StoreError: ``not-a-release``, ``release-broken`` or ``release-format``.
    """
    if not (path / "manifest.json").is_file():
        raise StoreError(
            f"'{path}' is no release: it has no manifest.json",
            reason="not-a-release",
            hint="name the folder of one version, e.g. OUT/0123456789ab",
        )
    manifest = _json(path / "manifest.json")
    if manifest.get("format") != FORMAT:
        raise StoreError(
            f"'{path}' has format {manifest.get('format')}, this version reads {FORMAT}",
            reason="release-format",
            hint="use the version of curator that its build.lock.json names",
        )
    return ReleaseFolder(folder=path, manifest=manifest)


def newest(out: Path, *, name: str | None = None) -> ReleaseFolder | None:
    """The release that was built last, of this recipe if `name` is given; None when there is none."""
    found = [one for one in releases(out) if name in (None, one.name)]
    return max(found, key=lambda one: (one.folder.stat().st_mtime_ns, one.version), default=None)


def releases(out: Path) -> Iterator[ReleaseFolder]:
    """Every release below `out`, by version; folders of other formats and kinds are passed over."""
    for path in sorted(out.glob("*/manifest.json")):
        if path.parent.name.startswith("."):
            continue
        manifest = _json(path)
        if manifest.get("format") == FORMAT:
            yield ReleaseFolder(folder=path.parent, manifest=manifest)


def _json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(path.parent, str(error)) from error
    if not isinstance(document, dict):
        raise _broken(path.parent, f"{path.name} is no JSON object")
    return document


def _broken(folder: Path, why: str) -> StoreError:
    return StoreError(
        f"release '{folder}' cannot be read: {why}",
        reason="release-broken",
        hint="build it again: the same inputs give the same bytes",
    )
