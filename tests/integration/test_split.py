"""From one stretch to several clips: by rests of what moves, and by what a track says."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest

from curator.engine.inspect import preview
from curator.release.build import BuildResult
from curator.release.explain import explain
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.testing.footage import Part, make_video
from tests.building import built, settings
from tests.robots import FPS, Recording, write_dataset

pytestmark = pytest.mark.slow

SECONDS = 12.0
RESTS = ((3.6, 4.4), (7.6, 8.4))
"""When what moves stands still, seconds."""


def arm(share: float, _frame: int, height: int, width: int) -> npt.NDArray[np.float32]:
    """A bright block that goes round over a table with a pattern, except while it rests."""
    at = share * SECONDS
    moved = at - sum(np.clip(at - start, 0, end - start) for start, end in RESTS)
    rows, columns = np.mgrid[:height, :width]
    table = 0.3 + 0.15 * ((rows // 9 + columns // 9) % 2)
    x, y = (0.5 + 0.25 * np.cos(moved * 3)) * width, (0.5 + 0.25 * np.sin(moved * 3)) * height
    block = (np.abs(columns - x) < width / 10) & (np.abs(rows - y) < height / 8)
    return np.where(block, 0.9, table).astype(np.float32)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arm") / "arm.mp4"
    make_video(path, [Part(Fraction(12), arm)], fps=Fraction(25), size=(320, 180))
    return path


def recipe(url: Path, split: dict[str, Any], **seconds: float) -> Recipe:
    return compile_recipe(
        {
            "name": "parts",
            "target": "robotics",
            "sources": {"films": {"url": str(url), "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 1.5, "max": 20, **seconds}, "split": split},
            "sample": {"audio": None},
        }
    )


def clips(result: BuildResult) -> list[tuple[float, float]]:
    rows = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    found = [row for row in rows if row["unit"] == "clip"]
    return sorted((row["start_seconds"], row["end_seconds"]) for row in found)


REST = {"of": "manipulation.moving", "dip": 0.3, "floor": 0.006}


def test_work_with_two_rests_becomes_three_clips_that_meet(film: Path, tmp_path: Path):
    found = clips(built(tmp_path, recipe(film, {"rest": REST})))
    assert len(found) == 3
    assert [a for a, _ in found[1:]] == [b for _, b in found[:-1]]
    for (_, end), (start, stop) in zip(found, RESTS, strict=False):
        assert start - 0.15 < end < stop + 0.15
    assert clips(built(tmp_path, recipe(film, {}))) == [(0.0, SECONDS)]


def test_the_same_recipe_gives_the_same_release_and_another_dip_decodes_nothing(
    film: Path, tmp_path: Path
):
    wanted = recipe(film, {"rest": REST})
    first, again = built(tmp_path / "a", wanted), built(tmp_path / "b", wanted)
    assert first.release.version == again.release.version
    lax = dataclasses.replace(wanted.segment.split["rest"], floor=0.9)
    segment = dataclasses.replace(wanted.segment, split={"rest": lax})
    said = preview(dataclasses.replace(wanted, segment=segment), settings(tmp_path / "a"))
    assert (said.not_measured_seconds, said.clips["kept"]) == (0, 1)


def test_an_explanation_says_why_the_cut_is_there(film: Path, tmp_path: Path):
    wanted = recipe(film, {"rest": REST})
    built(tmp_path, wanted)
    report = explain(f"{film}@5", settings(tmp_path), wanted)
    (told,) = report.explanations
    assert [cut.by for cut in told.cuts] == ["segment.split.rest"] * 2
    assert "manipulation.moving falls from" in told.cuts[0].about
    text = "\n".join(report.lines())
    assert f"begins at {told.cuts[0].at_seconds:.3f} s by segment.split.rest" in text
    assert f"ends at {told.cuts[1].at_seconds:.3f} s by segment.split.rest" in text


def test_rests_take_the_place_of_equal_parts_where_only_long_work_is_split(
    film: Path, tmp_path: Path
):
    long = {**REST, "when": "long"}
    assert clips(built(tmp_path, recipe(film, {"rest": long}))) == [(0.0, SECONDS)]
    (first, second) = clips(built(tmp_path, recipe(film, {"rest": long}, max=9)))
    assert any(start - 0.15 < first[1] < stop + 0.15 for start, stop in RESTS)
    assert first[1] == second[0]


@pytest.mark.parametrize("field", ["episode", "1"])
def test_work_is_parted_while_the_gripper_is_open(field: str, tmp_path: Path):
    """Open from the first, between the two grips, and in the end: only the time between parts them."""
    times = np.arange(10 * FPS) / FPS
    is_open = (times < 1) | ((times >= 4) & (times < 6)) | (times >= 9)
    state = np.stack([np.sin(times), is_open], axis=1).astype(np.float32)
    write_dataset(tmp_path / "arms", "v2.1", [Recording(task="stack", state=state)])
    split = {"open": {"of": f"sidecar.robot.state.{field}.value", "min": 0.5}}
    found = clips(built(tmp_path, recipe(tmp_path / "arms", split)))
    assert np.array(found) == pytest.approx(np.array([(0, 5), (5, 10)]), abs=1.01 / FPS)


def test_clips_may_end_a_while_before_the_robot_comes_to_rest(tmp_path: Path):
    """openpi takes ten steps of fifteen per second off what it keeps."""
    times = np.arange(10 * FPS) / FPS
    moved = times - np.clip(times - 5, 0, 2)
    state = np.stack([moved, np.sin(moved)], axis=1).astype(np.float32)
    write_dataset(tmp_path / "arms", "v2.1", [Recording(task="stack", state=state)])
    wanted = recipe(tmp_path / "arms", {})
    where = {"going": {"of": "sidecar.robot.state.rest_ahead_seconds", "min": 0.667}}
    document = {
        "name": "parts",
        "target": "robotics",
        "sources": {"films": {"url": str(tmp_path / "arms"), "license": "CC0-1.0"}},
        "segment": {"seconds": {"min": 1, "max": 20}, "where": where},
        "sample": {"audio": None},
    }
    assert clips(built(tmp_path, wanted)) == [(0.0, 10.0)]
    found = clips(built(tmp_path, compile_recipe(document)))
    right = np.array([(0, 5 - 0.667), (7, 10 - 0.667)])
    assert np.array(found) == pytest.approx(right, abs=1.51 / FPS)
