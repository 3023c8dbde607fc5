"""Builds by one worker, with everything they write below one folder."""

from __future__ import annotations

from pathlib import Path

from curator.engine.progress import Silent
from curator.release.build import BuildResult, build
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec

__all__ = ["built", "settings"]


def settings(root: Path) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )


def built(root: Path, wanted: Recipe) -> BuildResult:
    (result,) = build([wanted], settings(root), Silent())
    assert result.videos["failed"] == 0
    return result
