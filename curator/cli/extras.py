"""Which optional parts of the distribution are installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution, version

__all__ = ["DISTRIBUTION", "extra_present", "extras", "missing_of"]

DISTRIBUTION = "curator-build"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*;.*\bextra\s*==\s*['\"]([\w.-]+)['\"]")


def extras() -> Mapping[str, tuple[str, ...]]:
    """Distributions by extra; an extra that only bundles others of our own is left out."""
    found: dict[str, list[str]] = {}
    for line in distribution(DISTRIBUTION).requires or ():
        match = _REQUIREMENT.match(line)
        if match and match[1].lower() != DISTRIBUTION:
            found.setdefault(match[2], []).append(match[1])
    return {extra: tuple(names) for extra, names in sorted(found.items())}


def extra_present(extra: str) -> bool:
    """Whether everything that an extra asks for is installed; nothing is imported."""
    return not missing_of(extras().get(extra, ()))


def missing_of(names: tuple[str, ...]) -> list[str]:
    """The distributions that are not installed."""
    return [name for name in names if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
