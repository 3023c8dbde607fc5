"""One small network for all tests of this package."""

from __future__ import annotations

import pytest
from curator_clip.tests.tiny import Tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A network of random numbers in a file, with its config."""
    return Tiny(tmp_path_factory.mktemp("tiny"))
