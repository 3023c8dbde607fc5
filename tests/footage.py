"""Real footage for tests: some beside the tests, more in the shared folder of a development machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["own", "shared"]

_ROOT = Path(__file__).parents[1]


def own(name: str) -> Path:
    """A file of ``tests/data/footage``."""
    path = _ROOT / "tests" / "data" / "footage" / name
    assert path.exists(), f"{path} belongs to the repository"
    return path


def shared(path: str) -> Path:
    """A file of the shared data folder (``CURATOR_SHARED``, or ``shared`` beside the repository); skips without it."""
    folder = Path(os.environ.get("CURATOR_SHARED", _ROOT.parent / "shared"))
    found = folder / "data" / path
    if not found.exists():
        pytest.skip(f"no {found.name}: set CURATOR_SHARED to a folder that has data/{path}")
    return found
