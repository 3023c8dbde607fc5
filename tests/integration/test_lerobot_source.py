"""A recorded robot dataset as a source: cameras, state, action and instructions on one clock."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
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
from curator.testing.footage import make_video, pan
from tests.hub import HubServer
from tests.hub.clients import CLIENT_WARNING, as_user

pytestmark = pytest.mark.slow

FPS = 10
LENGTHS = (40, 50)
TASKS = ("pick up the cup", "put it down")
TOP, WRIST = "observation.images.top", "observation.images.wrist"


def rows(episode: int, start: int) -> pa.Table:
    count = LENGTHS[episode]
    frames = np.arange(count)
    state = np.stack([frames / FPS, np.full(count, episode)], axis=1).astype(np.float32)

    def vectors(values: np.ndarray) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 2)

    return pa.table(
        {
            "observation.state": vectors(state),
            "action": vectors(state + 1),
            "timestamp": (frames / FPS).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(count, episode),
            "index": frames + start,
            "task_index": np.full(count, episode),
        }
    )


def features() -> dict[str, Any]:
    camera = {"dtype": "video", "shape": [180, 320, 3], "names": ["height", "width", "channels"]}
    numbers = {"dtype": "float32", "shape": [2], "names": ["time", "episode"]}
    own = ("frame_index", "episode_index", "index", "task_index")
    return {
        TOP: camera,
        WRIST: camera,
        "observation.state": numbers,
        "action": numbers,
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{name: {"dtype": "int64", "shape": [1], "names": None} for name in own},
    }


def film(path: Path, lengths: tuple[int, ...], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [pan(length / FPS, seed=seed) for length in lengths]
    make_video(path, parts, fps=Fraction(FPS), size=(320, 180))


@pytest.fixture(scope="module", params=["v2.1", "v3.0"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("robot") / "cups"
    (root / "meta").mkdir(parents=True)
    (two if request.param == "v2.1" else three)(root)
    return root


def two(root: Path) -> None:
    """A file for each episode."""
    info = {
        "codebase_version": "v2.1",
        "fps": FPS,
        "chunks_size": 1000,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": features(),
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    (root / "meta/episodes.jsonl").write_text(
        "".join(
            json.dumps({"episode_index": k, "tasks": [TASKS[k]], "length": n}) + "\n"
            for k, n in enumerate(LENGTHS)
        )
    )
    (root / "meta/tasks.jsonl").write_text(
        "".join(json.dumps({"task_index": k, "task": t}) + "\n" for k, t in enumerate(TASKS))
    )
    (root / "data/chunk-000").mkdir(parents=True)
    for k, length in enumerate(LENGTHS):
        pq.write_table(rows(k, 0), root / f"data/chunk-000/episode_{k:06d}.parquet")
        for number, camera in enumerate((TOP, WRIST)):
            film(root / f"videos/chunk-000/{camera}/episode_{k:06d}.mp4", (length,), 1 + number)


def three(root: Path) -> None:
    """Both episodes in one file of each kind."""
    info = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "chunks_size": 1000,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features(),
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    starts = [0.0, LENGTHS[0] / FPS]
    told: dict[str, list[Any]] = {
        "episode_index": [0, 1],
        "length": list(LENGTHS),
        "tasks": [[TASKS[0]], [TASKS[1]]],
        "data/chunk_index": [0, 0],
        "data/file_index": [0, 0],
    }
    for camera in (TOP, WRIST):
        told |= {
            f"videos/{camera}/chunk_index": [0, 0],
            f"videos/{camera}/file_index": [0, 0],
            f"videos/{camera}/from_timestamp": starts,
            f"videos/{camera}/to_timestamp": [starts[1], sum(LENGTHS) / FPS],
        }
        film(
            root / f"videos/{camera}/chunk-000/file-000.mp4", (sum(LENGTHS),), 1 + (camera == WRIST)
        )
    for name in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / name).mkdir(parents=True)
    pq.write_table(pa.table(told), root / "meta/episodes/chunk-000/file-000.parquet")
    tasks = pa.table({"task_index": [0, 1], "__index_level_0__": list(TASKS)})
    pq.write_table(tasks, root / "meta/tasks.parquet")
    both = pa.concat_tables([rows(0, 0), rows(1, LENGTHS[0])])
    pq.write_table(both, root / "data/chunk-000/file-000.parquet")


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
