"""WebDataset files, read by `webdataset` and by `datasets`."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import av
import pytest

from curator.convert.clips import Clips
from curator.convert.convert import convert
from curator.convert.webdataset import write_webdataset
from tests.loading import Shape

SHAPES = [Shape(frames=10 + n, sound=n != 0, tracks=n != 1) for n in range(8)]


# webdataset 1.0 leaves the last file that it has read to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_package_reads_every_sample(make, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    folder = convert(make(SHAPES), tmp_path / "set", to="webdataset").folder
    loaded = webdataset.WebDataset(str(folder / "train-000000.tar"), shardshuffle=False)
    samples = {one["__key__"]: one for one in loaded}
    assert sorted(samples) == [f"{n:016x}" for n in range(8)]
    for n, shape in enumerate(SHAPES):
        sample = samples[f"{n:016x}"]
        about = json.loads(sample["json"])
        with av.open(io.BytesIO(sample["mp4"])) as file:
            assert sum(1 for _ in file.decode(video=0)) == shape.frames == about["num_frames"]
        assert ("flac" in sample) == shape.sound
        assert sample["wrist.mp4"][4:8] == b"ftyp"
        assert sample["txt"].decode().startswith("word 0" if shape.tracks else "A grey ramp.")
        assert (about["tracks"]["state"] is not None) == shape.tracks
        assert about["license"] == "CC0-1.0"


@pytest.fixture
def load(tmp_path: Path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()

    def loaded(folder: Path, **options):
        found = datasets.load_dataset(
            "webdataset",
            data_files={"train": str(folder / "train-*.tar")},
            split="train",
            cache_dir=str(tmp_path / "cache"),
            **options,
        )
        for name in ("mp4", "wrist.mp4"):
            found = found.cast_column(name, datasets.Video(decode=False))
        return {row["__key__"]: row for row in found}

    return loaded


@pytest.mark.parametrize("streaming", [True, False])
def test_datasets_reads_samples_without_being_told_what_they_are(
    make, tmp_path: Path, load, streaming: bool
) -> None:
    shapes = [Shape(frames=10 + n, sound=False, tracks=n != 1) for n in range(8)]
    folder = convert(make(shapes), tmp_path / "set", to="webdataset").folder
    rows = load(folder, streaming=streaming)
    assert len(rows) == 8
    assert rows[f"{3:016x}"]["json"]["num_frames"] == 13
    assert rows[f"{1:016x}"]["json"]["tracks"]["state"] is None
    assert rows[f"{5:016x}"]["mp4"]["bytes"][4:8] == b"ftyp"
    assert rows[f"{5:016x}"]["wrist.mp4"]["bytes"][4:8] == b"ftyp"


def test_datasets_reads_samples_with_sound(make, tmp_path: Path, load) -> None:
    datasets = pytest.importorskip("datasets")
    # Its own type for sound needs torchcodec as soon as a file is opened; bytes do not.
    kinds = {"__key__": "string", "__url__": "string", "txt": "string", "flac": "binary"}
    media = {name: datasets.Video(decode=False) for name in ("mp4", "wrist.mp4")}
    features = datasets.Features({n: datasets.Value(k) for n, k in kinds.items()} | media)
    folder = convert(make(SHAPES), tmp_path / "set", to="webdataset").folder
    rows = load(folder, features=features, streaming=True)
    assert len(rows) == 8
    assert rows[f"{4:016x}"]["flac"][:4] == b"fLaC"
    assert rows[f"{0:016x}"]["flac"] is None


def test_shards_are_begun_anew_when_they_are_full(make, tmp_path: Path) -> None:
    clips = Clips(make(SHAPES))
    assert write_webdataset(clips, tmp_path, shard_bytes=60_000) == 8
    shards = sorted(tmp_path.glob("*.tar"))
    assert len(shards) > 2
    keys = []
    for path in shards:
        assert path.stat().st_size <= 60_000 + 10_240  # what ends a tar file
        with tarfile.open(path) as tar:
            names = tar.getnames()
        keys += list(dict.fromkeys(name.partition(".")[0] for name in names))
    assert sorted(keys) == [f"{n:016x}" for n in range(8)]
    assert len(keys) == len(set(keys))


def test_the_first_samples_have_every_file_and_a_value_in_every_column(
    make, tmp_path: Path
) -> None:
    write_webdataset(Clips(make(SHAPES)), tmp_path)
    with tarfile.open(tmp_path / "train-000000.tar") as tar:
        names = tar.getnames()
    keys = list(dict.fromkeys(name.partition(".")[0] for name in names))
    assert keys.index(f"{0:016x}") >= 5  # it has no sound
    endings = [sorted(n.partition(".")[2] for n in names if n.startswith(key)) for key in keys]
    assert all(one == endings[0] for one in endings[:5])
