"""Tracks beside a video, from the recipe to the release: read, measured, repaired, cut, with their proof."""

from __future__ import annotations

import dataclasses
import io
import json
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest

from curator.engine.inspect import preview
from curator.engine.progress import Silent
from curator.release.build import BuildResult, build
from curator.release.explain import explain
from curator.release.materialize import materialize
from curator.release.read import open_release
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.beeps import find_beeps, make_beeps, measure_file
from curator.testing.footage import make_video, pan, read_number, silence, sound_samples, tone
from tests.footage import shared

pytestmark = pytest.mark.slow

FPS = Fraction(25)
RATE = 48_000
LATE_SECONDS = 0.31
BURSTS = [0.4, 0.9, 0.25, 0.7, 0.15, 1.1, 0.5, 0.3, 0.8, 0.2, 0.6, 0.45, 0.95, 0.35, 0.75, 0.55]


def sounds(seconds: float = 9.0) -> list[Any]:
    """Bursts and pauses without a rhythm."""
    out, total = [], 0.0
    while total < seconds:
        length = min(BURSTS[len(out) % len(BURSTS)], seconds - total)
        out.append(tone(length, 300 + 40 * len(out)) if len(out) % 2 else silence(length))
        total += length
    return out


def write_wav(path: Path, samples: npt.NDArray[np.float32]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take with a camera's sound, a boom that is 0.31 s late, and a second camera that began 0.4 s before."""
    root = tmp_path_factory.mktemp("takes")
    make_video(root / "take.mp4", [pan(9, seed=1)], fps=FPS, audio=sounds())
    heard = sound_samples(sounds(), RATE)
    late = np.concatenate([np.zeros(round(LATE_SECONDS * RATE), np.float32), heard])
    write_wav(root / "take.wav", late.astype(np.float32))
    make_video(root / "take.left.mkv", [pan(10, seed=2)], fps=FPS)
    return root


def recipe(folder: Path, **changes: Any) -> Recipe:
    document: dict[str, Any] = {
        "name": "takes",
        "target": "test",
        "sources": {
            "takes": {
                "url": str(folder / "take.mp4"),
                "license": "CC0-1.0",
                "sidecars": {"boom": "{stem}.wav", "left": "{stem}.left.mkv"},
                "read": {"left": {"clock": {"offset_seconds": 0.4}}},
            }
        },
        "segment": {"seconds": {"min": 2, "max": 4, "trim": 0.1}},
        "align": {"boom": {"op": "envelope", "max_offset_seconds": 0.5}},
        "sample": {
            "video": {"height": 90, "crf": 10},
            "audio": {"of": "sidecar.boom"},
            "videos": {"left": {"of": "sidecar.left", "height": 90, "crf": 10}},
        },
    }
    return compile_recipe(document | changes)


def settings(root: Path, workers: int = 1) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=workers),
        store=StoreSpec(root=str(root / "store")),
    )


def built(root: Path, wanted: Recipe) -> BuildResult:
    (result,) = build([wanted], settings(root), Silent())
    return result


def rows(result: BuildResult) -> list[dict[str, Any]]:
    table = pq.read_table(result.release.folder / "data")
    found: list[dict[str, Any]] = sorted(table.to_pylist(), key=lambda row: row["start_seconds"])
    return found


def decoded_audio(data: bytes) -> npt.NDArray[np.float32]:
    with av.open(io.BytesIO(data)) as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(parts, axis=1)[0].astype(np.float32) / 32768


def first_number(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as container:
        frame = next(container.decode(video=0))
        number = read_number(frame.to_ndarray(format="gray"))
    assert number is not None
    return number


@pytest.fixture(scope="module")
def result(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    return built(tmp_path_factory.mktemp("built"), recipe(folder))


def test_an_offset_is_measured_repaired_and_proven(result: BuildResult):
    found = rows(result)
    assert len(found) >= 2
    for row in found:
        assert row["sync.boom.offset_seconds"] == pytest.approx(LATE_SECONDS, abs=0.002)
        assert row["sync.boom.shift_seconds"] == row["sync.boom.offset_seconds"]
        assert abs(row["sync.boom.offset_after_seconds"]) < 0.002


def test_the_repaired_sound_is_the_video_s_own(result: BuildResult):
    heard = sound_samples(sounds(), RATE)
    for row in rows(result):
        start = round(row["start_seconds"] * RATE)
        got = decoded_audio(row["audio"]["bytes"])
        own = heard[start : start + len(got)]
        lags = range(-96, 97)
        best = max(lags, key=lambda lag: float(np.dot(np.roll(got, lag)[200:-200], own[200:-200])))
        assert abs(best) <= 48, "within a millisecond"


def test_a_second_camera_is_cut_at_the_same_instant(result: BuildResult):
    for row in rows(result):
        own, left = (first_number(row[name]["bytes"]) for name in ("video", "video.left"))
        assert own == round(row["start_seconds"] * FPS)
        assert left == own + 10, "0.4 s at 25 frames per second"


def test_the_next_build_and_preview_find_all_of_it(folder: Path, tmp_path: Path):
    first = built(tmp_path, recipe(folder))
    again = built(tmp_path, recipe(folder))
    assert again.frames_decoded == 0
    assert again.release.digest == first.release.digest
    said = preview(recipe(folder), settings(tmp_path))
    assert said.clips == dict(first.clips)


def test_what_is_too_far_off_is_dropped_with_its_reason(folder: Path, tmp_path: Path):
    strict = recipe(
        folder,
        align={"boom": {"op": "envelope", "max_offset_seconds": 0.2, "search_seconds": 0.5}},
    )
    result = built(tmp_path, strict)
    assert result.clips["kept"] == 0
    metrics = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    clips = [row for row in metrics if row["unit"] == "clip"]
    assert {row["reason"] for row in clips} == {"boom:out-of-sync"}
    assert all(row["margin"] == pytest.approx(0.2 - LATE_SECONDS, abs=0.002) for row in clips)
    step = next(step for step in result.funnel if step.name == "align.boom")
    assert step.clips_out == 0
    told = explain("take.mp4@3", settings(tmp_path), strict)
    (check,) = [c for c in told.explanations[0].checks if c.name == "align.boom"]
    assert check.said == "fails"


def test_a_kept_clip_out_of_sync_still_carries_the_proof(folder: Path, tmp_path: Path):
    lenient = recipe(
        folder,
        align={
            "boom": {
                "op": "envelope",
                "max_offset_seconds": 0.2,
                "search_seconds": 0.5,
                "otherwise": "keep",
            }
        },
    )
    found = rows(built(tmp_path, lenient))
    assert found
    assert all(row["sync.boom.shift_seconds"] == 0 for row in found)


def test_a_missing_sidecar_is_absent_and_no_failure(folder: Path, tmp_path: Path):
    wanted = recipe(folder)
    source = dataclasses.replace(wanted.sources["takes"], sidecars={"boom": "{stem}.none"})
    alone = dataclasses.replace(wanted, sources={"takes": source})
    result = built(tmp_path, alone)
    assert result.videos == {"ok": 1, "failed": 0}
    metrics = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    assert {row["reason"] for row in metrics if row["unit"] == "clip"} == {"boom:absent"}


@pytest.mark.parametrize("late", [Fraction(1, 5), Fraction(-3, 20)])
def test_a_video_s_own_sound_is_moved(late: Fraction, tmp_path: Path):
    path = tmp_path / "beeps.mp4"
    make_beeps(path, offset=late, fps=FPS)
    wanted = compile_recipe(
        {
            "name": "own",
            "target": "test",
            "sources": {"takes": {"url": str(path), "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 4, "max": 12}},
            "align": {"audio": {"op": "onsets", "max_offset_seconds": 0.3}},
            "sample": {"video": {"crf": 10}, "audio": {"mono": True}},
        }
    )
    (row,) = rows(built(tmp_path, wanted))
    assert row["sync.audio.offset_seconds"] == pytest.approx(float(late), abs=0.02)
    assert abs(row["sync.audio.offset_after_seconds"]) < 0.02
    seen = measure_file(row["video"]["bytes"]).flashes
    beeps = find_beeps(decoded_audio(row["audio"]["bytes"]), RATE)
    assert len(seen) >= 3
    for flash in seen:
        assert min(abs(beep - flash) for beep in beeps) < 0.02, "half a frame"


def test_the_manifest_says_what_was_aligned(result: BuildResult):
    lock = json.loads((result.release.folder / "build.lock.json").read_text())
    assert lock["plan"]["align"]["boom"]["op"] == "envelope"


def test_motion_capture_is_brought_to_its_video(tmp_path: Path):
    """Real captures drawn as stick figures; one begins 0.4 s after its video, and the skeletons differ."""
    captures = shared("fixtures/mocap")
    lines = [
        {"url": f"{captures}/{name}_render.mp4", "sidecar.mocap": f"{captures}/{name}.bvh"}
        for name in ("jumping_jacks", "wave_hello")
    ]
    (tmp_path / "takes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    wanted = compile_recipe(
        {
            "name": "mocap",
            "target": "motion",
            "sources": {"takes": {"url": str(tmp_path / "takes.jsonl"), "license": "MIT"}},
            "segment": {"seconds": {"min": 2, "max": 20}},
            "align": {"mocap": {"op": "activity", "max_offset_seconds": 1.5, "min_confidence": 2}},
            "sample": {"audio": None, "tracks": {"motion": {"of": "sidecar.mocap", "fps": 30}}},
        }
    )
    found = {Path(row["url"]).stem: row for row in rows(built(tmp_path, wanted))}
    jacks, wave = found["jumping_jacks_render"], found["wave_hello_render"]
    assert abs(jacks["sync.mocap.offset_seconds"]) < 1 / 25
    assert wave["sync.mocap.offset_seconds"] == pytest.approx(-0.4, abs=1 / 30)
    assert abs(wave["sync.mocap.offset_after_seconds"]) < 0.5 / 30
    assert len(jacks["tracks.motion"]["positions"][0]) == len(jacks["fields.motion"])
    assert jacks["fields.motion"] != wave["fields.motion"]
    # The capture begins 0.4 s into the video, so nothing is made up before it.
    assert wave["tracks.motion"]["seconds"][0] == 0
    assert np.all(np.isnan(np.array(wave["tracks.motion"]["positions"][:10], np.float64)))


def test_a_virtual_release_is_cut_by_the_clocks_that_were_measured(
    folder: Path, tmp_path: Path
) -> None:
    made = {}
    for clips in ("virtual", "encoded"):
        wanted = recipe(folder, pack={"clips": clips, "layout": "files"})
        made[clips] = built(tmp_path / clips, wanted).release
    release = open_release(made["virtual"].folder)
    assert release.manifest["samples"]
    sources = [str(folder), f"{folder}/*.wav"]
    done = materialize(release, sources, tmp_path / "whole", engine=EngineSpec(workers=1))
    assert done.digest == made["encoded"].digest
