"""What `make demo` builds, held against what is known about its footage."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
FOOTAGE = ROOT / "tests/data/footage"

pytestmark = pytest.mark.slow


def build(folder: Path, *words: str) -> dict[str, Any]:
    """The facts that a build of the demo prints last."""
    command = [sys.executable, "-m", "curator", "build", "recipe=avatar"]
    command += ["sources.films.url=tests/data/footage/manifest.csv", *words]
    command += [f"out={folder}/releases", f"store.root={folder}/store", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(folder):
    return build(folder)


@pytest.fixture(scope="module")
def metrics(first):
    return pq.read_table(Path(first["release"]) / "metrics.parquet").to_pylist()


def of(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [row for row in rows if Path(row["video"]).name == name]


def kept_frames(rows: list[dict[str, Any]], fps: int) -> set[int]:
    spans = [(row["start_seconds"], row["end_seconds"]) for row in rows if row["verdict"] == "kept"]
    return {k for a, b in spans for k in range(round(a * fps), round(b * fps))}


def wanted_frames(truth: dict[str, Any]) -> Iterator[int]:
    for one in truth["segments"]:
        if one["label"] == "avatar":
            yield from range(one["clean_start"], one["clean_end"])


def test_every_video_is_read_and_every_second_has_a_verdict(first, metrics):
    videos = sorted(p.name for p in FOOTAGE.iterdir() if p.suffix in {".mp4", ".webm", ".mkv"})
    assert first["videos"] == {"ok": len(videos), "failed": 0}
    for name in videos:
        rows = sorted(of(metrics, name), key=lambda row: row["start_seconds"])
        assert rows, name
        assert rows[0]["start_seconds"] == 0
        for before, after in pairwise(rows):
            assert before["end_seconds"] == after["start_seconds"]
        assert {row["verdict"] for row in rows} <= {"kept", "dropped"}


def test_the_talking_head_is_found_in_the_film_and_little_else(metrics):
    truth = json.loads((FOOTAGE / "demo_film.gt.json").read_text())
    wanted = set(wanted_frames(truth))
    kept = kept_frames(of(metrics, "demo_film.mp4"), truth["fps"])
    right = len(kept & wanted)
    print(f"demo film: precision {right / len(kept):.3f}, recall {right / len(wanted):.3f}")
    assert right / len(kept) >= 0.9
    assert right / len(wanted) >= 0.5


def test_only_the_talking_head_and_the_film_give_clips(metrics):
    kept = {Path(row["video"]).name for row in metrics if row["verdict"] == "kept"}
    assert kept == {"demo_film.mp4", "talk_f_01_hdtf.mp4"}


def test_a_muted_speaker_is_dropped_for_having_no_voice(metrics):
    [reasons] = [{row["reason"].split(":")[0] for row in of(metrics, "talk_silent.mp4")}]
    assert reasons & {"voice", "size"}


def test_licence_and_attribution_reach_the_release(metrics):
    for row in metrics:
        assert row["license"]
        assert row["attribution"]


def test_building_again_decodes_nothing_and_gives_the_same(first, folder):
    again = build(folder)
    assert again["frames_decoded"] == 0
    assert again["digest"] == first["digest"]
