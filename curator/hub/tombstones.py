"""What was taken back and must not come back: the list that stays in a repository with its versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from curator.errors import RemoteError
from curator.hub.remote import Remote, RemoteFile
from curator.model.span import Span

__all__ = ["TOMBSTONES", "Tombstone", "of_remote", "to_bytes"]

TOMBSTONES = "tombstones.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """Footage that must not be published again.

    Content is named by its fingerprint, so that another url does not bring it back; and by its url as
    well when that is how it was named, so that another encoding of it does not either.
    """

    fingerprint: str | None
    url: str | None = None
    start: str | None = None
    """With `end`: only what overlaps this span, exact seconds as a fraction. None: all of it."""
    end: str | None = None
    reason: str = ""
    since: str = ""
    """The version that left it out first."""

    def covers(self, *, fingerprint: str | None, url: str | None, span: Span) -> bool:
        """Whether a stretch of a video is meant."""
        if self.start is not None and self.end is not None:
            own = Span(Fraction(self.start), Fraction(self.end))
            return fingerprint == self.fingerprint and own.overlaps(span)
        same = self.fingerprint is not None and fingerprint == self.fingerprint
        return same or (self.url is not None and url == self.url)


def of_remote(
    remote: Remote, revision: str, files: Mapping[str, RemoteFile]
) -> tuple[Tombstone, ...]:
    """The tombstones of a commit.

    Raises:
        RemoteError: ``remote-damaged`` when they cannot be read: then nothing may be published.
    """
    if TOMBSTONES not in files:
        return ()
    try:
        document = json.loads(remote.read(TOMBSTONES, revision))
        return tuple(Tombstone(**one) for one in document["tombstones"])
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(
            f"{remote.address} has a {TOMBSTONES} that cannot be read",
            reason="remote-damaged",
            hint="a newer version of curator may have written it; nothing is published past it",
        ) from error


def to_bytes(tombstones: Iterable[Tombstone]) -> bytes:
    """The file: sorted, one spelling."""
    stones: Sequence[dict[str, Any]] = sorted(
        (asdict(one) for one in set(tombstones)),
        key=lambda one: json.dumps(one, sort_keys=True),
    )
    document = {"format": _FORMAT, "tombstones": stones}
    return (json.dumps(document, sort_keys=True, indent=2) + "\n").encode()
