from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.release.retell import retell
from curator.release.write import write
from tests.release_content import NUM_FRAMES, RATE, content, outcome

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def load(folder: Path, name: str | None = None, **options: Any) -> Any:
    return datasets.load_dataset(str(folder), name, **options)


def test_every_split_loads_with_video_and_audio(tmp_path: Path) -> None:
    outcomes = [outcome(0), outcome(1), outcome(2, split="test")]
    release = write(tmp_path / "out", content(tmp_path / "blobs", outcomes))
    loaded = load(release.folder)
    assert {name: split.num_rows for name, split in loaded.items()} == {"train": 2, "test": 1}
    for split in loaded.values():
        assert isinstance(split.features["video"], datasets.Video)
        assert isinstance(split.features["audio"], datasets.Audio)
        raw = split.cast_column("video", datasets.Video(decode=False))
        for row in raw.cast_column("audio", datasets.Audio(decode=False)):
            with av.open(io.BytesIO(row["video"]["bytes"])) as file:
                assert file.streams[0].type == "video"
                assert sum(1 for _ in file.decode(video=0)) == NUM_FRAMES == row["num_frames"]
            with av.open(io.BytesIO(row["audio"]["bytes"])) as file:
                sound = np.concatenate([one.to_ndarray() for one in file.decode(audio=0)], axis=1)
            assert sound.shape[1] == RATE // 2 == row["num_samples"]
            assert row["speech.share"] == 0.7


def test_the_code_in_the_card_runs(tmp_path: Path) -> None:
    release = write(tmp_path / "out", content(tmp_path / "blobs"))
    blocks = re.findall(r"```python\n(.*?)```", (release.folder / "README.md").read_text(), re.S)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    exec(blocks[0].replace("FOLDER", str(release.folder)), names)
    assert names["clips"]["train"][0]["video"]["bytes"]
    assert names["metrics"]["train"].num_rows == 15


def test_the_code_for_torch_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    release = write(tmp_path / "out", content(tmp_path / "blobs"))
    blocks = re.findall(r"```python\n(.*?)```", (release.folder / "README.md").read_text(), re.S)
    names: dict[str, Any] = {}
    exec(blocks[1].replace("FOLDER", str(release.folder)), names)
    assert names["train"][0]["video"].shape[1] == 3


def test_the_features_of_the_card_are_those_of_the_files(tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    folder = write(tmp_path / "out", content(tmp_path / "blobs")).folder
    [info] = DatasetCard.load(folder / "README.md").data.to_dict()["dataset_info"]
    told = datasets.Features._from_yaml_list(info["features"])
    assert told == datasets.Features.from_arrow_schema(
        pq.read_schema(folder / "data/train-all.parquet")
    )
    assert {one["name"]: one["num_examples"] for one in info["splits"]} == {"train": 2, "test": 1}
    builder = datasets.load_dataset_builder(str(folder))
    assert builder.info.features == told
    assert builder.info.splits["train"].num_examples == 2


@pytest.mark.parametrize("kept", ["train", "test"])
def test_a_part_of_a_release_loads_when_it_is_told_again(tmp_path: Path, kept: str) -> None:
    folder = write(tmp_path / "out", content(tmp_path / "blobs")).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    samples = {name: told for name, told in manifest["samples"].items() if told["split"] == kept}
    for path in (folder / "data").glob("*.parquet"):
        if not path.name.startswith(kept):
            path.unlink()
    with pytest.raises(ValueError, match="all splits"):  # the card still names the other one
        load(folder)
    retell(folder, {**manifest, "samples": samples})
    assert {name: split.num_rows for name, split in load(folder).items()} == {kept: len(samples)}


def test_it_streams_without_being_read_whole(tmp_path: Path) -> None:
    release = write(tmp_path / "out", content(tmp_path / "blobs"))
    train = load(release.folder, streaming=True)["train"].decode(False)
    assert [row["split"] for row in train] == ["train", "train"]


def test_the_metrics_are_a_configuration_of_their_own(tmp_path: Path) -> None:
    release = write(tmp_path / "out", content(tmp_path / "blobs"))
    metrics = load(release.folder, "metrics")["train"]
    assert set(metrics["verdict"]) == {"kept", "dropped", "unscored"}
    assert load(release.folder, "shots")["train"].num_rows == 6


def test_a_release_that_kept_nothing_says_so_and_still_explains(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs", [outcome(0)])
    rows = tuple(row for row in made.outcomes[0].rows if row.decision.value != "kept")
    object.__setattr__(made.outcomes[0], "rows", rows)
    object.__setattr__(made, "samples", [])
    release = write(tmp_path / "out", made)
    with pytest.raises(ValueError, match="no data"):  # the words of `datasets`, quoted in the card
        load(release.folder)
    assert list(load(release.folder, streaming=True)["train"]) == []
    assert load(release.folder, "metrics")["train"].num_rows == 4
    assert pq.read_schema(release.folder / "data" / "train-all.parquet").names[:2] == [
        "id",
        "video",
    ]
