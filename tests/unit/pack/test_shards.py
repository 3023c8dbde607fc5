from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curator.errors import StoreError
from curator.model.outcome import Sample
from curator.pack import shards as module
from curator.pack.schema import ShardSchema
from curator.pack.shards import Shard, shard_name, write_shards
from tests.release_content import NASTY, flac, mp4, outcome, samples_of

SCHEMA = ShardSchema(
    video=True,
    audio=True,
    numbers=["speech.share", "face.yaw_deg.mean", "luma.mean"],
    texts=["container.codec"],
)


def write(folder: Path, samples: Sequence[Sample], *, shard_mib: int = 1) -> tuple[Shard, ...]:
    folder.mkdir()
    return write_shards(folder, samples, schema=SCHEMA, shard_mib=shard_mib)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


def test_a_row_holds_the_media_bytes_and_what_is_known_of_them(tmp_path: Path) -> None:
    [sample] = samples_of(tmp_path / "blobs", [outcome(0, url=NASTY)])
    [shard] = write(tmp_path / "out", [sample])
    [row] = pq.read_table(tmp_path / "out" / shard.path).to_pylist()
    assert row["video"] == {"bytes": mp4(0), "path": f"{sample.id}.mp4"}
    assert row["audio"] == {"bytes": flac(), "path": f"{sample.id}.flac"}
    assert row["url"].endswith("\\udcff.mp4")
    assert (row["start_seconds"], row["end_seconds"]) == (0.0, 12.0)
    assert (row["license"], row["split"], row["margin"]) == ("CC-BY-4.0", "train", 0.2)
    assert (row["num_frames"], row["num_samples"], row["channels"]) == (12, 8000, 1)
    assert (row["speech.share"], row["container.codec"]) == (0.7, "h264")


def test_the_features_are_those_that_datasets_would_write(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    [shard] = write(tmp_path / "out", [])
    schema = pq.read_schema(tmp_path / "out" / shard.path)
    told = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    features = datasets.Features.from_arrow_schema(schema)
    assert isinstance(features["video"], datasets.Video)
    assert isinstance(features["audio"], datasets.Audio)
    assert list(features) == list(told) == schema.names
    assert features.arrow_schema.types == schema.types


def test_the_same_samples_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    samples = samples_of(tmp_path / "blobs", [outcome(index) for index in range(6)])
    write(tmp_path / "a", samples)
    write(tmp_path / "b", samples[::-1])
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_new_samples_leave_the_bytes_of_most_shards_alone(tmp_path: Path) -> None:
    outcomes = [outcome(index) for index in range(160)]
    samples = samples_of(tmp_path / "blobs", outcomes)
    write(tmp_path / "a", samples[:150])
    write(tmp_path / "b", samples)
    before, after = files(tmp_path / "a"), files(tmp_path / "b")
    assert len(before) >= 4
    same = sum(after.get(name) == content for name, content in before.items())
    touched = {
        name
        for name in before
        for one in samples[150:]
        if module.address(one.fingerprint, one.id).startswith(name[6:-8])
    }
    assert same >= len(before) - len(touched)


def test_adding_one_video_to_two_hundred_rewrites_two_percent_of_the_bytes(tmp_path: Path) -> None:
    outcomes = [outcome(one, split="train" if one % 10 else "test") for one in range(201)]
    samples = samples_of(tmp_path / "blobs", outcomes)
    write(tmp_path / "a", samples[:200], shard_mib=256)
    write(tmp_path / "b", samples, shard_mib=256)
    before, after = files(tmp_path / "a"), files(tmp_path / "b")
    changed = sum(len(data) for name, data in after.items() if before.get(name) != data)
    assert 0 < changed <= 0.02 * sum(map(len, after.values()))


def test_splits_have_their_own_files_and_an_empty_one_has_none(tmp_path: Path) -> None:
    outcomes = [outcome(0), outcome(1, split="test")]
    shards = write(tmp_path / "out", samples_of(tmp_path / "blobs", outcomes))
    assert [(one.path, one.split) for one in shards] == [
        ("data/test-all.parquet", "test"),
        ("data/train-all.parquet", "train"),
    ]


def test_without_samples_the_columns_are_still_known(tmp_path: Path) -> None:
    [shard] = write(tmp_path / "out", [])
    assert shard.ids == ()
    assert pq.read_table(tmp_path / "out" / shard.path).num_rows == 0


def test_a_source_without_sound_has_no_audio_cell(tmp_path: Path) -> None:
    [shard] = write(tmp_path / "out", samples_of(tmp_path / "blobs", [outcome(0)], sound=False))
    [row] = pq.read_table(tmp_path / "out" / shard.path).to_pylist()
    assert row["audio"] is None
    assert row["num_samples"] is None


def test_a_row_group_holds_no_more_than_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = samples_of(tmp_path / "blobs", [outcome(index) for index in range(9)])
    largest = max(len(mp4(seed)) for seed in range(4)) + len(flac()) + 1024
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 2 * largest)
    [shard] = write(tmp_path / "out", samples)
    file = pq.ParquetFile(tmp_path / "out" / shard.path)
    rows = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert sum(rows) == 9
    assert max(rows) <= 3
    assert len(rows) >= 3
    ids = file.read(columns=["id"]).column("id").to_pylist()
    assert ids == sorted(ids)


def test_the_same_bytes_under_two_urls_are_one_sample(tmp_path: Path) -> None:
    [sample] = samples_of(tmp_path / "blobs", [outcome(0)])
    twin = dataclasses.replace(sample, url="films/a copy.mp4")
    [shard] = write(tmp_path / "out", [sample, twin])
    [row] = pq.read_table(tmp_path / "out" / shard.path).to_pylist()
    assert row["url"] == "films/a copy.mp4"


def test_media_statistics_are_not_written(tmp_path: Path) -> None:
    [shard] = write(tmp_path / "out", samples_of(tmp_path / "blobs", [outcome(0)]))
    group = pq.ParquetFile(tmp_path / "out" / shard.path).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert columns["video.bytes"].statistics is None
    assert columns["video.bytes"].compression == "UNCOMPRESSED"
    assert columns["start_seconds"].statistics.max == 0.0


def test_a_split_that_datasets_would_refuse_is_refused_here(tmp_path: Path) -> None:
    samples = samples_of(tmp_path / "blobs", [outcome(0, split="my-test")])
    with pytest.raises(StoreError) as error:
        write(tmp_path / "out", samples)
    assert error.value.reason == "split-name"


def test_a_shard_is_named_after_its_place() -> None:
    assert shard_name("train", "") == "data/train-all.parquet"
    assert shard_name("test", "010") == "data/test-010.parquet"
