"""The tables of trainers, each against what its documentation says it reads."""

from __future__ import annotations

import csv
import json
import math
import tomllib
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from curator.convert.convert import convert
from curator.convert.tables import _duration
from tests.loading import RAMP, Shape

IDS = [f"{n:016x}" for n in range(2)]
CAPTIONS = ["word 0 word 1/5", "word 0 word 1/5 word 2/5"]
SHAPES = [Shape(frames=10), Shape(frames=15, width=96)]


@pytest.fixture
def made(make):
    return make(SHAPES)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def videos(folder: Path, *, inside: str = "videos") -> list[str]:
    return sorted(path.name for path in (folder / inside).glob("*.mp4"))


def test_finetrainers(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="finetrainers").folder
    assert lines(folder / "prompts.txt") == CAPTIONS
    paths = lines(folder / "videos.txt")
    assert paths == [f"videos/{one}.mp4" for one in IDS]
    assert all((folder / path).is_file() for path in paths)


def test_musubi(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="musubi").folder
    config = tomllib.loads((folder / "dataset.toml").read_text())
    [dataset] = config["datasets"]
    assert config["general"]["resolution"] == [64, 48]
    assert dataset["target_frames"] == [
        5
    ]  # N * 4 + 1, of the 6 that Wan's 16 fps leave of 10 at 25
    assert dataset["source_fps"] == 25.0
    assert Path(dataset["cache_directory"]).parent == folder
    rows = [json.loads(line) for line in lines(Path(dataset["video_jsonl_file"]))]
    assert [row["caption"] for row in rows] == CAPTIONS
    assert all(Path(row["video_path"]).is_absolute() for row in rows)
    assert all(Path(row["video_path"]).is_file() for row in rows)


def test_diffusion_pipe(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="diffusion-pipe").folder
    config = tomllib.loads((folder / "dataset.toml").read_text())
    [directory] = config["directory"]
    place = Path(directory["path"])
    assert videos(place, inside=".") == [f"{one}.mp4" for one in IDS]
    assert [lines(place / f"{one}.txt") for one in IDS] == [[text] for text in CAPTIONS]
    assert config["resolutions"] == [48]
    assert config["frame_buckets"] == [1]


def test_ltx(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="ltx").folder
    rows = [json.loads(line) for line in lines(folder / "dataset.jsonl")]
    assert [list(row) for row in rows] == [["caption", "video", "audio"]] * 2
    for row in rows:
        assert (folder / row["video"]).read_bytes()[4:8] == b"ftyp"
    for row, shape in zip(rows, SHAPES, strict=True):
        with wave.open(str(folder / row["audio"])) as sound:
            assert (sound.getframerate(), sound.getnframes()) == (shape.rate, shape.num_samples)
            values = np.frombuffer(sound.readframes(shape.num_samples), "<i2")
        assert (values == np.arange(shape.num_samples) % RAMP).all()


def test_ltx_has_no_column_of_sound_where_a_clip_has_none(make, tmp_path: Path) -> None:
    made = make([Shape(frames=10), Shape(frames=10, sound=False)])
    folder = convert(made, tmp_path / "set", to="ltx").folder
    rows = [json.loads(line) for line in lines(folder / "dataset.jsonl")]
    assert [list(row) for row in rows] == [["caption", "video"]] * 2
    assert not (folder / "audio").exists()


def test_open_sora(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="open-sora").folder
    with (folder / "dataset.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "path", "text", "num_frames", "height", "width", "aspect_ratio", "resolution", "fps",
    ]  # fmt: skip
    assert [Path(row["path"]) for row in rows] == [folder / f"videos/{one}.mp4" for one in IDS]
    assert [row["num_frames"] for row in rows] == ["10", "15"]
    assert [float(row["aspect_ratio"]) for row in rows] == [0.75, 0.5]
    assert [row["resolution"] for row in rows] == ["3072", "4608"]


def test_diffsynth(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="diffsynth").folder
    with (folder / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["prompt"] for row in rows] == CAPTIONS
    assert all((folder / row["video"]).is_file() for row in rows)


def test_fastvideo(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="fastvideo").folder
    [merge] = lines(folder / "merge.txt")
    place, table = merge.split(",")
    rows = json.loads(Path(table).read_text())
    assert [row["cap"] for row in rows] == [[text] for text in CAPTIONS]
    assert rows[1]["resolution"] == {"width": 96, "height": 48}
    assert rows[1]["duration"] == pytest.approx(0.6)
    assert all((Path(place) / row["path"]).is_file() for row in rows)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_fastvideo_counts_the_frames_that_there_are(fps: Fraction) -> None:
    for frames in range(1, 2000):
        assert math.ceil(float(fps) * _duration(frames, float(fps))) == frames


def test_videox_fun(made, tmp_path: Path) -> None:
    folder = convert(made, tmp_path / "set", to="videox-fun").folder
    rows = json.loads((folder / "metadata.json").read_text())
    assert rows[1] == {
        "file_path": f"videos/{IDS[1]}.mp4",
        "text": CAPTIONS[1],
        "type": "video",
        "width": 96,
        "height": 48,
    }
    assert (folder / rows[1]["file_path"]).is_file()


def test_captions_with_commas_and_quotes_stay_one_cell(make, tmp_path: Path) -> None:
    made = make([Shape(frames=10, tracks=False)])
    text = 'He said: "no, never", and left; ünï'
    (made.folder / "build.lock.json").write_text(json.dumps({"recipe": {"description": text}}))
    folder = convert(made, tmp_path / "set", to="diffsynth").folder
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        assert [row["prompt"] for row in csv.DictReader(file)] == [text]
