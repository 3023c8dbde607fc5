"""The same samples in every layout: the same rows for whoever asks the layout, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from curator.errors import StoreError
from curator.model.outcome import Sample
from curator.pack import shards as module
from curator.pack.layout import Layout
from curator.pack.layouts import PARQUET, layout_named, layout_of, media_of
from curator.pack.schema import ShardSchema
from curator.pack.shards import Shard, write_shards
from curator.spec.recipe import LayoutName
from tests.release_content import flac, mp4, outcome, samples_of

NAMES = [one.name for one in LayoutName]
OTHERS = [name for name in NAMES if name != "parquet"]
SCHEMA = ShardSchema(
    video=True,
    audio=True,
    numbers=["speech.share", "face.yaw_deg.mean", "luma.mean"],
    texts=["container.codec"],
    cameras=["wrist"],
)


@pytest.fixture(params=NAMES)
def layout(request: pytest.FixtureRequest) -> Layout:
    return layout_named(request.param)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Nine videos in two splits; the second has no sound, the third another camera."""
    folder = tmp_path_factory.mktemp("blobs")
    outcomes = [outcome(n, split="train" if n < 7 else "test") for n in range(9)]
    made = samples_of(folder, outcomes)
    silent = {"audio": None, "sample_rate_hz": None, "channels": None, "num_samples": None}
    made[1] = _replaced(made[1], **silent)
    made[2] = _replaced(made[2], videos={"wrist": made[3].video})
    return made


def _replaced(sample: Sample, **changes: Any) -> Sample:
    import dataclasses

    return dataclasses.replace(sample, **changes)


def write(
    folder: Path, samples: Sequence[Sample], layout: Layout, *, mib: int = 1
) -> tuple[Shard, ...]:
    folder.mkdir()
    return write_shards(folder, samples, schema=SCHEMA, shard_mib=mib, layout=layout)


def rows(folder: Path, layout: Layout) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for paths in layout.indices(folder).values():
        for path in paths:
            with layout.open(folder, path) as file:
                for number in range(file.num_row_groups):
                    found += file.read_row_group(number).to_pylist()
    return sorted(found, key=lambda row: row["id"])


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_layout_of_the_recipe_is_known() -> None:
    assert [layout_named(name).name for name in NAMES] == NAMES
    assert layout_of({}) is PARQUET, "releases of before had no other"
    with pytest.raises(StoreError) as caught:
        layout_of({"layout": "lance"})
    assert caught.value.reason == "layout-unknown"


@pytest.mark.parametrize("name", OTHERS)
def test_rows_are_the_same_in_every_layout(
    name: str, samples: list[Sample], tmp_path: Path
) -> None:
    write(tmp_path / "a", samples, PARQUET)
    write(tmp_path / "b", samples, layout_named(name))
    want, got = rows(tmp_path / "a", PARQUET), rows(tmp_path / "b", layout_named(name))
    assert len(want) == 9
    assert got == want
    assert got[1]["audio"] is None
    assert got[2]["video.wrist"]["bytes"] == mp4(3)


def test_rows_come_in_batches_and_by_column_with_their_columns(
    layout: Layout, samples: list[Sample], tmp_path: Path
) -> None:
    [first, *_] = write(tmp_path / "a", samples, layout)
    with layout.open(tmp_path / "a", first.path) as file:
        assert file.schema_arrow.names == SCHEMA.arrow.names
        assert file.schema_arrow.field("video").type == SCHEMA.arrow.field("video").type
        batches = list(file.iter_batches(batch_size=2))
        assert sum(one.num_rows for one in batches) == len(first.ids)
        some = file.read_row_group(0, columns=["video", "luma.mean"])
        assert some.column_names == ["video", "luma.mean"]
        assert some.column("video")[0]["bytes"].as_py()[4:8] == b"ftyp"


def test_the_same_samples_give_the_same_bytes(
    layout: Layout, samples: list[Sample], tmp_path: Path
) -> None:
    write(tmp_path / "a", samples, layout)
    write(tmp_path / "b", samples[::-1], layout)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_shard_says_which_files_hold_its_samples(
    layout: Layout, samples: list[Sample], tmp_path: Path
) -> None:
    shards = write(tmp_path / "a", samples, layout)
    named = {one.path for one in shards} | {
        path for one in shards for held in one.media.values() for path in held
    }
    assert named == set(digests(tmp_path / "a"))
    assert all(layout.is_index(one.path) for one in shards)
    told = {sample: {"media": held} for one in shards for sample, held in one.media.items()}
    assert media_of(told) == named - {one.path for one in shards}


@pytest.mark.parametrize("name", OTHERS)
def test_a_new_video_changes_one_shard(name: str, tmp_path: Path) -> None:
    layout = layout_named(name)
    samples = samples_of(tmp_path / "blobs", [outcome(n) for n in range(140)])
    write(tmp_path / "a", samples[:139], layout)
    write(tmp_path / "b", samples, layout)
    before, after = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert len(layout.indices(tmp_path / "a")["train"]) > 4
    changed = {path for path in after if after[path] != before.get(path)}
    assert len(changed) == 2, "a clip and its table, or a tar file and its table"


def test_thinner_shards_lose_rows_and_nothing_else(
    layout: Layout, samples: list[Sample], tmp_path: Path
) -> None:
    shards = write(tmp_path / "a", samples, layout)
    shard = next(one for one in shards if one.split == "train")
    gone = shard.ids[1]

    def wanted(table: pa.Table) -> pa.Array:
        assert "video" not in table.column_names or table.schema.field("video").type != SCHEMA.arrow.field("video").type  # fmt: skip
        return pc.not_equal(table.column("id"), gone)

    target = tmp_path / "b"
    made = layout.thin(tmp_path / "a", target, shard.path, wanted)
    assert made.ids == tuple(one for one in shard.ids if one != gone)
    assert set(made.written) == set(digests(target))
    for path in media_of({one: {"media": shard.media.get(one, ())} for one in made.ids}):
        if path not in made.written:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes((tmp_path / "a" / path).read_bytes())
    want = [row for row in rows(tmp_path / "a", layout) if row["id"] in made.ids]
    assert rows(target, layout) == want
    assert not layout.thin(tmp_path / "a", tmp_path / "c", shard.path, _nothing).ids


def _nothing(table: pa.Table) -> pa.Array:
    return pa.array([False] * len(table))


def test_without_samples_the_columns_are_still_known(layout: Layout, tmp_path: Path) -> None:
    [shard] = write(tmp_path / "a", [], layout)
    with layout.open(tmp_path / "a", shard.path) as file:
        assert file.schema_arrow.names == SCHEMA.arrow.names
        assert file.num_row_groups == 0


def test_a_folder_of_clips_is_not_too_full(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = layout_named("files")
    assert layout.most_samples == 1000
    monkeypatch.setattr(type(layout), "most_samples", 2)
    shards = write(tmp_path / "a", samples, layout, mib=256)
    assert max(len(one.ids) for one in shards) == 2
    assert sum(len(one.ids) for one in shards) == 9


def test_row_groups_stay_small_whatever_the_layout(
    layout: Layout, samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 2 * (len(mp4(0)) + len(flac()) + 1024))
    for shard in write(tmp_path / "a", samples, layout):
        file = pq.ParquetFile(tmp_path / "a" / shard.path)
        for group in range(file.num_row_groups):
            assert file.metadata.row_group(group).num_rows <= 3


# --- tar files


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as tar:
        for one in tar:
            assert (one.mtime, one.uid, one.mode) == (0, 0, 0o644)
            file = tar.extractfile(one)
            assert file is not None
            yield one.name, file.read()


def test_a_tar_file_has_the_same_members_for_every_sample(
    samples: list[Sample], tmp_path: Path
) -> None:
    write(tmp_path / "a", samples, layout_named("webdataset"))
    [tar] = [path for path in (tmp_path / "a/shards").iterdir() if path.name.startswith("train")]
    held = dict(members(tar))
    keys = {name.partition(".")[0] for name in held}
    assert len(keys) == 7
    for key in keys:
        own = [name for name in held if name.startswith(key)]
        assert own == [f"{key}.mp4", f"{key}.flac", f"{key}.wrist.mp4", f"{key}.json"]
    about = json.loads(held["00010000.json"])
    assert (held["00010000.flac"], about["num_samples"], about["sample_rate_hz"]) == (b"", 0, 0)
    kinds = {frozenset((n, type(v)) for n, v in json.loads(held[f"{k}.json"]).items()) for k in keys}  # fmt: skip
    assert len(kinds) == 1


def test_an_index_says_where_a_member_is(samples: list[Sample], tmp_path: Path) -> None:
    write(tmp_path / "a", samples, layout_named("webdataset"))
    for row in pq.read_table(tmp_path / "a/data").to_pylist():
        place = row["video"]
        data = (tmp_path / "a" / place["shard"]).read_bytes()
        there = data[place["offset"] : place["offset"] + place["size"]]
        assert io.BytesIO(there).read()[4:8] == b"ftyp"


def test_a_tar_file_and_its_index_must_agree(samples: list[Sample], tmp_path: Path) -> None:
    layout = layout_named("webdataset")
    [shard] = write(tmp_path / "a", samples[:3], layout)
    write(tmp_path / "b", samples[:2], layout)
    assert list(layout.differences(tmp_path / "a", shard.path)) == []
    for one, other, said in (("a", "b", "and a row tells of it"), ("b", "a", "and no row tells of it")):  # fmt: skip
        folder = tmp_path / f"{one}{other}"
        for source, name in ((one, "data"), (other, "shards")):
            shutil.copytree(tmp_path / source / name, folder / name)
        told = list(layout.differences(folder, shard.path))
        assert {line.partition(".")[0] for line in told} == {samples[2].id}
        assert all(line.endswith(said) for line in told)
    (tmp_path / "ab/shards/train-all.tar").write_bytes(b"no tar file")
    [told] = layout.differences(tmp_path / "ab", shard.path)
    assert "is no tar file" in told


def test_another_signal_leaves_tar_files_alone(samples: list[Sample], tmp_path: Path) -> None:
    import dataclasses

    layout = layout_named("webdataset")
    write(tmp_path / "a", samples, layout)
    write(tmp_path / "b", [dataclasses.replace(one, margin=9.0) for one in samples], layout)
    before, after = digests(tmp_path / "a"), digests(tmp_path / "b")
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {path for path in after if path.startswith("data/")}
