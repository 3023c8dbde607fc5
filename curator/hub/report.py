"""What a publish did, or would do, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curator.hub.changes import Changes

__all__ = ["PublishReport"]

_MOST_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """Facts only."""

    address: str
    outcome: str
    """``published``, ``tagged`` (only the tag was missing), ``nothing`` (it is there), ``dry-run``."""
    version: str | None
    """The version that is there now, or would be; None where there is none."""
    parent: str | None
    commit: str | None
    changes: Changes | None
    """Since `parent`; None for a first version and where nothing changed."""
    uploaded: tuple[tuple[str, int], ...]
    """Path and bytes of what the head lacked."""
    deleted: tuple[str, ...]
    unchanged_files: int
    verified: tuple[str, ...]
    """Files that were pulled back and compared."""

    @staticmethod
    def empty(address: str, *, dry_run: bool) -> PublishReport:
        """Nothing to do."""
        return PublishReport(
            address=address,
            outcome="dry-run" if dry_run else "nothing",
            version=None,
            parent=None,
            commit=None,
            changes=None,
            uploaded=(),
            deleted=(),
            unchanged_files=0,
            verified=(),
        )

    @property
    def uploaded_bytes(self) -> int:
        """Of all files that the head lacked."""
        return sum(size for _, size in self.uploaded)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "repo": self.address,
            "outcome": self.outcome,
            "version": self.version,
            "parent": self.parent,
            "commit": self.commit,
            "changes": self.changes.to_json() if self.changes else None,
            "uploaded": [{"path": path, "bytes": size} for path, size in self.uploaded],
            "uploaded_bytes": self.uploaded_bytes,
            "deleted": list(self.deleted),
            "unchanged_files": self.unchanged_files,
            "verified": list(self.verified),
        }

    def lines(self) -> list[str]:
        """What a terminal shows."""
        name = f"{self.address}@v{self.version}" if self.version else self.address
        if not self.uploaded and not self.deleted:
            words = {"tagged": "was committed before and has its tag now"}
            return [f"{name} {words.get(self.outcome, 'holds this release: nothing to publish')}"]
        verb = "would publish" if self.outcome == "dry-run" else "published"
        since = f", after v{self.parent}" if self.parent else ", the first version"
        out = [f"{verb} {name}{since}"]
        if self.changes:
            out += _some([f"  {one.level.name:<6}{one.text}" for one in self.changes.reasons])
        out.append(
            f"  {len(self.uploaded)} files, {self.uploaded_bytes / 1e6:.1f} MB new; "
            f"{self.unchanged_files} unchanged; {len(self.deleted)} deleted"
        )
        if self.outcome == "dry-run":
            out += _some([f"  + {path}  {size} bytes" for path, size in self.uploaded])
            out += _some([f"  - {path}" for path in self.deleted])
        if self.commit and self.outcome == "published":
            out.append(f"  commit {self.commit}")
        return out


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return lines[:_MOST_LINES] + ([f"  ... {more} more"] if more > 0 else [])
