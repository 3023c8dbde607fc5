"""What tracks say of clips, from the recipe to the release: idle runs and success of recorded robots."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.calibrate.bounds import bounds_of, values_in
from curator.engine.footage import videos_of
from curator.engine.inspect import look_at, open_store, plan, preview
from curator.plan.physical import make_plan
from curator.release.build import BuildResult
from curator.release.explain import explain
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.testing.footage import Part, make_video, pan
from tests.building import built, settings
from tests.robots import FPS, VERSIONS, Recording, write_dataset

pytestmark = pytest.mark.slow

EPISODES = 3
IDLE = (2.0, 5.0)
"""Seconds of the second episode in which the robot stands still."""
STATE = "sidecar.robot.state"
SUCCESS = "sidecar.robot.success.value.min"


def recorded(seconds: float, idle: tuple[float, float] | None, **known: Any) -> Recording:
    times = np.arange(round(seconds * FPS)) / FPS
    if idle is not None:
        times = times - np.clip(times - idle[0], 0, idle[1] - idle[0])
    state = np.stack([times, np.sin(times)], axis=1).astype(np.float32)
    return Recording(task="stack", state=state, **known)


@pytest.fixture(scope="module", params=VERSIONS)
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("robot") / "arms"
    write_dataset(
        root,
        request.param,
        [
            recorded(6, None, reached=True),
            recorded(8, IDLE, reached=True),
            recorded(4, None, reached=False),
        ],
    )
    return root


def recipe(url: Path, **changes: Any) -> Recipe:
    return compile_recipe(
        {
            "name": "arms",
            "target": "robotics",
            "sources": {"robot": {"url": str(url), "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 1, "max": 10}, **changes.pop("segment", {})},
            "sample": {"audio": None},
            **changes,
        }
    )


def clips(result: BuildResult) -> list[dict[str, Any]]:
    """Rows of clips, in the order of the episodes."""
    rows = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    found = [row for row in rows if row["unit"] == "clip"]
    return sorted(found, key=lambda row: (row["video"], row["start_seconds"]))


KEEP = {
    "busy": {"of": f"{STATE}.still_share", "max": 0.2},
    "brisk": {"of": f"{STATE}.longest_still_seconds", "max": 5},
    "succeeded": {"of": SUCCESS, "min": 1},
}


def test_clips_are_judged_by_idle_runs_and_success(dataset: Path, tmp_path: Path):
    result = built(tmp_path, recipe(dataset, keep=KEEP))
    rows = clips(result)
    assert [row["reason"] for row in rows] == ["ok", "busy:high", "succeeded:low"]
    share, longest, success = (
        [row[name] for row in rows]
        for name in (f"{STATE}.still_share", f"{STATE}.longest_still_seconds", SUCCESS)
    )
    assert share == pytest.approx([0, 3 / 8, 0])
    assert longest == pytest.approx([0, 3, 0])
    assert success == [1, 1, 0]


def test_the_funnel_and_the_explanation_name_what_a_track_said(dataset: Path, tmp_path: Path):
    wanted = recipe(dataset, keep=KEEP)
    result = built(tmp_path, wanted)
    steps = {step.name: step for step in result.funnel}
    lost = steps["keep.busy"]
    assert (lost.clips_in - lost.clips_out, lost.seconds_in - lost.seconds_out) == (1, 8.0)
    assert steps["keep.succeeded"].clips_out == 1
    busy = next(row for row in clips(result) if row["reason"] == "busy:high")
    at = busy["start_seconds"] + 1
    (told,) = explain(f"{busy['video']}@{at}", settings(tmp_path), wanted).explanations
    said = {one.name: one for one in told.checks}
    assert said["keep.busy"].said == "fails"
    assert said["keep.busy"].value == pytest.approx(3 / 8)
    assert said["keep.succeeded"].said == "holds"


def test_another_bound_decodes_nothing(dataset: Path, tmp_path: Path):
    wanted = recipe(dataset, keep=KEEP)
    built(tmp_path, wanted)
    loose = dataclasses.replace(wanted.keep["busy"], max=0.5)
    said = preview(
        dataclasses.replace(wanted, keep={**wanted.keep, "busy": loose}), settings(tmp_path)
    )
    assert said.not_measured_seconds == 0
    assert said.clips["kept"] == 2


def test_a_condition_on_a_track_that_nobody_has_read_is_not_measured(dataset: Path, tmp_path: Path):
    built(tmp_path, recipe(dataset))
    said = preview(recipe(dataset, keep=KEEP), settings(tmp_path))
    assert said.not_measured_seconds == pytest.approx(18)
    report = plan([recipe(dataset, keep=KEEP)], settings(tmp_path))
    first = report.passes[0][1]
    assert (first.run_seconds, first.expected_seconds) == (0, pytest.approx(18))
    result = built(tmp_path, recipe(dataset, keep=KEEP))
    assert [row["reason"] for row in clips(result)] == ["ok", "busy:high", "succeeded:low"]


def test_clips_end_where_the_robot_stops(dataset: Path, tmp_path: Path):
    awake = {"of": f"{STATE}.still_seconds", "max": 0}
    wanted = recipe(dataset, segment={"where": {"awake": awake}})
    result = built(tmp_path, wanted)
    starts = {row["video"]: 0.0 for row in clips(result)}
    single = len(starts) == 1
    begins = [0.0, 6.0, 14.0] if single else [0.0] * EPISODES
    found = [(row["start_seconds"], row["end_seconds"]) for row in clips(result)]
    right = [(0, 6), (0, IDLE[0]), (IDLE[1], 8), (0, 4)]
    episodes = [0, 1, 1, 2]
    right = [(begins[k] + a, begins[k] + b) for k, (a, b) in zip(episodes, right, strict=True)]
    assert np.array(found) == pytest.approx(np.array(right), abs=1.01 / FPS)
    lost = next(step for step in result.funnel if step.name == "where.awake")
    assert lost.seconds_in - lost.seconds_out == pytest.approx(IDLE[1] - IDLE[0], abs=0.21)


def test_a_moment_is_explained_and_calibrated_by_what_the_track_says_there(
    dataset: Path, tmp_path: Path
):
    awake = {"of": f"{STATE}.still_seconds", "max": 0}
    wanted = recipe(dataset, segment={"where": {"awake": awake}})
    result = built(tmp_path, wanted)
    metrics = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    idle = next(row for row in metrics if row["reason"] == "where.awake")
    at = f"{idle['video']}@{idle['start_seconds'] + 1}"
    (told,) = explain(at, settings(tmp_path), wanted).explanations
    (said,) = (one for one in told.checks if one.name == "where.awake")
    assert (said.said, said.value) == ("fails", pytest.approx(IDLE[1] - IDLE[0]))
    made = make_plan(wanted)
    (bound,) = bounds_of(made)
    with open_store(settings(tmp_path)) as opened:
        seen = list(look_at(videos_of(wanted), made, opened.store))
        values = values_in(bound.check, made, seen, [])
    assert np.mean(values > 0) == pytest.approx(3 / 18, abs=0.01)


def test_footage_without_tracks_is_judged_as_before_where_the_recipe_keeps_what_is_absent(
    tmp_path: Path,
):
    make_video(tmp_path / "a.mp4", [pan(5, seed=1)], fps=Fraction(FPS), size=(320, 180))
    keep = {name: {**one, "absent": "keep"} for name, one in KEEP.items()}
    awake = {"of": f"{STATE}.still_seconds", "max": 0, "absent": "keep"}
    segment = {"where": {"awake": awake}}
    plain = clips(built(tmp_path / "plain", recipe(tmp_path / "a.mp4")))
    told = clips(built(tmp_path / "told", recipe(tmp_path / "a.mp4", keep=keep, segment=segment)))
    where = ("start_seconds", "end_seconds", "verdict")
    assert [[row[n] for n in where] for row in told] == [[row[n] for n in where] for row in plain]
    assert all(row[SUCCESS] is None for row in told)


def test_numbers_of_a_table_beside_the_video_count_at_the_times_of_its_clock(tmp_path: Path):
    """The log began half a second before the film, and says for each moment whether the grip held."""
    make_video(tmp_path / "a.mp4", [pan(6, seed=1)], fps=Fraction(FPS), size=(320, 180))
    times = np.arange(0, 6.5, 0.02)
    where = np.where(times < 2.5, times, 2.5)  # of the film: it moves for 2 s, then stands still
    grip = (times < 5.5).astype(int)
    lines = [f"{t:.2f},{x:.4f},{g}" for t, x, g in zip(times, where, grip, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["t,x,grip", *lines]) + "\n")
    reads = {
        "op": "table",
        "time": "t",
        "tracks": {"arm": ["x"], "grip": ["grip"]},
        "between": {"grip": "hold"},
        "clock": {"offset_seconds": 0.5},
    }
    source = {
        "url": str(tmp_path / "a.mp4"),
        "license": "CC0-1.0",
        "sidecars": {"log": "{stem}.csv"},
        "read": {"log": reads},
    }
    keep = {
        "busy": {"of": "sidecar.log.arm.still_share", "max": 1},
        "held": {"of": "sidecar.log.grip.value.mean", "min": 0},
    }
    wanted = recipe(tmp_path, sources={"log": source}, keep=keep)
    (row,) = clips(built(tmp_path, wanted))
    assert row["sidecar.log.arm.still_share"] == pytest.approx(4 / 6, abs=0.02)
    assert row["sidecar.log.grip.value.mean"] == pytest.approx(5 / 6, abs=0.01)


BURSTS = [(0.2, 0.9), (1.4, 1.7), (2.6, 3.4), (3.8, 4.0), (5.1, 5.8)]
"""Seconds in which everything moves, without a rhythm; then nothing does until the end, at 9."""


def position(seconds: Any) -> Any:
    """How far things have moved, 0 to 1."""
    moved = sum(np.clip(seconds - start, 0, end - start) for start, end in BURSTS)
    return moved / sum(end - start for start, end in BURSTS)


def test_a_track_that_was_shifted_is_asked_at_its_new_times(tmp_path: Path):
    """The log is 0.4 s late: as declared, 0.4 s less of its rest would lie in the clip."""
    rest = 9 - BURSTS[-1][1]
    moving = pan(9, pixels=300, seed=3)
    part = Part(Fraction(9), lambda share, *rest: moving.paint(float(position(share * 9)), *rest))
    make_video(tmp_path / "a.mp4", [part], fps=Fraction(25), size=(320, 180))
    times = np.arange(0, 10, 0.02)
    values = position(times - 0.4)
    lines = [f"{t:.2f},{x:.5f}" for t, x in zip(times, values, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["t,x", *lines]) + "\n")
    source = {
        "url": str(tmp_path / "a.mp4"),
        "license": "CC0-1.0",
        "sidecars": {"log": "{stem}.csv"},
        "read": {"log": {"op": "table", "time": "t"}},
    }
    wanted = recipe(
        tmp_path,
        sources={"log": source},
        keep={"busy": {"of": "sidecar.log.longest_still_seconds", "max": rest - 0.2}},
        align={"log": {"op": "activity", "max_offset_seconds": 1, "residual_seconds": 0.05}},
    )
    (row,) = clips(built(tmp_path, wanted))
    assert row["sync.log.shift_seconds"] == pytest.approx(0.4, abs=0.02)
    assert row["sidecar.log.longest_still_seconds"] == pytest.approx(rest, abs=0.04)
    assert row["reason"] == "busy:high"
