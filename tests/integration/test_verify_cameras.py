"""A real release with two more cameras, and faults planted in them: each must be found and named."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curator.engine.progress import Silent
from curator.release.build import build
from curator.release.manifest import VERSION_CHARS, content_digest, describe
from curator.release.materialize import materialize
from curator.release.read import NOT_CONTENT, open_release
from curator.release.verify import Fault, verify
from curator.spec.compile import compile_recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.footage import make_video, pan

pytestmark = pytest.mark.slow

Rows = list[dict[str, Any]]
LATE = Fraction(413, 1000)
"""Of the left camera's clock, at 25 fps: its frames lie between those of the main one."""


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The left camera has the main one's rate and began before it; the right one has another rate and size."""
    root = tmp_path_factory.mktemp("takes")
    for name, seed in (("a", 1), ("b", 11)):
        make_video(root / f"{name}.mp4", [pan(8, seed=seed)], fps=Fraction(25))
        make_video(root / f"{name}.left.mkv", [pan(10, seed=seed + 1)], fps=Fraction(25))
        make_video(
            root / f"{name}.right.mp4",
            [pan(9, seed=seed + 2)],
            fps=Fraction(30000, 1001),
            size=(240, 180),
        )
    return root


def built(takes: Path, root: Path, **changes: Any) -> Path:
    recipe = compile_recipe(
        {
            "name": "cameras",
            "target": "test",
            "sources": {
                "takes": {
                    "url": f"{takes}/[ab].mp4",
                    "license": "CC0-1.0",
                    "sidecars": {"left": "{stem}.left.mkv", "right": "{stem}.right.mp4"},
                    "read": {"left": {"clock": {"offset_seconds": float(LATE)}}},
                }
            },
            "segment": {"seconds": {"min": 2, "max": 4, "trim": 0.1}},
            "sample": {
                "audio": None,
                "video": {"height": 120},
                "videos": {
                    "left": {"of": "sidecar.left", "height": 120},
                    "right": {"of": "sidecar.right", "height": 120, "fps": 20},
                },
            },
            **changes,
        }
    )
    settings = Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )
    (result,) = build([recipe], settings, Silent())
    return result.release.folder


@pytest.fixture(scope="module")
def whole(takes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(takes, tmp_path_factory.mktemp("release"))


@pytest.fixture
def release(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "release"))


def change(release: Path, edit: Callable[[Rows], None]) -> None:
    """Let `edit` have the rows, and sign the release anew, so that no digest gives it away."""
    (path,) = release.glob("data/*.parquet")
    schema, rows = pq.read_schema(path), pq.read_table(path).to_pylist()
    edit(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    told = json.loads((release / "manifest.json").read_text())
    told["files"] = describe(release, told["files"])
    content = {name: one for name, one in told["files"].items() if name not in NOT_CONTENT}
    told["digest"] = content_digest(told["name"], content)
    told["version"] = told["digest"][:VERSION_CHARS]
    (release / "manifest.json").write_text(json.dumps(told))


def found(release: Path, *, sources: bool = False) -> list[Fault]:
    return list(verify(release, sources=sources).faults)


def pictures(data: bytes) -> tuple[list[Any], list[Fraction]]:
    with av.open(io.BytesIO(data)) as source:
        frames = list(source.decode(video=0))
    return [f.to_ndarray(format="yuv420p") for f in frames], [f.pts * f.time_base for f in frames]


def encoded(frames: list[Any], times: list[Fraction]) -> bytes:
    """Other pictures at the same times, in a file that is whole."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", container_options={"movie_timescale": "90000"}) as sink:
        stream = sink.add_stream("libx264", rate=25, options={"crf": "1", "preset": "ultrafast"})
        stream.height, stream.width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 90000)
        stream.codec_context.time_base = Fraction(1, 90000)
        steps = [b - a for a, b in pairwise(times)]
        for picture, time, step in zip(frames, times, [*steps, steps[-1]], strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "yuv420p")
            frame.time_base, frame.pts = Fraction(1, 90000), round(time * 90000)
            frame.duration = round(step * 90000)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return out.getvalue()


def moved(data: bytes, frames: int) -> bytes:
    """What the camera shows comes `frames` earlier; the last picture stays for as many."""
    held, times = pictures(data)
    if frames < 0:
        return encoded([held[0]] * -frames + held[:frames], times)
    return encoded(held[frames:] + [held[-1]] * frames, times)


def test_a_release_with_cameras_is_sound(whole: Path) -> None:
    told = verify(whole, sources=True)
    assert told.faults == ()
    assert told.samples >= 4
    assert (told.sources_compared, told.cameras_compared) == (told.samples, 2 * told.samples)
    assert told.sources_skipped == {}
    assert any(f"{2 * told.samples} of other cameras" in line for line in told.lines())


def test_the_manifest_says_what_each_camera_was_cut_from(whole: Path, takes: Path) -> None:
    for one in json.loads((whole / "manifest.json").read_text())["samples"].values():
        left = one["cameras"]["left"]
        assert Fraction(left["start"]) == Fraction(one["start"]) + LATE
        assert Path(left["url"]).name in {"a.left.mkv", "b.left.mkv"}
        assert one["cameras"]["right"]["start"] == one["start"]


@pytest.mark.parametrize(
    ("column", "frames", "early_ms"),
    [("video.left", 1, 40), ("video.left", 7, 280), ("video.left", -3, -120), ("video.right", 4, 200)],
)  # fmt: skip
def test_a_camera_that_shows_other_instants_is_found_and_the_skew_is_named(
    release: Path, column: str, frames: int, early_ms: int
) -> None:
    def plant(rows: Rows) -> None:
        rows[0][column]["bytes"] = moved(rows[0][column]["bytes"], frames)

    change(release, plant)
    assert found(release) == [], "all counts and times are right"
    (fault,) = found(release, sources=True)
    # What stands still at the beginning has the right first picture.
    assert (fault.reason, fault.kind) == ("first-frame" if frames > 0 else "last-frame", "source")
    assert fault.what.startswith(f"{column}: ")
    side = "early" if early_ms > 0 else "late"
    said = fault.what.partition("everything is shown ")[2]
    assert said.split()[2] == side
    assert float(said.split()[0]) == pytest.approx(abs(early_ms), abs=34)


def swap_cameras(rows: Rows) -> None:
    """Left and right of one sample change places, at their own times and sizes."""
    left, right = rows[0]["video.left"], rows[0]["video.right"]
    left["bytes"], right["bytes"] = right["bytes"], left["bytes"]


def same_shape(rows: Rows) -> None:
    """The left camera shows the main one's pictures."""
    frames, times = pictures(rows[0]["video.left"]["bytes"])
    own, _ = pictures(rows[0]["video"]["bytes"])
    rows[0]["video.left"]["bytes"] = encoded([own[min(k, len(own) - 1)] for k in range(len(frames))], times)  # fmt: skip


def another_sample(rows: Rows) -> None:
    """The same camera at another time."""
    rows[0]["video.left"]["bytes"] = rows[1]["video.left"]["bytes"]


def truncated(rows: Rows) -> None:
    frames, times = pictures(rows[0]["video.left"]["bytes"])
    rows[0]["video.left"]["bytes"] = encoded(frames[:-3], times[:-3])


def truncated_by_one(rows: Rows) -> None:
    frames, times = pictures(rows[0]["video.left"]["bytes"])
    rows[0]["video.left"]["bytes"] = encoded(frames[:-1], times[:-1])


def truncated_bytes(rows: Rows) -> None:
    rows[0]["video.right"]["bytes"] = rows[0]["video.right"]["bytes"][:-2000]


def late_start(rows: Rows) -> None:
    frames, times = pictures(rows[0]["video.left"]["bytes"])
    rows[0]["video.left"]["bytes"] = encoded(frames, [time + Fraction(1, 5) for time in times])


def dropped_at_a_constant_rate(rows: Rows) -> None:
    frames, times = pictures(rows[0]["video.right"]["bytes"])
    rows[0]["video.right"]["bytes"] = encoded(frames[:30] + frames[31:], times[:30] + times[31:])


def no_camera(rows: Rows) -> None:
    rows[0]["video.left"] = None


def named_as_another(rows: Rows) -> None:
    rows[0]["video.left"]["path"] = rows[0]["video.right"]["path"]


FAULTS: dict[Callable[[Rows], None], tuple[bool, str, str]] = {
    swap_cameras: (True, "other-camera", "video.left: the first picture is that of video.right"),
    same_shape: (True, "other-camera", "video.left: the first picture is that of video ("),
    another_sample: (True, "first-frame", "video.left: the first picture is"),
    truncated: (False, "duration", "video.left: pictures last"),
    truncated_by_one: (True, "num-frames", "video.left: "),
    truncated_bytes: (False, "num-frames", "video.right: "),
    late_start: (False, "video-start", "video.left: the first picture is shown at 0.2"),
    dropped_at_a_constant_rate: (False, "picture-times", "video.right: a picture is missing"),
    no_camera: (False, "media-missing", "video.left"),
    named_as_another: (False, "media-path", "video.left is the file of another sample"),
}
"""Whether the sources are needed, and what must be said."""


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_fault_of_a_camera_is_found_and_named(
    release: Path, plant: Callable[[Rows], None]
) -> None:
    (path,) = release.glob("data/*.parquet")
    first = pq.read_table(path).to_pylist()[0]["id"]
    change(release, plant)
    needs, reason, what = FAULTS[plant]
    if needs:
        assert reason not in {fault.reason for fault in found(release)}
    faults = found(release, sources=needs)
    said = [fault for fault in faults if fault.reason == reason]
    assert any(what in fault.what for fault in said), faults
    assert {fault.sample for fault in faults} == {first}


def test_a_camera_whose_file_changed_or_went_is_told_apart(
    takes: Path, release: Path, tmp_path: Path
) -> None:
    path = release / "manifest.json"
    told = json.loads(path.read_text())
    first, second, *rest = told["samples"].values()
    first["cameras"]["left"]["url"] = str(tmp_path / "gone.mkv")
    second["cameras"]["left"]["url"] = str(takes / "a.mp4")
    for one in rest:
        del one["cameras"]["left"]
    path.write_text(json.dumps(told))
    said = verify(release, sources=True)
    assert [fault.reason for fault in said.faults] == ["source-changed"]
    assert said.faults[0].what.startswith("video.left: a.mp4 is another file")
    assert said.sources_skipped == {
        "video.left: the source is not where it was": 1,
        "video.left: the source has changed": 1,
        "video.left: the release does not say what it was cut from": len(rest),
    }
    assert said.cameras_compared == said.samples


def test_a_virtual_release_that_was_cut_is_checked_as_well(takes: Path, tmp_path: Path) -> None:
    virtual = built(takes, tmp_path, pack={"clips": "virtual"})
    assert found(virtual, sources=True) == []
    done = materialize(
        open_release(virtual), [str(takes)], tmp_path / "cut", engine=EngineSpec(workers=1)
    )
    told = verify(done.folder, sources=True)
    assert told.faults == ()
    assert told.cameras_compared == 2 * told.samples
