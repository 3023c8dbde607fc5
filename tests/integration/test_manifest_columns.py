"""What a manifest says of its videos decides before a single frame is decoded."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curator.engine.progress import Silent
from curator.errors import RecipeErrors
from curator.release.build import BuildResult, build
from curator.release.explain import explain
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.footage import make_video, pan

pytestmark = pytest.mark.slow

ROWS = [
    {"url": "reached.mp4", "success": True, "grade": 0.9, "robot": "franka"},
    {"url": "failed.mp4", "success": False, "grade": 0.2, "robot": "widowx"},
    {"url": "unsaid.mp4", "success": None, "grade": None, "robot": None},
]


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for seed, row in enumerate(ROWS):
        make_video(
            tmp_path / str(row["url"]), [pan(3, seed=seed)], fps=Fraction(10), size=(320, 180)
        )
    path = tmp_path / f"takes.{request.param}"
    if request.param == "csv":
        cells = [["" if v is None else str(v) for v in row.values()] for row in ROWS]
        path.write_text("\n".join(",".join(line) for line in [list(ROWS[0]), *cells]) + "\n")
    elif request.param == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def recipe(url: Path, **keep: Any) -> Recipe:
    return compile_recipe(
        {
            "name": "takes",
            "target": "robotics",
            "sources": {"films": {"url": str(url), "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 1, "max": 10}},
            "keep": keep,
            "sample": {"audio": None},
        }
    )


def settings(root: Path) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )


def built(manifest: Path, wanted: Recipe) -> BuildResult:
    (result,) = build([wanted], settings(manifest.parent), Silent())
    return result


def verdicts(result: BuildResult) -> dict[str, str]:
    rows = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    return {Path(row["video"]).name: row["reason"] for row in rows}


def test_a_column_keeps_and_drops_videos_before_they_are_decoded(manifest: Path):
    wanted = recipe(manifest, succeeded={"of": "manifest.success", "min": 1})
    result = built(manifest, wanted)
    assert verdicts(result) == {
        "reached.mp4": "ok",
        "failed.mp4": "succeeded:low",
        "unsaid.mp4": "succeeded:no-value",
    }
    assert (result.frames_decoded, result.frames_encoding) == (60, 30)  # of the first, seen and cut
    (step,) = (one for one in result.funnel if one.name == "keep.succeeded")
    assert step.seconds_in - step.seconds_out == pytest.approx(6)
    (told,) = explain("failed.mp4@1", settings(manifest.parent), wanted).explanations
    (check,) = (one for one in told.checks if one.name == "keep.succeeded")
    assert (check.said, check.value, check.stage) == ("fails", 0.0, 0)


def test_flags_words_and_numbers_can_be_asked_for(manifest: Path):
    flag = {"of": "manifest.success", "equals": True, "absent": "keep"}
    assert verdicts(built(manifest, recipe(manifest, succeeded=flag))) == {
        "reached.mp4": "ok",
        "failed.mp4": "succeeded:other",
        "unsaid.mp4": "ok",
    }
    word = {"of": "manifest.robot", "equals": "widowx"}
    grade = {"of": "manifest.grade", "max": 0.5, "absent": "keep"}
    found = verdicts(built(manifest, recipe(manifest, arm=word, graded=grade)))
    assert [name for name, reason in found.items() if reason == "ok"] == ["failed.mp4"]


def test_a_column_that_no_manifest_has_is_a_mistake_at_its_place(manifest: Path):
    with pytest.raises(RecipeErrors) as caught:
        built(manifest, recipe(manifest, succeeded={"of": "manifest.sucess", "min": 1}))
    (error,) = caught.value.errors
    assert error.reason == "recipe-unknown-signal"
    absent = {"of": "manifest.sucess", "min": 1, "absent": "keep"}
    assert set(verdicts(built(manifest, recipe(manifest, succeeded=absent))).values()) == {"ok"}


def test_a_condition_on_a_manifest_needs_a_manifest(tmp_path: Path):
    with pytest.raises(RecipeErrors) as caught:
        recipe(tmp_path / "a.mp4", succeeded={"of": "manifest.success", "min": 1})
    assert [error.reason for error in caught.value.errors] == ["recipe-unknown-signal"]
    assert recipe(
        tmp_path / "a.mp4", succeeded={"of": "manifest.success", "min": 1, "absent": "keep"}
    )
