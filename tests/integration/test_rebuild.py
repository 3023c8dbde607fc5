"""Releases built again: from their own recipes, where footage moved, and with something changed."""

from __future__ import annotations

import dataclasses
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from curator.cli import run as command
from curator.engine.progress import Silent
from curator.errors import StoreError
from curator.release.build import build
from curator.release.read import ReleaseFolder, open_release
from curator.release.rebuild import rebuild, recipe_of_release
from curator.spec.compile import compile_recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.footage import flat, make_video, pan

pytestmark = pytest.mark.slow


def settings(root: Path) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    make_video(path, [pan(4, seed=1), flat(2, 0.3), pan(4, seed=2)], fps=Fraction(25))
    return path


@pytest.fixture(scope="module")
def release(film: Path, tmp_path_factory: pytest.TempPathFactory) -> ReleaseFolder:
    recipe = compile_recipe(
        {
            "name": "plain",
            "target": "test",
            "sources": {"films": {"url": str(film), "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 1, "max": 3}},
            "keep": {"lit": {"of": "luma.mean.median", "min": 40}},
            "sample": {"video": {"height": 90}, "audio": None},
        }
    )
    (made,) = build([recipe], settings(tmp_path_factory.mktemp("first")), Silent())
    return open_release(made.release.folder)


def test_a_release_is_made_again_byte_for_byte(release: ReleaseFolder, tmp_path: Path):
    done = rebuild(release, recipe_of_release(release, {}), settings(tmp_path), Silent())
    assert done.is_same
    assert done.again == done.digest
    assert done.same == len(release.manifest["samples"]) > 0


def test_footage_may_lie_elsewhere(release: ReleaseFolder, film: Path, tmp_path: Path):
    moved = Path(shutil.copy(film, tmp_path / "b.mp4"))
    recipe = recipe_of_release(release, {"films": str(moved)})
    done = rebuild(release, recipe, settings(tmp_path), Silent())
    assert done.is_same
    assert not [one for one in done.causes if one.path.endswith(".url")]
    with pytest.raises(StoreError, match="no source 'clips'"):
        recipe_of_release(release, {"clips": "x"})


def test_what_came_out_otherwise_is_explained(release: ReleaseFolder, tmp_path: Path):
    recipe = recipe_of_release(release, {})
    strict = dataclasses.replace(recipe.keep["lit"], min=100.0)
    changed = dataclasses.replace(recipe, keep={"lit": strict})
    done = rebuild(release, changed, settings(tmp_path), Silent())
    assert not done.is_same
    missing = [one for one in done.differences if one.what == "missing"]
    assert {one.why for one in missing} == {"lit:low"}
    changed_columns = {one.columns for one in done.differences if one.what == "changed"}
    assert changed_columns <= {("margin",)}, "nearer to the bound that moved"
    assert [one.path for one in done.causes] == ["keep.lit.min"]
    assert any("lit:low" in line for line in done.lines())


def test_other_bytes_are_found(release: ReleaseFolder, film: Path, tmp_path: Path):
    recipe = recipe_of_release(release, {})
    assert recipe.sample.video is not None
    sample = dataclasses.replace(
        recipe.sample, video=dataclasses.replace(recipe.sample.video, crf=30)
    )
    done = rebuild(
        release, dataclasses.replace(recipe, sample=sample), settings(tmp_path), Silent()
    )
    assert not done.is_same
    assert [one.path for one in done.causes] == ["sample.video.crf"]


def test_the_command_says_it_with_its_exit_code(
    release: ReleaseFolder, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = str(release.folder)
    assert command(["verify", folder, "--rebuild"]) == 0
    assert "byte for byte the same" in capsys.readouterr().out
    make_video(tmp_path / "c.mp4", [pan(5, seed=9)], fps=Fraction(25))
    other = f"sources.films.url={tmp_path / 'c.mp4'}"
    assert command(["verify", folder, "--rebuild", other]) == 1
    assert command(["verify", folder, "keep.lit.min=3"]) == 2
