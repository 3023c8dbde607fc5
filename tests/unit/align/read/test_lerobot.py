"""LeRobot datasets: each episode's numbers at its frames' times, in the video that shows it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curator.align.read.episodes import LeRobot
from curator.align.read.lerobot import open_dataset
from curator.errors import SourceError
from curator.model.track import Between, NumberTrack, TextTrack
from tests.sidecars import existing, refused, said

CAMERA = "observation.images.top"
TASKS = ["pick up the cup", "put it down"]
LENGTHS = (5, 4, 6)
FPS = 10


def features() -> dict[str, object]:
    own = dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64")
    return {
        CAMERA: {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]},
        "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": ["a", "b"]}},
        "action": {"dtype": "float32", "shape": [2], "names": ["a", "b"]},
        "next.done": {"dtype": "bool", "shape": [1], "names": None},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{name: {"dtype": kind, "shape": [1], "names": None} for name, kind in own.items()},
    }


def state(episode: int) -> np.ndarray:
    return (np.arange(LENGTHS[episode] * 2, dtype=np.float32) + 100 * episode).reshape(-1, 2)


def table(episode: int) -> pa.Table:
    """Rows as LeRobot writes them: lists of fixed size, times of 32 bits."""
    count = LENGTHS[episode]
    frames = np.arange(count)

    def vectors(values: np.ndarray) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 2)

    return pa.table(
        {
            "observation.state": vectors(state(episode)),
            "action": vectors(-state(episode)),
            "next.done": frames == count - 1,
            "timestamp": (frames / FPS).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(count, episode),
            "index": frames + sum(LENGTHS[:episode]),
            # The last episode has two instructions.
            "task_index": np.where((episode == 2) & (frames >= 3), 1, 0),
        }
    )


def write(path: Path, what: pa.Table | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(what, str):
        path.write_text(what)
    else:
        pq.write_table(what, path)


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def two(root: Path) -> Path:
    info = {
        "codebase_version": "v2.1",
        "robot_type": "arm",
        "fps": FPS,
        "chunks_size": 2,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": features(),
    }
    write(root / "meta/info.json", json.dumps(info))
    episodes = [
        {"episode_index": k, "tasks": TASKS[:1], "length": n} for k, n in enumerate(LENGTHS)
    ]
    write(root / "meta/episodes.jsonl", lines(episodes))
    write(
        root / "meta/tasks.jsonl",
        lines([{"task_index": k, "task": t} for k, t in enumerate(TASKS)]),
    )
    for k in range(3):
        write(root / f"data/chunk-{k // 2:03d}/episode_{k:06d}.parquet", table(k))
    return root


def three(root: Path) -> Path:
    """Episodes 0 and 1 share a video, 2 has one of its own; all share a table."""
    info = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "chunks_size": 1000,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features(),
    }
    write(root / "meta/info.json", json.dumps(info))
    tasks = pa.table({"task_index": [0, 1], "__index_level_0__": TASKS})
    write(root / "meta/tasks.parquet", tasks)
    starts, files = (0.0, 0.5, 0.0), (0, 0, 1)
    prefix = f"videos/{CAMERA}/"
    episodes = {
        "episode_index": [0, 1, 2],
        "tasks": [TASKS[:1], TASKS[:1], TASKS],
        "length": list(LENGTHS),
        "data/chunk_index": [0, 0, 0],
        "data/file_index": [0, 0, 0],
        f"{prefix}chunk_index": [0, 0, 0],
        f"{prefix}file_index": list(files),
        f"{prefix}from_timestamp": list(starts),
        f"{prefix}to_timestamp": [s + n / FPS for s, n in zip(starts, LENGTHS, strict=True)],
        "stats/action/mean": [[0.0], [0.0], [0.0]],
    }
    write(root / "meta/episodes/chunk-000/file-000.parquet", pa.table(episodes))
    write(root / "data/chunk-000/file-000.parquet", pa.concat_tables([table(k) for k in range(3)]))
    return root


def numbers(tracks: object, name: str) -> NumberTrack:
    track = tracks[name]  # type: ignore[index]
    assert isinstance(track, NumberTrack)
    return track


def tasks(tracks: object) -> list[tuple[float, float, str]]:
    track = tracks["task"]  # type: ignore[index]
    assert isinstance(track, TextTrack)
    return said(track.cues)


@pytest.mark.parametrize("made", [two, three])
@pytest.mark.parametrize("episode", [0, 1, 2])
def test_one_episode_begins_at_zero(tmp_path, made, episode) -> None:
    tracks = LeRobot(episode=episode).read(existing(made(tmp_path / "set")))
    assert sorted(tracks) == ["action", "next.done", "state", "task"]
    held = numbers(tracks, "state")
    np.testing.assert_array_equal(held.series.values, state(episode))
    assert held.series.time_base == Fraction(1, FPS)
    assert held.series.ticks.tolist() == list(range(LENGTHS[episode]))
    assert (held.fields, held.between) == (("a", "b"), (Between.linear,))
    assert numbers(tracks, "action").between == (Between.hold,)
    assert numbers(tracks, "next.done").series.values[-1].tolist() == [1.0]


def test_instructions_change_where_the_rows_say(tmp_path) -> None:
    file = existing(three(tmp_path / "set"))
    assert tasks(LeRobot(episode=0).read(file)) == [(0.0, 0.5, TASKS[0])]
    assert tasks(LeRobot(episode=2).read(file)) == [(0.0, 0.3, TASKS[0]), (0.3, 0.6, TASKS[1])]


def test_a_video_of_several_episodes_has_the_tracks_of_all(tmp_path) -> None:
    video = f"hf://datasets/a/b/videos/{CAMERA}/chunk-000/file-000.mp4"
    tracks = LeRobot().read(existing(three(tmp_path / "set"), video=video))
    held = numbers(tracks, "state").series
    np.testing.assert_array_equal(held.values, np.concatenate([state(0), state(1)]))
    assert held.seconds.tolist() == pytest.approx(np.arange(9) / FPS)
    assert tasks(tracks) == [(0.0, 0.5, TASKS[0]), (0.5, 0.9, TASKS[0])]


def test_a_video_of_one_episode_is_found_by_its_address(tmp_path) -> None:
    root = two(tmp_path / "set")
    video = str(root / f"videos/chunk-001/{CAMERA}/episode_000002.mp4")
    tracks = LeRobot(features=("action",)).read(existing(root / "meta/info.json", video=video))
    assert sorted(tracks) == ["action", "task"]
    np.testing.assert_array_equal(numbers(tracks, "action").series.values, -state(2))


def test_a_dataset_tells_which_video_shows_what(tmp_path) -> None:
    dataset = open_dataset(existing(three(tmp_path / "set")))
    assert (dataset.version, dataset.fps, len(dataset.episodes)) == ("v3.0", 10, 3)
    part = dataset.episodes[1].videos[CAMERA]
    assert part.path == f"videos/{CAMERA}/chunk-000/file-000.mp4"
    assert (part.start_seconds, part.end_seconds) == (Fraction(1, 2), Fraction(9, 10))
    assert [one.index for one, _ in dataset.of_video(part.path)] == [0, 1]


def flagged(root: Path, flags: list[object], *, column: str | None = None) -> Path:
    """The dataset with a flag for each episode: in the table of episodes, or as a `column` of the rows."""
    if column is None:
        path = root / "meta/episodes/chunk-000/file-000.parquet"
        pq.write_table(pq.read_table(path).append_column("is_success", pa.array(flags)), path)
        return root
    info = json.loads((root / "meta/info.json").read_text())
    info["features"][column] = {"dtype": "bool", "shape": [1], "names": None}
    write(root / "meta/info.json", json.dumps(info))
    path = root / "data/chunk-000/file-000.parquet"
    held = [[k == n - 1 and flag for k in range(n)] for n, flag in zip(LENGTHS, flags, strict=True)]
    rows = pa.array([one for part in held for one in part])
    pq.write_table(pq.read_table(path).append_column(column, rows), path)
    return root


def success(root: Path, episode: int) -> list[float] | None:
    """What is said of each row of an episode."""
    tracks = LeRobot(episode=episode).read(existing(root))
    if "success" not in tracks:
        return None
    track = numbers(tracks, "success")
    assert track.between == (Between.hold,)
    return [float(value) for value in track.series.values[:, 0]]


@pytest.mark.parametrize("column", ["next.success", "success", "is_episode_successful"])
def test_an_episode_that_succeeds_at_its_end_has_succeeded_all_along(tmp_path, column) -> None:
    root = flagged(three(tmp_path / "set"), [True, False, True], column=column)
    assert [success(root, k) for k in range(3)] == [[1.0] * 5, [0.0] * 4, [1.0] * 6]


@pytest.mark.parametrize("flags", [[True, False, None], [1, 0, 7], [1.0, 0.0, 0.5]])
def test_the_table_of_episodes_may_say_what_succeeded(tmp_path, flags) -> None:
    root = flagged(three(tmp_path / "set"), flags)
    assert [success(root, k) for k in range(3)] == [[1.0] * 5, [0.0] * 4, None]


def test_of_two_episodes_in_a_video_one_may_have_no_flag(tmp_path) -> None:
    root = flagged(three(tmp_path / "set"), [True, None, None])
    video = f"videos/{CAMERA}/chunk-000/file-000.mp4"
    values = numbers(LeRobot().read(existing(root, video=video)), "success").series.values
    np.testing.assert_array_equal(values[:, 0], [1.0] * 5 + [np.nan] * 4)


def test_older_tables_of_episodes_say_it_too(tmp_path) -> None:
    root = two(tmp_path / "set")
    told = [json.loads(line) for line in (root / "meta/episodes.jsonl").read_text().splitlines()]
    rows = [{**row, "success": flag} for row, flag in zip(told, (True, False, "yes"), strict=True)]
    write(root / "meta/episodes.jsonl", lines(rows))
    assert [success(root, k) for k in range(3)] == [[1.0] * 5, [0.0] * 4, None]


def test_which_episode_is_meant_must_be_said(tmp_path) -> None:
    root = three(tmp_path / "set")
    assert "3 episodes" in refused(LeRobot(), existing(root))
    assert "no episode 7" in refused(LeRobot(episode=7), existing(root))
    assert "no video" in refused(LeRobot(), existing(root, video="file-000.mp4"))
    assert "'wrist'" in refused(LeRobot(episode=0, features=("wrist",)), existing(root))


def broken(root: Path, change: dict[str, object]) -> object:
    """The dataset with other values in its info file."""
    path = root / "meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    return existing(root)


def complaint(file: object) -> str:
    with pytest.raises(SourceError) as caught:
        LeRobot(episode=0).read(file)  # type: ignore[arg-type]
    assert caught.value.reason == "sidecar-invalid"
    return str(caught.value)


def test_metadata_that_is_wrong_is_refused(tmp_path) -> None:
    for k, (change, words) in enumerate(
        [
            ({"codebase_version": "v9"}, "version 'v9'"),
            ({"fps": 0}, "'fps'"),
            ({"features": []}, "'features'"),
            ({"data_path": "../../{chunk_index}"}, "leads out"),
            ({"data_path": "/etc/{chunk_index}"}, "leads out"),
            ({"data_path": "{chunk_index.__class__}"}, "cannot be filled in"),
            ({"data_path": "{chunk_index:999999999d}"}, "cannot be filled in"),
            ({"data_path": "{nothing}"}, "unknown 'nothing'"),
        ]
    ):
        assert words in complaint(broken(three(tmp_path / f"set{k}"), change))
    (tmp_path / "none").mkdir()
    assert "no LeRobot dataset" in complaint(existing(tmp_path / "none"))


def test_rows_that_are_wrong_are_refused_with_their_place(tmp_path) -> None:
    root = two(tmp_path / "set")
    path = root / "data/chunk-000/episode_000000.parquet"
    late = table(0).set_column(3, "timestamp", pa.array([0, 0.1, 0.2005, 0.3, 0.4], pa.float32()))
    pq.write_table(late, path)
    assert "row 2 (episode 0)" in complaint(existing(root))
    pq.write_table(table(0).slice(1), path)
    assert "4 rows, its length is 5" in complaint(existing(root))
    pq.write_table(table(0).drop_columns("action"), path)
    assert "no column of numbers 'action'" in complaint(existing(root))
    (root / "meta/episodes.jsonl").write_text('{"episode_index": 0, "length": -1}\n')
    assert "line 1" in complaint(existing(root))


def test_what_32_bits_cannot_hold_is_no_fault(tmp_path) -> None:
    root = two(tmp_path / "set")
    count = 120_000
    frames = np.arange(count)
    rows = {name: np.zeros(count, np.int64) for name in ("episode_index", "task_index")}
    times = (frames / FPS).astype(np.float32)
    values = {"action": np.zeros(count), "timestamp": times, "frame_index": frames, "index": frames}
    pq.write_table(pa.table({**values, **rows}), root / "data/chunk-000/episode_000000.parquet")
    text = json.dumps({"episode_index": 0, "length": count, "tasks": TASKS[:1]})
    (root / "meta/episodes.jsonl").write_text(text)
    tracks = LeRobot(episode=0, features=("action",)).read(existing(root))
    assert int(numbers(tracks, "action").series.ticks[-1]) == count - 1
