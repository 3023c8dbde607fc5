"""A recorded robot dataset as a source: cameras, state, action and instructions on one clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.engine.footage import videos_of
from curator.engine.progress import Silent
from curator.errors import RecipeErrors
from curator.release.build import BuildResult, build
from curator.source.fingerprint import fingerprint
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from tests.hub import HubServer
from tests.hub.clients import CLIENT_WARNING, as_user
from tests.robots import FPS, TOP, VERSIONS, WRIST, Recording, write_dataset

pytestmark = pytest.mark.slow

LENGTHS = (40, 50)
TASKS = ("pick up the cup", "put it down")


def recording(number: int) -> Recording:
    """Its state is the time in its episode, and the episode's number."""
    frames = np.arange(LENGTHS[number])
    state = np.stack([frames / FPS, np.full(len(frames), number)], axis=1)
    return Recording(task=TASKS[number], state=state.astype(np.float32))


@pytest.fixture(scope="module", params=VERSIONS)
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("robot") / "cups"
    write_dataset(root, request.param, [recording(0), recording(1)])
    return root


def recipe(root: Path | str, **sample: Any) -> Recipe:
    return compile_recipe(
        {
            "name": "cups",
            "target": "robotics",
            "sources": {"robot": {"url": str(root), "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 1, "max": 3}},
            "sample": {
                "video": {"crf": 12},
                "audio": None,
                "videos": {"wrist": {"of": "sidecar.wrist", "crf": 12}},
                "tracks": {
                    "state": {"of": "sidecar.robot.state"},
                    "action": {"of": "sidecar.robot.action"},
                    "task": {"of": "sidecar.robot.task"},
                },
                **sample,
            },
        }
    )


def built(root: Path, wanted: Recipe) -> BuildResult:
    settings = Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )
    (result,) = build([wanted], settings, Silent())
    return result


def test_samples_carry_state_action_and_instruction_at_their_times(dataset: Path, tmp_path: Path):
    result = built(tmp_path, recipe(dataset))
    assert result.videos["failed"] == 0
    found = pq.read_table(result.release.folder / "data").to_pylist()
    assert len(found) >= 3
    single = len(videos_of(recipe(dataset))) == len(LENGTHS)
    for row in found:
        start = row["start_seconds"]
        episode = 0 if start < LENGTHS[0] / FPS - 1e-9 else 1
        if single:
            episode = int("000001" in row["url"])
        begins = 0 if single else episode * LENGTHS[0] / FPS
        state = row["tracks.state"]
        values, seconds = np.array(state["values"]), np.array(state["seconds"])
        assert len(values) == row["num_frames"], "a value for every frame"
        assert np.all(values[:, 1] == episode), "a clip never crosses into another episode"
        # The value is the time in its episode: on the clip's clock it must be the frame's time.
        np.testing.assert_allclose(values[:, 0] - (start - begins), seconds, atol=1e-4)
        np.testing.assert_allclose(np.array(row["tracks.action"]["values"]), values + 1)
        assert [cue["text"] for cue in row["tracks.task"]] == [TASKS[episode]]
        assert row["video.wrist"]["bytes"]


def test_clips_end_where_an_episode_does(dataset: Path, tmp_path: Path):
    result = built(tmp_path, recipe(dataset))
    shots = pq.read_table(result.release.folder / "shots.parquet").to_pylist()
    edges = {round(row["start_seconds"], 3) for row in shots}
    if len(videos_of(recipe(dataset))) == 1:
        assert LENGTHS[0] / FPS in edges
    else:
        assert edges == {0.0}


def test_a_camera_is_chosen_by_its_short_name(dataset: Path):
    wanted = compile_recipe(
        {
            "name": "cups",
            "target": "robotics",
            "sources": {"robot": {"url": str(dataset), "license": "MIT", "camera": "wrist"}},
        }
    )
    refs = videos_of(wanted)
    assert all(WRIST in ref.url and "top" in ref.sidecars for ref in refs)


def test_a_camera_that_is_not_there_is_a_mistake_of_the_recipe(dataset: Path):
    wanted = compile_recipe(
        {
            "name": "cups",
            "target": "robotics",
            "sources": {"robot": {"url": str(dataset), "license": "MIT", "camera": "front"}},
        }
    )
    with pytest.raises(RecipeErrors) as caught:
        videos_of(wanted)
    (error,) = caught.value.errors
    assert "no camera 'front'" in error.message
    assert TOP in (error.hint or "")


@pytest.mark.filterwarnings(CLIENT_WARNING)
def test_a_dataset_on_the_hub_is_built_from_as_if_it_were_here(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with HubServer() as hub:
        as_user(monkeypatch, hub, hub.user("ann"), tmp_path / "home")
        files = {f"sets/{f.relative_to(dataset)}": f for f in dataset.rglob("*") if f.is_file()}
        files |= {f"{name}.unused": path for name, path in files.items() if WRIST in name}
        commit(hub, files)
        url = "hf://datasets/ann/cups/sets"
        refs = videos_of(recipe(url))
        local = videos_of(recipe(dataset))
        assert not any(".mp4" in path for path in sent(hub))
        commit(hub, {f"sets/{f.relative_to(dataset)}": b"moved on" for f in dataset.rglob("*.mp4")})
        assert [ref.url for ref in refs] == [ref.url.replace(str(dataset), url) for ref in local]
        seen = [fingerprint(ref) for ref in refs]
        assert seen == [fingerprint(ref) for ref in local]
        commit(hub, files)
        here, there = built(tmp_path / "here", recipe(dataset)), built(tmp_path, recipe(url))
        assert there.videos == here.videos
        assert there.videos["failed"] == 0
        first, second = (
            pq.read_table(one.release.folder / "data").drop_columns("url") for one in (here, there)
        )
        assert len(first) >= 3
        assert first.equals(second)
        assert not any("unused" in path for path in sent(hub))


@pytest.mark.filterwarnings(CLIENT_WARNING)
def test_a_damaged_dataset_on_the_hub_and_one_that_is_not_for_us_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with HubServer() as hub:
        as_user(monkeypatch, hub, hub.user("ann"), tmp_path / "home")
        commit(hub, {"meta/info.json": b"{}"})
        assert refusal("hf://datasets/ann/cups") == "sidecar-invalid"
        monkeypatch.setenv("HF_TOKEN", hub.user("eve"))
        assert refusal("hf://datasets/ann/cups") == "source-unreachable"


def test_a_dataset_without_a_licence_is_refused(dataset: Path):
    wanted = recipe(dataset)
    bare = dataclasses.replace(wanted.sources["robot"], license=None)
    with pytest.raises(RecipeErrors) as caught:
        videos_of(dataclasses.replace(wanted, sources={"robot": bare}))
    assert [error.reason for error in caught.value.errors] == ["source-missing-license"]


def refusal(url: str) -> str:
    with pytest.raises(RecipeErrors) as caught:
        videos_of(recipe(url))
    (error,) = caught.value.errors
    return error.reason


def commit(hub: HubServer, files: Mapping[str, Path | bytes]) -> None:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(endpoint=hub.url)
    api.create_repo("ann/cups", repo_type="dataset", private=True, exist_ok=True)
    adds = [CommitOperationAdd(name, data) for name, data in files.items()]
    api.create_commit("ann/cups", adds, commit_message="m", repo_type="dataset")


def sent(hub: HubServer) -> list[str]:
    """The paths of files that were downloaded."""
    return [one.path for one in hub.requests if one.method == "GET" and "/resolve/" in one.path]
