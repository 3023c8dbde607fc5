"""Tables with videos inside: which they are, what they say, and how little of them is read."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curator.errors import MediaError, RecipeErrors
from curator.model.video import VideoRef
from curator.source.cells import media_columns
from curator.source.discover import discover
from curator.source.fingerprint import changed, observe
from curator.source.spool import Spool
from curator.store.store import Store

MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True, kw_only=True)
class Source:
    url: str
    license: str | None = "CC0-1.0"
    attribution: str | None = None
    sidecars: dict[str, str] = field(default_factory=dict)


def video(number: int, size: int = 2000) -> bytes:
    return random.Random(number).randbytes(size + number)


def table(numbers: range, **more: list[Any]) -> pa.Table:
    cells = [{"bytes": video(n), "path": f"{n}.mp4"} for n in numbers]
    return pa.table({"video": pa.array(cells, MEDIA), **more})


def refs(url: str | Path, **more: Any) -> tuple[VideoRef, ...]:
    return discover({"films": Source(url=str(url), **more)})


def fetched(ref: VideoRef, spool: Spool) -> bytes:
    with spool.hold(ref, spool.observe(ref)) as path:
        return path.read_bytes()


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "train.parquet"
    path.parent.mkdir()
    rights: dict[str, list[Any]] = {"license": ["CC-BY-4.0", None] * 5, "attribution": ["A"] * 10}
    pq.write_table(table(range(10), url=["elsewhere"] * 10, **rights), path, row_group_size=4)
    return path


def test_each_row_is_a_video_with_the_rights_that_its_row_says(shard: Path) -> None:
    found = refs(shard)
    assert [ref.url for ref in found] == [
        f"cell://video/{n:08d}/{n}.mp4::{shard}" for n in range(10)
    ]
    assert [ref.rights.license for ref in found] == ["CC-BY-4.0", "CC0-1.0"] * 5
    assert {ref.rights.attribution for ref in found} == {"A"}
    with pytest.raises(RecipeErrors) as caught:
        refs(shard, license=None)
    assert [error.reason for error in caught.value.errors] == ["source-missing-license"]


def test_a_folder_of_tables_is_searched_and_tables_of_other_things_are_passed_over(
    shard: Path,
) -> None:
    pq.write_table(pa.table({"score": [1.0]}), shard.parent / "scores.parquet")
    assert len(refs(shard.parent)) == 10
    shard.unlink()
    with pytest.raises(RecipeErrors) as caught:
        refs(shard.parent)
    assert [error.reason for error in caught.value.errors] == ["source-empty"]


@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled"])
def test_a_video_is_its_bytes_in_whatever_order_they_are_read(
    shard: Path, tmp_path: Path, order: str
) -> None:
    spool = Spool(tmp_path / "spool", 2**20)
    found = list(enumerate(refs(shard)))
    if order == "backwards":
        found.reverse()
    if order == "shuffled":
        random.Random(3).shuffle(found)
    for number, ref in found:
        assert observe(ref).fingerprint == hashlib.sha256(video(number)).hexdigest()
        assert fetched(ref, spool) == video(number)


def test_the_same_video_has_one_fingerprint_in_a_table_and_as_a_file(
    shard: Path, tmp_path: Path
) -> None:
    (tmp_path / "3.mp4").write_bytes(video(3))
    (alone,) = refs(tmp_path / "3.mp4")
    assert observe(alone).fingerprint == observe(refs(shard)[3]).fingerprint


def test_the_store_remembers_what_is_in_a_table_until_it_changes(
    shard: Path, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "store") as store:
        ref = refs(shard)[2]
        seen = Spool(tmp_path / "one", 2**20, memo=store).observe(ref)
        again = Spool(tmp_path / "two", 2**20, memo=store).observe(ref)
        assert again == seen
        assert not (tmp_path / "two").exists()  # nothing was read
        pq.write_table(table(range(5, 9)), shard)
        assert changed(ref, seen)
        new = Spool(tmp_path / "three", 2**20, memo=store).observe(ref)
        assert new.fingerprint == hashlib.sha256(video(7)).hexdigest()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_of_bytes_with_a_name_that_says_so_is_taken(
    tmp_path: Path, kind: pa.DataType
) -> None:
    path = tmp_path / "a.parquet"
    columns = {
        "id": ["a", "b"],
        "mp4": pa.array([video(1), None], kind),
        "thumb": pa.array([b"1", b"2"]),
    }
    pq.write_table(pa.table(columns), path)
    first, empty = refs(path)
    assert first.url == f"cell://mp4/00000000/00000000.mp4::{path}"
    assert fetched(first, Spool(tmp_path / "spool", 2**20)) == video(1)
    with pytest.raises(MediaError) as caught:
        observe(empty)
    assert caught.value.reason == "not-found"


def test_what_the_features_say_goes_before_names() -> None:
    features = {"info": {"features": {"film": {"_type": "Video"}, "video": {"_type": "Image"}}}}
    fields = [pa.field("video", MEDIA), pa.field("film", MEDIA), pa.field("url", pa.string())]
    schema = pa.schema(fields)
    assert media_columns(schema) == ("video", "film")
    told = schema.with_metadata({"huggingface": json.dumps(features)})
    assert media_columns(told) == ("film",)
    assert media_columns(pa.schema([pa.field("video", pa.string())])) == ()


def test_further_cameras_are_sidecars_and_paths_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    held = [{"bytes": video(1), "path": "../../x y::z.mp4"}]
    side = pa.array([{"bytes": video(2), "path": "b.mp4"}], MEDIA)
    pq.write_table(pa.table({"video.left": side, "video": pa.array(held, MEDIA)}), path)
    (ref,) = refs(path)
    assert ref.url == f"cell://video/00000000/x%20y%3A%3Az.mp4::{path}"
    spool = Spool(tmp_path / "spool", 2**20)
    assert fetched(ref, spool) == video(1)
    left = VideoRef(url=ref.sidecars["left"], source="films", rights=ref.rights)
    assert fetched(left, spool) == video(2)


def test_a_table_that_refers_to_files_is_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "1.mp4").write_bytes(video(1))
    path = tmp_path / "index.parquet"
    cells = pa.array([{"bytes": None, "path": "1.mp4"}], MEDIA)
    pq.write_table(pa.table({"video": cells}), path)
    assert [ref.url for ref in refs(path)] == [str(tmp_path / "1.mp4")]


def test_a_table_that_came_from_elsewhere_names_no_files_of_this_machine() -> None:
    fs = fsspec.filesystem("memory")
    with fs.open("/index.parquet", "wb") as file:
        cells = pa.array([{"bytes": None, "path": "/etc/passwd"}], MEDIA)
        pq.write_table(pa.table({"video": cells}), file)
    with pytest.raises(RecipeErrors) as caught:
        refs("memory://index.parquet")
    assert [error.reason for error in caught.value.errors] == ["manifest-invalid"]


def test_videos_are_not_read_to_list_them_and_each_only_once_in_order(
    tmp_path: Path, read_bytes: list[int]
) -> None:
    large = 200_000
    cells = [{"bytes": video(n, large), "path": f"{n}.mp4"} for n in range(40)]
    with fsspec.filesystem("memory").open("/big.parquet", "wb") as file:
        made = pa.table({"video": pa.array(cells, MEDIA), "license": ["CC0-1.0"] * 40})
        pq.write_table(made, file, row_group_size=20, compression="none")
    found = refs("memory://big.parquet")
    assert len(found) == 40
    assert sum(read_bytes) < large
    read_bytes.clear()
    spool = Spool(tmp_path / "spool", 2**30)
    for number, ref in enumerate(found):
        assert spool.observe(ref).fingerprint == hashlib.sha256(video(number, large)).hexdigest()
    assert sum(read_bytes) < 1.3 * 40 * large


def test_damage_costs_the_videos_behind_it_and_says_so(shard: Path) -> None:
    found = refs(shard)
    data = bytearray(shard.read_bytes())
    data[4:60] = b"\xff" * 56
    shard.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        observe(found[0])
    assert caught.value.reason == "unreadable"
    assert observe(found[9]).fingerprint == hashlib.sha256(video(9)).hexdigest()
    shard.write_bytes(b"nonsense")
    with pytest.raises(RecipeErrors) as wrong:
        refs(shard)
    assert [error.reason for error in wrong.value.errors] == ["manifest-invalid"]
