"""What an installation brings: pins, extras, entry points, and footage with its rights."""

import csv
import hashlib
import json
import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import av
import pytest

from curator.registry import load_measure, load_shots, measures, shot_detectors

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [
    line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
]
FOOTAGE = ROOT / "tests/data/footage"
VIDEOS = sorted(p for p in FOOTAGE.iterdir() if p.suffix in {".mp4", ".webm", ".mkv"})


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def test_constraints_are_exact_versions_and_nothing_else():
    assert len(PINS) > 80
    for line in PINS:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line
    names = [name_of(line) for line in PINS]
    assert len(set(names)) == len(names)


def test_every_declared_dependency_is_pinned():
    pinned = {name_of(line) for line in PINS}
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    declared = {name_of(one) for group in groups for one in group} - {"curator-build"}
    assert len(declared) > 20
    assert declared <= pinned


def test_no_cuda_package_comes_along():
    assert not [line for line in PINS if re.match(r"(nvidia|triton|cuda)", line)]
    assert {"torch==2.13.0", "torchvision==0.28.0"} <= set(PINS), "left free they bring CUDA"


def test_only_one_opencv_is_installed():
    assert [line.split("==")[0] for line in PINS if "opencv" in line] == ["opencv-python-headless"]


def test_all_is_every_extra_but_that_of_the_tests():
    extras = PROJECT["optional-dependencies"]
    [everything] = extras["all"]
    named = set(everything.removeprefix("curator-build[").removesuffix("]").split(","))
    assert named == set(extras) - {"all", "test"}


@pytest.mark.parametrize("op", sorted(measures()))
def test_a_measure_is_registered_under_its_own_name(op):
    assert load_measure(op).name == op


@pytest.mark.parametrize("op", sorted(shot_detectors()))
def test_a_shot_detector_is_registered_under_its_own_name(op):
    assert load_shots(op).name == op


def of_this_project(point: EntryPoint) -> bool:
    return point.dist is not None and name_of(point.dist.name) == PROJECT["name"]


def test_the_installed_operators_are_the_declared_ones():
    """Fails after a change of pyproject.toml until the project is installed again."""
    points = PROJECT["entry-points"]
    for group, found in (("measures", measures()), ("shots", shot_detectors())):
        ours = {op for op, point in found.items() if of_this_project(point)}
        assert ours == set(points[f"curator.{group}"])


# --- footage


def test_the_manifest_names_every_video_with_its_rights():
    with (FOOTAGE / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["url"] for row in rows] == [path.name for path in VIDEOS]
    assert len(rows) >= 10
    for row in rows:
        for one in row["license"].split(" AND "):
            assert re.fullmatch(r"CC-BY-[34]\.0|CC-BY-SA-4\.0|CC0-1\.0|Apache-2\.0", one), row
        assert row["attribution"]


def test_every_video_is_the_one_that_the_attribution_speaks_of():
    text = (FOOTAGE / "ATTRIBUTION.md").read_text()
    for path in VIDEOS:
        [line] = [line for line in text.splitlines() if line.startswith(f"| `{path.name}`")]
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:16] in line, path.name


def test_the_footage_is_small_enough_for_a_repository():
    assert sum(path.stat().st_size for path in FOOTAGE.iterdir()) <= 25 * 10**6


def test_the_ground_truth_of_the_demo_film_tiles_it():
    truth = json.loads((FOOTAGE / "demo_film.gt.json").read_text())
    with av.open(FOOTAGE / "demo_film.mp4") as film:
        times = sorted(packet.pts for packet in film.demux(video=0) if packet.pts is not None)
    assert len(times) == truth["n_frames"]
    assert {one["label"] for one in truth["segments"]} == {"avatar", "reject"}
    at = 0
    for one in truth["segments"]:
        assert one["start"] <= at + 12, "a gap that no fade explains"
        assert one["start"] <= one["clean_start"] < one["clean_end"] <= one["end"]
        at = one["end"]
    assert at == truth["n_frames"]
