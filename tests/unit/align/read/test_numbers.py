"""Numbers by row: what was written comes back at its times, and mistakes are named with their row."""

from __future__ import annotations

import json
import struct
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mcap.writer import Writer
from mcap_protobuf.writer import Writer as ProtobufWriter
from mcap_ros2.writer import Writer as RosWriter

from curator.align.read.camera import Camera, Turn
from curator.align.read.columns import read_columns
from curator.align.read.mcap import Mcap, Stamp
from curator.align.read.rotations import from_axis_angle, rotate
from curator.align.read.table import Table
from curator.align.read.timeline import TimeUnit
from curator.model.track import Between, NumberTrack, TextTrack
from tests.footage import shared
from tests.sidecars import existing, refused, said, sidecar

IN_PLACE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
FINITE = st.floats(-1e6, 1e6)
ROWS = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=FINITE | st.just(np.nan)
)


def number(tracks: object, name: str = "") -> NumberTrack:
    track = tracks[name]  # type: ignore[index]
    assert isinstance(track, NumberTrack)
    return track


def written(folder: Path, suffix: str, times: np.ndarray, values: np.ndarray) -> Path:
    """A column of times and a column of three numbers; CSV has three columns."""
    path = folder / f"a{suffix}"
    if suffix == ".csv":
        rows = [
            ",".join([repr(float(t)), *("" if np.isnan(v) else repr(float(v)) for v in row)])
            for t, row in zip(times, values, strict=True)
        ]
        path.write_text("\n".join(["time,x,y,z", *rows]) + "\n")
    elif suffix == ".npz":
        np.savez(path, time=times, pose=values)
    elif suffix == ".parquet":
        pose = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 3)
        pq.write_table(pa.table({"time": times, "pose": pose, "note": ["n"] * len(times)}), path)
    else:
        with h5py.File(path, "w") as out:
            out["time"] = times
            out["pose"] = values
    return path


@IN_PLACE
@given(ROWS, st.sampled_from([".csv", ".npz", ".parquet", ".h5"]))
def test_a_table_gives_back_what_was_written(tmp_path, values, suffix) -> None:
    times = np.arange(len(values)) / 8
    track = number(Table().read(existing(written(tmp_path, suffix, times, values))))
    np.testing.assert_array_equal(track.series.values, values)
    assert track.series.ticks.tolist() == [125_000_000 * k for k in range(len(values))]
    assert len(track.fields) == 3


def test_columns_become_tracks_with_fields_units_and_ways_between(tmp_path) -> None:
    text = "t_ms,x,y,grip,label\n0,1,2,0,a\n100,,4,1,b\n"
    reader = Table(
        time="t_ms",
        unit=TimeUnit.ms,
        tracks={"hand": ("y", "x"), "gripper": ("grip",)},
        units={"hand": "m"},
        between={"grip": Between.hold},
    )
    tracks = reader.read(sidecar(tmp_path, "a.csv", text))
    hand, gripper = number(tracks, "hand"), number(tracks, "gripper")
    assert (hand.fields, hand.units) == (("y", "x"), ("m", "m"))
    np.testing.assert_array_equal(hand.series.values, [[2, 1], [4, np.nan]])
    assert hand.series.seconds.tolist() == [0, 0.1]
    assert hand.between == (Between.linear, Between.linear)
    assert gripper.between == (Between.hold,)


def test_rows_without_times_come_at_an_exact_rate(tmp_path) -> None:
    track = number(Table(fps=Fraction(30000, 1001)).read(sidecar(tmp_path, "a.csv", "x\n1\n2\n")))
    assert track.series.time_base == Fraction(1001, 30000)
    assert track.series.ticks.tolist() == [0, 1]
    file = sidecar(tmp_path, "b.csv", "timestamp,x\n7,1\n7,2\n")
    assert number(Table(fps=Fraction(5)).read(file)).fields == ("x",)


def test_times_of_day_can_count_from_the_first_row(tmp_path) -> None:
    text = "timestamp,x\n1700000000.000000001,1\n1700000000.500000001,2\n"
    file = sidecar(tmp_path, "a.csv", text)
    assert number(Table(from_first=True).read(file)).series.ticks.tolist() == [0, 500_000_000]
    # All digits of what was written count.
    assert int(number(Table().read(file)).series.ticks[0]) == 1700000000000000001


def test_of_rows_at_one_instant_the_last_counts(tmp_path) -> None:
    track = number(Table().read(sidecar(tmp_path, "a.csv", "t,x\n0,1\n1,2\n1,3\n2,4\n")))
    assert track.series.values[:, 0].tolist() == [1, 3, 4]


def test_columns_of_dates_are_times(tmp_path) -> None:
    times = pa.array([10**18, 10**18 + 10**8], pa.timestamp("ns"))
    pq.write_table(pa.table({"time": times, "x": [1, 2]}), tmp_path / "a.parquet")
    file = existing(tmp_path / "a.parquet")
    track = number(Table(unit=TimeUnit.ns, from_first=True).read(file))
    assert track.series.seconds.tolist() == [0, 0.1]


def test_times_of_32_bits_are_the_decimals_that_they_stand_for(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", time=np.float32([0, 0.2, 0.4]), x=[1, 2, 3])
    track = number(Table().read(existing(tmp_path / "a.npz")))
    assert track.series.ticks.tolist() == [0, 200_000_000, 400_000_000]


def test_switches_hold(tmp_path) -> None:
    pq.write_table(pa.table({"t": [0.0, 1.0], "on": [True, False]}), tmp_path / "a.parquet")
    track = number(Table().read(existing(tmp_path / "a.parquet")))
    assert track.between == (Between.hold,)
    assert track.series.values[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize("episode", ["ep00", "ep11"])
def test_real_robot_episodes(episode) -> None:
    path = shared(f"fixtures/robotics/bridge_episodes/{episode}.npz")
    names = ("x", "y", "z", "roll", "pitch", "yaw", "gripper")
    reader = Table(fields={"state": names, "action": names}, between={"action": Between.hold})
    tracks = reader.read(existing(path))
    state, action = number(tracks, "state"), number(tracks, "action")
    with np.load(path) as truth:
        np.testing.assert_array_equal(state.series.values, truth["state"])
        np.testing.assert_array_equal(action.series.values, truth["action"])
    assert state.series.seconds.tolist() == pytest.approx(np.arange(10) / 5, abs=1e-9)
    assert state.fields == names
    assert action.between == (Between.hold,) * 7


def test_groups_of_hdf5_are_named_by_their_path(tmp_path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out["observations/qpos"] = np.ones((4, 2), np.float32)
        out["action"] = np.zeros((4, 2))
    reader = Table(fps=Fraction(50), tracks={"state": ("observations/qpos",)})
    track = number(reader.read(existing(tmp_path / "a.h5")), "state")
    assert track.series.values.dtype == np.float32
    assert track.fields == ("observations/qpos.0", "observations/qpos.1")


def test_hdf5_that_points_into_other_files_is_not_followed(tmp_path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(80))
    with h5py.File(tmp_path / "other.h5", "w") as out:
        out["x"] = np.ones(10)
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out["link"] = h5py.ExternalLink("other.h5", "/x")
        out["own"] = np.arange(10.0)
    assert list(read_columns(existing(tmp_path / "a.h5"))) == ["own"]
    with h5py.File(tmp_path / "b.h5", "w") as out:
        out.create_dataset("x", (10,), "f8", external=[(str(tmp_path / "secret.bin"), 0, 80)])
    assert "another file" in refused(Table(fps=Fraction(1)), existing(tmp_path / "b.h5"), at="x")


def test_tables_that_unpack_to_more_than_allowed_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("curator.align.read.columns.DATA_BYTES", 1 << 20)
    zeros = np.zeros(1 << 18)
    pq.write_table(pa.table({"t": np.arange(1 << 18), "x": zeros}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 2 << 20
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out.create_dataset("x", (1 << 40,), "f8", chunks=(1 << 16,), compression="gzip")
    for name in ("a.h5", "a.parquet"):
        monkeypatch.setattr("curator.align.read.columns.check_size", lambda file: None)
        assert "when unpacked" in refused(
            Table(fps=Fraction(1)), existing(tmp_path / name), *(["x"] if name == "a.h5" else [])
        )


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("t,x\n0,1\n1\n", "line 3"),
        ("t,x\n0,1\n1,two\n", "line 3"),
        ("t,x\n0,1\nsoon,2\n", "line 3"),
        ("t,x\n0,1\n2,2\n1,3\n", "line 4"),
        ("t,x\n0,1\n,2\n", "line 3"),
        ("t,x\n0,1\n\n1,2\n", "line 3"),
        ("t,x,x\n0,1,1\n", "line 1"),
        ('t,x\n0,"1\n', "line 3"),
        ("when,x\n0,1\n", ""),
        ("t\n0\n", ""),
    ],
)
def test_csv_that_is_wrong_is_refused_with_its_line(tmp_path, text, at) -> None:
    refused(Table(), sidecar(tmp_path, "a.csv", text), at=at)


def test_parquet_that_is_wrong_is_refused_with_its_row(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": [0.0, 1.0], "x": [[1, 2], [1]]}), path)
    refused(Table(), existing(path), at="row 1")
    pq.write_table(pa.table({"t": [0.0, None], "x": [1, 2]}), path)
    refused(Table(), existing(path), at="row 1")
    pq.write_table(pa.table({"t": [0.0, 1.0], "x": [1, 2]}), path)
    assert "'y'" in refused(Table(tracks={"a": ("y",)}), existing(path))
    refused(Table(), sidecar(tmp_path, "b.parquet", path.read_bytes()[:-9]))
    refused(Table(), sidecar(tmp_path, "b.h5", b"\x89HDF\r\n\x1a\n and nothing"))
    refused(Table(), sidecar(tmp_path, "b.xlsx", b""))


# Cameras


def poses(count: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quaternions, positions, and both as matrices."""
    rng = np.random.default_rng(0)
    turn = from_axis_angle(rng.normal(size=(count, 3)))
    turn = np.where(turn[:, :1] < 0, -turn, turn)
    where = rng.normal(size=(count, 3))
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3, :3] = np.stack([rotate(turn, np.eye(3)[k][None]) for k in range(3)], axis=-1)
    matrices[:, :3, 3] = where
    return turn, where, matrices


def rows(numbers: np.ndarray) -> str:
    return "\n".join(" ".join(repr(float(v)) for v in row) for row in numbers)


def test_poses_come_back_from_every_form(tmp_path) -> None:
    turn, where, matrices = poses()
    times = np.arange(5.0)[:, None] / 10
    np.savez(tmp_path / "m.npz", poses=matrices)
    np.savez(tmp_path / "i.npz", w2c=np.linalg.inv(matrices))
    frames = {"frames": [{"transform_matrix": one.tolist()} for one in matrices]}
    rate = Fraction(10)
    tum = "# a comment\n" + rows(np.concatenate([times, where, turn[:, [1, 2, 3, 0]]], axis=1))
    files = [
        (Camera(), sidecar(tmp_path, "a.tum", tum)),
        (Camera(fps=rate), sidecar(tmp_path, "k.txt", rows(matrices[:, :3].reshape(5, 12)))),
        (
            Camera(fps=rate, quaternion=Turn.wxyz),
            sidecar(tmp_path, "q.txt", rows(np.concatenate([where, turn], axis=1))),
        ),
        (Camera(fps=rate), existing(tmp_path / "m.npz")),
        (Camera(fps=rate, inverse=True), existing(tmp_path / "i.npz")),
        (Camera(fps=rate), sidecar(tmp_path, "transforms.json", json.dumps(frames))),
    ]
    for reader, file in files:
        track = number(reader.read(file))
        np.testing.assert_allclose(track.series.values[:, :3], where, atol=1e-9, err_msg=file.name)
        np.testing.assert_allclose(track.series.values[:, 3:], turn, atol=1e-9, err_msg=file.name)
        assert track.series.seconds.tolist() == pytest.approx(times[:, 0].tolist())
        assert track.between == (Between.linear,) * 3 + (Between.slerp,) * 4


def test_poses_that_are_none_are_refused(tmp_path) -> None:
    refused(Camera(), sidecar(tmp_path, "a.tum", "0 1 2 3 0 0 0 1\n1 1 2 3 0 0 0\n"), at="line 2")
    refused(Camera(), sidecar(tmp_path, "a.tum", "0 1 2 3 0 0 0 2\n"), at="pose 0")
    refused(Camera(), sidecar(tmp_path, "a.tum", "0 1 2 3 0 0 0 one\n"), at="line 1")
    refused(Camera(), sidecar(tmp_path, "a.tum", "1 1 2 3 0 0 0 1\n0 1 2 3 0 0 0 1\n"), at="row 1")
    mirrored = np.diag([1.0, 1, -1, 1])[None]
    np.savez(tmp_path / "a.npz", poses=mirrored)
    assert "mirror" in refused(Camera(fps=Fraction(1)), existing(tmp_path / "a.npz"), at="pose 0")
    np.savez(tmp_path / "a.npz", poses=np.eye(4)[None])
    assert "no times" in refused(Camera(), existing(tmp_path / "a.npz"))
    text = '{"frames": [{"transform_matrix": [[1, 2], [3]]}]}'
    refused(Camera(fps=Fraction(1)), sidecar(tmp_path, "a.json", text), at="frames[0]")


# MCAP

START = 1_700_000_000_000_000_000


def recording(path: Path, messages: list[tuple[str, float, object]], **options: object) -> object:
    with path.open("wb") as out:
        writer = Writer(out, **options)  # type: ignore[arg-type]
        writer.start()
        schema = writer.register_schema("any", "jsonschema", b"{}")
        channels: dict[str, int] = {}
        for topic, seconds, message in messages:
            if topic not in channels:
                channels[topic] = writer.register_channel(topic, "json", schema)
            time = START + round(seconds * 1e9)
            data = message if isinstance(message, bytes) else json.dumps(message).encode()
            writer.add_message(channels[topic], time, data, time + 10**7)
        writer.finish()
    return existing(path, video_seconds=3.0)


ARM = [
    ("/arm", 0.0, {"q": [0.0, 1.0], "gripper": {"open": True}}),
    ("/task", 0.5, {"data": "pick"}),
    ("/arm", 1.0, {"q": [2.0, 3.0], "gripper": {"open": False}}),
    ("/task", 2.0, {"data": "place"}),
]


def test_topics_are_tracks_and_texts_hold_until_the_next(tmp_path) -> None:
    file = recording(tmp_path / "a.mcap", ARM)
    tracks = Mcap(texts={"task": "/task"}, between={"arm": Between.hold}).read(file)
    arm, task = number(tracks, "arm"), tracks["task"]
    assert arm.fields == ("q.0", "q.1", "gripper.open")
    assert arm.series.values.tolist() == [[0, 1, 1], [2, 3, 0]]
    assert arm.series.seconds.tolist() == [0, 1]
    assert arm.between == (Between.hold,)
    assert isinstance(task, TextTrack)
    assert said(task.cues) == [(0.5, 2.0, "pick"), (2.0, 3.0, "place")]


def test_chosen_topics_still_count_from_the_start_of_the_recording(tmp_path) -> None:
    file = recording(tmp_path / "a.mcap", [("/other", -1.0, {"x": 1}), *ARM])
    track = number(Mcap(topics={"state": "/arm"}).read(file), "state")
    assert track.series.seconds.tolist() == [1, 2]
    track = number(Mcap(topics={"state": "/arm"}, stamp=Stamp.publish).read(file), "state")
    assert track.series.seconds.tolist() == pytest.approx([1.01, 2.01])
    track = number(Mcap(topics={"state": "/arm"}, from_first=False).read(file), "state")
    assert int(track.series.ticks[0]) == START


def test_ros_messages_without_their_headers(tmp_path) -> None:
    with (tmp_path / "a.mcap").open("wb") as out:
        writer = RosWriter(out)
        definition = "builtin_interfaces/Time header\nfloat64[] position\nuint8[] picture\n" + (
            "=" * 80 + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
        )
        schema = writer.register_msgdef("test_msgs/msg/Joints", definition)
        for k in range(3):
            message = {
                "header": {"sec": k, "nanosec": 0},
                "position": [0.1 * k, 1.0],
                "picture": [],
            }
            writer.write_message("/joints", schema, message, k * 10**8, k * 10**8, k)
        writer.finish()
    track = number(Mcap().read(existing(tmp_path / "a.mcap")), "joints")
    assert track.fields == ("position.0", "position.1")
    np.testing.assert_allclose(track.series.values[:, 0], [0, 0.1, 0.2])


def test_protobuf_and_ros_1_messages(tmp_path) -> None:
    path = tmp_path / "a.mcap"
    with path.open("wb") as out, ProtobufWriter(out) as protobuf:
        for k in range(3):
            message = Timestamp(seconds=k, nanos=2 * k)
            protobuf.write_message("/joint", message, k * 10**9, k * 10**9)
    track = number(Mcap().read(existing(path)), "joint")
    assert track.fields == ("seconds", "nanos")
    assert track.series.values.tolist() == [[0, 0], [1, 2], [2, 4]]

    with path.open("wb") as out:
        writer = Writer(out)
        writer.start("ros1")
        schema = writer.register_schema("std_msgs/Float64", "ros1msg", b"float64 data")
        channel = writer.register_channel("/x", "ros1", schema)
        for k in range(3):
            writer.add_message(channel, k * 10**9, struct.pack("<d", k / 2), k * 10**9)
        writer.finish()
    track = number(Mcap().read(existing(path)), "x")
    assert track.series.values.tolist() == [[0], [0.5], [1]]


def test_recordings_that_are_wrong_are_refused(tmp_path, monkeypatch) -> None:
    other = recording(tmp_path / "a.mcap", [("/arm", 0.0, {"q": 1}), ("/arm", 1.0, {"p": 1})])
    refused(Mcap(), other, at="topic 'arm' message 1")
    broken = recording(tmp_path / "b.mcap", [("/arm", 0.0, b"{no json")])
    refused(Mcap(), broken, at="topic '/arm' message 0")
    whole = recording(tmp_path / "c.mcap", ARM)
    assert "'/leg'" in refused(Mcap(topics={"leg": "/leg"}), whole)
    refused(Mcap(), sidecar(tmp_path, "d.mcap", whole.path.read_bytes()[:400]))
    refused(Mcap(), sidecar(tmp_path, "e.mcap", b"no recording"))
    monkeypatch.setattr("curator.align.read.mcap._RECORD_BYTES", 1 << 10)
    zeros = recording(tmp_path / "f.mcap", [("/arm", 0.0, {"q": [0] * 4000})])
    assert "bytes when unpacked" in refused(Mcap(), zeros)
