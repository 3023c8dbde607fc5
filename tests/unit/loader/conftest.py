from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.loading import Shape, release

SHAPES = [
    *(Shape(frames=30 + number, group=10) for number in range(9)),
    Shape(irregular=True),
    Shape(fps=Fraction(30000, 1001), rate=44100, channels=2),
    Shape(sound=False),
    Shape(tracks=False, camera=False),
    Shape(frames=8),
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Fourteen samples in several row groups, the last one short."""
    from curator.pack import shards

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROW_GROUP_BYTES", 120_000)
        return release(tmp_path_factory.mktemp("loader"), SHAPES)
