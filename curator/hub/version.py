"""Semantic versions of datasets: what their numbers promise to those who train on them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from curator.errors import UsageError

__all__ = ["Level", "Version", "next_version"]

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


class Level(enum.IntEnum):
    """How much changed, the largest last."""

    none = 0
    patch = 1
    """The card or other words about the data."""
    minor = 2
    """Samples were added, or a threshold was changed."""
    major = 3
    """A training may break or mean something else: columns, the meaning of a signal, samples gone."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """``MAJOR.MINOR.PATCH``."""

    major: int
    minor: int
    patch: int

    @staticmethod
    def parse(text: str) -> Version | None:
        """From ``1.2.0`` or ``v1.2.0``; None for anything else."""
        found = _VERSION.fullmatch(text)
        return Version(*(int(part) for part in found.groups())) if found else None

    @property
    def tag(self) -> str:
        """``v1.2.0``."""
        return f"v{self}"

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def raised(self, level: Level) -> Version:
        """The next one after a change."""
        if level is Level.major:
            return Version(self.major + 1, 0, 0)
        if level is Level.minor:
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)


def next_version(taken: Iterable[Version], level: Level, wanted: str | None) -> Version:
    """The version of a change of `level` after all that are `taken`; 1.0.0 when none is.

    Args:
        taken: Every version there is.
        level: What the change asks for.
        wanted: What the user asks for: ``major``, ``minor``, ``patch`` or a version, never less than that.

    Raises:
        UsageError: ``publish-version`` when it asks for less, or for nothing that is a version.
    """
    latest = max(taken, default=None)
    least = latest.raised(level) if latest else Version(1, 0, 0)
    if wanted is None:
        return least
    if wanted in Level.__members__:
        asked = latest.raised(max(level, Level[wanted])) if latest else least
        if Level[wanted] < level and latest is not None:
            raise _too_low(wanted, level, least)
        return asked
    version = Version.parse(wanted)
    if version is None:
        raise UsageError(
            f"'{wanted}' is no version",
            reason="publish-version",
            hint="publish.version=major, minor, patch, or e.g. 2.0.0",
        )
    if version < least:
        raise _too_low(wanted, level, least)
    return version


def _too_low(wanted: str, level: Level, least: Version) -> UsageError:
    return UsageError(
        f"what changed is {level.name}, so the version is {least} at least, not {wanted}",
        reason="publish-version",
        hint="leave publish.version out, or ask for more; `--dry-run` shows what changed",
    )
