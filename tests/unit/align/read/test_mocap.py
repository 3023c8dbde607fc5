"""Motion capture: joints where the file puts them, in metres, and errors that name the line."""

from __future__ import annotations

import io
import zipfile
from fractions import Fraction
from pathlib import Path

import ezc3d
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curator.align.read.amass import Amass
from curator.align.read.bvh import Bvh
from curator.align.read.c3d import C3d
from curator.align.read.joints import Joints
from curator.align.read.lengths import LengthUnit, UpAxis, frame_seconds
from curator.align.read.rotations import forward, from_axis_angle, from_matrix, multiply, rotate
from curator.align.read.trc import Trc
from curator.errors import SourceError
from curator.model.track import MotionTrack, NumberTrack
from tests.footage import shared
from tests.sidecars import existing, refused, sidecar

IN_PLACE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
ANGLES = hnp.arrays(np.float64, (5, 3), elements=st.floats(-3, 3))
POSITIONS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.just(3), st.just(3)),
    elements=st.floats(-8, 8, width=16),
)

ARM = """HIERARCHY
ROOT shoulder
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT elbow
  {
    OFFSET 30 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 20 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: .03333
0 100 0 0 0 0 0 0 0
0 100 0 90 0 0 90 0 0
"""


def motion(reader: object, file: object) -> MotionTrack:
    (track,) = reader.read(file).values()  # type: ignore[attr-defined]
    assert isinstance(track, MotionTrack)
    return track


# Rotations


@given(ANGLES, ANGLES, ANGLES)
def test_turns_in_a_row_are_their_product(one, other, vectors) -> None:
    a, b = from_axis_angle(one), from_axis_angle(other)
    np.testing.assert_allclose(
        rotate(multiply(a, b), vectors), rotate(a, rotate(b, vectors)), atol=1e-9
    )


@given(ANGLES)
def test_a_matrix_and_its_quaternion_are_one_turn(vectors) -> None:
    turn = from_axis_angle(vectors)
    matrices = np.stack([rotate(turn, np.eye(3)[k][None]) for k in range(3)], axis=-1)
    back = from_matrix(matrices)
    np.testing.assert_allclose(np.abs((back * turn).sum(-1)), 1, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(back, axis=-1), 1, atol=1e-9)


@given(ANGLES)
def test_bones_keep_their_lengths(vectors) -> None:
    turns = from_axis_angle(np.stack([vectors, vectors[::-1]], axis=1))
    where = forward([-1, 0], np.array([[[0.0, 0, 0], [1.0, 2, 2]]]), turns)
    np.testing.assert_allclose(np.linalg.norm(where[:, 1] - where[:, 0], axis=-1), 3, atol=1e-9)


# BVH


@pytest.mark.parametrize("name", ["wave_hello", "jumping_jacks"])
def test_real_bvh_joints_are_where_forward_kinematics_puts_them(name) -> None:
    track = motion(Bvh(unit=LengthUnit.m), existing(shared(f"fixtures/mocap/{name}.bvh")))
    with np.load(shared(f"fixtures/mocap/{name}_joints.npz")) as truth:
        assert track.skeleton.joints == tuple(truth["names"].tolist())
        assert track.skeleton.parents == tuple(truth["parents"].tolist())
        np.testing.assert_allclose(track.positions, truth["positions"], atol=1e-4)
        assert float(1 / track.time_base) == pytest.approx(float(truth["fps"]), rel=1e-4)


def test_every_real_bvh_is_read() -> None:
    track = motion(Bvh(), existing(shared("fixtures/mocap/dab.bvh")))
    assert track.positions.shape == (339, 34, 3)
    assert track.time_base == Fraction(1, 30)
    assert track.rotations is not None
    np.testing.assert_allclose(np.linalg.norm(track.rotations, axis=-1), 1, atol=1e-6)


def test_an_arm_bends_as_its_angles_say(tmp_path) -> None:
    track = motion(Bvh(up=UpAxis.z), sidecar(tmp_path, "a.bvh", ARM))
    assert track.skeleton.joints == ("shoulder", "elbow", "elbow_end")
    assert (track.skeleton.parents, track.skeleton.up) == ((-1, 0, 1), "z")
    assert track.time_base == Fraction(1, 30)
    expected = [[[0, 1, 0], [0.3, 1, 0], [0.5, 1, 0]], [[0, 1, 0], [0, 1.3, 0], [-0.2, 1.3, 0]]]
    np.testing.assert_allclose(track.positions, expected, atol=1e-6)


def test_names_that_repeat_are_told_apart(tmp_path) -> None:
    text = ARM.replace("JOINT elbow", "JOINT shoulder")
    track = motion(Bvh(), sidecar(tmp_path, "a.bvh", text))
    assert track.skeleton.joints == ("shoulder", "shoulder#1", "shoulder#1_end")


@IN_PLACE
@given(hnp.arrays(np.float64, (3, 9), elements=st.floats(-180, 180)))
def test_bvh_positions_follow_from_its_rotations(tmp_path, values) -> None:
    head = ARM.split("Frames:")[0]
    rows = "\n".join(" ".join(repr(float(v)) for v in row) for row in values)
    file = sidecar(tmp_path, "a.bvh", f"{head}Frames: 3\nFrame Time: 0.01\n{rows}\n")
    track = motion(Bvh(unit=LengthUnit.m), file)
    assert track.time_base == Fraction(1, 100)
    np.testing.assert_allclose(track.positions[:, 0], values[:, :3], atol=1e-4)
    bones = np.linalg.norm(np.diff(track.positions, axis=1), axis=-1)
    np.testing.assert_allclose(bones, [[30, 20]] * 3, atol=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("HIERARCHY", "HIERACHY", "line 1"),
        ("OFFSET 30 0 0", "OFFSET 30 0", "line 8"),
        ("CHANNELS 3 Z", "CHANNELS 4 Z", "line 9"),
        ("Xposition", "Wposition", "line 5"),
        ("OFFSET 30 0 0", "OFFSET 30 nan 0", "line 8"),
        ("  }\n}\nMOTION", "  }\nMOTION", "line 15"),
        ("Frames: 2", "Frames: 3", "line 19"),
        ("Frames: 2", "Frames: many", "line 17"),
        (".03333", "0", "line 18"),
        ("0 90 0 0 90", "0 90 0 90", "line 20 (frame 1)"),
        ("0 90 0 0 90", "0 90 0 x 90", "line 20 (frame 1)"),
        ("MOTION", "", "line 17"),
    ],
)
def test_a_bvh_that_is_wrong_is_refused_with_its_line(tmp_path, old, new, at) -> None:
    assert ARM.count(old)
    refused(Bvh(), sidecar(tmp_path, "a.bvh", ARM.replace(old, new, 1)), at=at)


def test_a_frame_without_numbers_stays_a_gap(tmp_path) -> None:
    text = ARM.replace("0 100 0 90 0 0 90 0 0", " ".join(["nan"] * 9))
    track = motion(Bvh(), sidecar(tmp_path, "a.bvh", text))
    assert np.isnan(track.positions[1]).all()
    assert np.isfinite(track.positions[0]).all()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("0.0333333", Fraction(1, 30)),
        (".03333", Fraction(1, 30)),
        ("0.033367", Fraction(1001, 30000)),
        ("0.0083333", Fraction(1, 120)),
        ("0.04", Fraction(1, 25)),
        ("0.033", Fraction(33, 1000)),
        ("0.0312", Fraction(312, 10000)),
        ("0.5", Fraction(1, 2)),
    ],
)
def test_rounded_frame_times_are_the_rates_they_stand_for(written, seconds) -> None:
    assert frame_seconds(written) == seconds


# Joints


@IN_PLACE
@given(POSITIONS)
def test_joints_come_back_from_npz_and_csv(tmp_path, positions) -> None:
    path = tmp_path / "a.npz"
    names = np.array(["hip", "knee", "foot"])
    np.savez(path, positions=positions, names=names, parents=[-1, 0, 1], fps=120.0)
    track = motion(Joints(), existing(path))
    np.testing.assert_array_equal(track.positions, positions)
    assert track.skeleton.parents == (-1, 0, 1)
    assert track.time_base == Fraction(1, 120)

    head = ",".join(["time", *(f"{name}_{axis}" for name in names for axis in "xyz")])
    rows = [
        ",".join([f"{k / 10:.1f}", *(repr(float(v)) for v in row.ravel())])
        for k, row in enumerate(positions)
    ]
    reader = Joints(parents={"knee": "hip", "foot": "knee"}, unit=LengthUnit.mm)
    track = motion(reader, sidecar(tmp_path, "a.csv", "\n".join([head, *rows])))
    np.testing.assert_allclose(track.positions, positions / 1000, rtol=1e-6)
    assert track.ticks.tolist() == [k * 10**8 for k in range(len(positions))]
    assert track.skeleton.joints == ("hip", "knee", "foot")


def test_joints_of_a_real_capture() -> None:
    track = motion(Joints(up=UpAxis.z), existing(shared("fixtures/mocap/wave_hello_joints.npz")))
    assert track.positions.shape == (839, 34, 3)
    assert track.skeleton.joints[0] == "Hips"


def npz(tmp_path: Path, **arrays: object) -> object:
    np.savez(tmp_path / "a.npz", **arrays)
    return existing(tmp_path / "a.npz")


def test_joints_that_do_not_fit_are_refused(tmp_path) -> None:
    positions = np.zeros((4, 2, 3))
    refused(Joints(), npz(tmp_path, other=positions))
    refused(
        Joints(), npz(tmp_path, positions=np.zeros((4, 2)), names=["a", "b"]), "array 'positions'"
    )
    assert "names" in refused(Joints(fps=Fraction(30)), npz(tmp_path, positions=positions))
    backwards = npz(tmp_path, positions=positions, names=["a", "b"], parents=[1, -1], fps=30)
    assert "before its parent" in refused(Joints(), backwards)
    alike = npz(tmp_path, positions=positions, names=["a", "a"], parents=[-1, 0], fps=30)
    assert "two joints" in refused(Joints(), alike)
    times = npz(tmp_path, positions=positions, names=["a", "b"], parents=[-1, 0], time=[0, 2, 1, 3])
    refused(Joints(), times, at="frame 2")
    assert "neither" in refused(
        Joints(), npz(tmp_path, positions=positions, names=["a", "b"], parents=[-1, 0])
    )


# NumPy files from strangers


def test_pickles_are_never_loaded(tmp_path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    file = npz(tmp_path, positions=np.array([Evil()], object))
    assert "has no array 'positions'" in refused(Joints(), file)
    assert not (tmp_path / "ran").exists()


def test_an_array_that_says_it_is_huge_is_refused_before_it_is_made(tmp_path) -> None:
    header = io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10, 3)}
    np.lib.format.write_array_header_1_0(header, about)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as out:
        out.writestr("positions.npy", header.getvalue() + b"\0" * 64)
    assert "more than the file holds" in refused(
        Joints(), existing(tmp_path / "a.npz"), at="array 'positions'"
    )


def test_an_archive_that_unpacks_to_more_than_allowed_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("curator.align.read.arrays.DATA_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("positions.npy", bytes((1 << 20) + 1))
    assert (tmp_path / "a.npz").stat().st_size < 4096
    assert "when unpacked" in refused(Joints(), existing(tmp_path / "a.npz"))


@pytest.mark.parametrize("data", [b"", b"PK\3\4 no archive", b"\x93NUMPY"])
def test_what_is_no_numpy_file_is_refused(tmp_path, data) -> None:
    refused(Joints(), sidecar(tmp_path, "a.npz", data))
    refused(Joints(), sidecar(tmp_path, "a.npy", data), at="the array")


# AMASS


def amass(tmp_path: Path, joints: int = 52, frames: int = 4, **given: object) -> object:
    held = {
        "poses": np.full((frames, joints * 3), 0.1),
        "trans": np.arange(frames * 3.0).reshape(frames, 3),
        "betas": np.array([2.0, 0.0]),
        "mocap_framerate": 120.0,
        "gender": "neutral",
    }
    return npz(tmp_path, **{**held, **given})


@pytest.mark.parametrize("joints", [22, 24, 52, 55])
def test_a_body_without_its_model_has_rotations_and_a_pelvis(tmp_path, joints) -> None:
    track = motion(Amass(), amass(tmp_path, joints))
    assert len(set(track.skeleton.joints)) == joints
    assert track.skeleton.joints[20:22] == ("left_wrist", "right_wrist")
    assert track.skeleton.up == "z"
    assert track.time_base == Fraction(1, 120)
    assert track.rotations is not None
    np.testing.assert_allclose(
        track.rotations,
        np.broadcast_to(from_axis_angle(np.full(3, 0.1)), (4, joints, 4)),
        atol=1e-6,
    )
    np.testing.assert_array_equal(track.positions[:, 0], np.arange(12.0).reshape(4, 3))
    assert np.isnan(track.positions[:, 1:]).all()


def test_fingers_hang_from_their_wrists(tmp_path) -> None:
    skeleton = motion(Amass(), amass(tmp_path, 55)).skeleton
    above = {n: skeleton.joints[p] for n, p in zip(skeleton.joints, skeleton.parents, strict=True)}
    assert above["left_index1"] == "left_wrist"
    assert above["left_index2"] == "left_index1"
    assert above["right_thumb1"] == "right_wrist"
    assert above["jaw"] == "head"


def test_a_body_model_puts_every_joint_in_its_place(tmp_path) -> None:
    rest = np.random.default_rng(0).normal(size=(22, 3))
    model = tmp_path / "model.npz"
    # One vertex for each joint, moved along x by the first shape number.
    dirs = np.zeros((22, 3, 10))
    dirs[:, 0, 0] = 0.5
    np.savez(model, v_template=rest, shapedirs=dirs, J_regressor=np.eye(22))
    poses = np.zeros((4, 66))
    poses[1, :3] = (0, 0, np.pi / 2)
    track = motion(Amass(model=str(model)), amass(tmp_path, 22, poses=poses))
    shaped = rest + np.array([1.0, 0, 0])
    np.testing.assert_allclose(track.positions[0], shaped + np.array([0, 1, 2]), atol=1e-5)
    # A turn about the pelvis, which stays.
    turned = (shaped - shaped[0]) @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]) + shaped[0]
    np.testing.assert_allclose(track.positions[1], turned + np.array([3, 4, 5]), atol=1e-5)


def test_bodies_that_are_none_are_refused(tmp_path) -> None:
    refused(Amass(), amass(tmp_path, 30), at="array 'poses'")
    refused(Amass(), amass(tmp_path, trans=np.zeros((3, 3))), at="array 'trans'")
    refused(Amass(), npz(tmp_path, poses=np.zeros((3, 66)), trans=np.zeros((3, 3))))
    sparse = tmp_path / "model.npz"
    np.savez(sparse, v_template=np.zeros((4, 3)))
    with pytest.raises(SourceError, match=r"^model.npz: has no array"):
        Amass(model=str(sparse)).read(amass(tmp_path))


# C3D and TRC


def c3d(path: Path, positions: np.ndarray, unit: str = "mm") -> Path:
    """``(n, markers, 3)``, NaN where a marker was not seen."""
    made = ezc3d.c3d()
    names = [f"m{k}" for k in range(positions.shape[1])]
    made["parameters"]["POINT"]["RATE"]["value"] = [100]
    made["parameters"]["POINT"]["LABELS"]["value"] = names
    made["parameters"]["POINT"]["UNITS"]["value"] = [unit]
    made["parameters"]["ANALOG"]["RATE"]["value"] = [1000]
    made["parameters"]["ANALOG"]["LABELS"]["value"] = ["force"]
    made["parameters"]["ANALOG"]["UNITS"]["value"] = ["N"]
    points = np.ones((4, positions.shape[1], len(positions)))
    points[:3] = positions.transpose(2, 1, 0)
    made["data"]["points"] = points
    made["data"]["analogs"] = np.arange(len(positions) * 10.0)[None, None]
    made.write(str(path))
    return path


def test_c3d_markers_are_metres_and_gaps_stay_gaps(tmp_path) -> None:
    positions = np.random.default_rng(0).uniform(-900, 900, (20, 3, 3))
    positions[4, 1] = np.nan
    tracks = C3d().read(existing(c3d(tmp_path / "a.c3d", positions)))
    markers, analog = tracks["markers"], tracks["analog"]
    assert isinstance(markers, MotionTrack)
    assert isinstance(analog, NumberTrack)
    np.testing.assert_allclose(markers.positions, positions / 1000, atol=1e-5)
    assert np.isnan(markers.positions[4, 1]).all()
    assert markers.skeleton.joints == ("m0", "m1", "m2")
    assert markers.skeleton.parents == (-1, -1, -1)
    assert markers.time_base == Fraction(1, 100)
    assert (analog.fields, analog.units) == (("force",), ("N",))
    assert analog.series.time_base == Fraction(1, 1000)
    assert analog.series.values[:3, 0].tolist() == [0, 1, 2]


def test_c3d_that_cannot_be_read_is_refused(tmp_path) -> None:
    path = c3d(tmp_path / "a.c3d", np.zeros((3, 2, 3)), unit="feet")
    refused(C3d(), existing(path), at="POINT:UNITS")
    assert C3d(unit=LengthUnit.m).read(existing(path))
    refused(C3d(), sidecar(tmp_path, "b.c3d", path.read_bytes()[:600]))
    refused(C3d(), sidecar(tmp_path, "c.c3d", b"no markers at all"))


TRC = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "60\t60\t3\t2\tmm\t60\t1\t3\n"
    "Frame#\tTime\thead\t\t\tfoot\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
    "\n"
    "1\t0.000\t1\t2\t3\t4\t5\t6\n"
    "2\t0.017\t1\t2\t3\t\t\t\t\n"
    "3\t0.033\t1500\t2\t3\t4\t5\t6\n"
)


def test_trc_markers_are_metres_and_empty_cells_gaps(tmp_path) -> None:
    track = motion(Trc(), sidecar(tmp_path, "a.trc", TRC))
    assert track.skeleton.joints == ("head", "foot")
    assert track.seconds.tolist() == pytest.approx([0, 0.017, 0.033])
    assert track.positions[2, 0].tolist() == pytest.approx([1.5, 0.002, 0.003])
    assert np.isnan(track.positions[1, 1]).all()


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("PathFileType", "Path", "line 1"),
        ("\tmm\t", "\tfurlong\t", "line 3"),
        ("1500", "15OO", "line 9"),
        ("0.033\t", "0.010\t", "frame 2"),
        ("4\t5\t6\n2", "4\t5\t6\t7\n2", "line 7"),
    ],
)
def test_a_trc_that_is_wrong_is_refused_with_its_line(tmp_path, old, new, at) -> None:
    assert TRC.count(old)
    refused(Trc(), sidecar(tmp_path, "a.trc", TRC.replace(old, new, 1)), at=at)
