"""Croissant metadata, judged by `mlcroissant`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curator.pack.shards import Shard
from curator.release.croissant import croissant
from curator.release.hubinfo import dataset_info
from curator.release.manifest import describe, write_json
from curator.release.retell import retold_croissant
from curator.release.write import write
from tests import loading
from tests.release_content import content

mlcroissant = pytest.importorskip("mlcroissant")

# mlcroissant 1.1 calls rdflib 7 and pandas 3 in ways that they have since renamed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame"),
]


def test_it_is_valid_and_its_records_are_the_samples(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", content(tmp_path / "blobs")).folder
    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not dataset.metadata.issues.errors
    # A release knows no clock, so it was published on no day.
    assert all("datePublished" in one for one in dataset.metadata.issues.warnings)
    rows = {one["id"]: one for one in pq.read_table(folder / "data").to_pylist()}
    records = list(dataset.records("default"))
    assert len(records) == len(rows) == 3
    for record in records:
        row = rows[record["default/id"].decode()]
        assert record["default/video"] == row["video"]["bytes"]
        assert record["default/audio"] == row["audio"]["bytes"]
        assert record["default/speech.share"] == row["speech.share"]
        assert record["default/license"].decode() == row["license"]


def test_it_lists_every_shard_with_its_digest(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", content(tmp_path / "blobs")).folder
    files = json.loads((folder / "manifest.json").read_text())["files"]
    document = json.loads((folder / "croissant.json").read_text())
    told = {one["@id"]: one["sha256"] for one in document["distribution"] if "sha256" in one}
    assert told == {path: one["sha256"] for path, one in files.items() if path.startswith("data/")}
    again = retold_croissant(document, {"files": {}}, version="1.2.0", url="https://a/b")
    assert [one["@id"] for one in again["distribution"]] == ["shards"]
    assert again["version"] == "1.2.0"


def test_tracks_of_every_kind_are_records_too(tmp_path: Path) -> None:
    folder = loading.release(tmp_path / "r", [loading.Shape(), loading.Shape(tracks=False)])
    paths = [path.relative_to(folder).as_posix() for path in (folder / "data").iterdir()]
    info = dataset_info(folder, [Shard(path=one, split="train", ids=("a",)) for one in paths])
    made = content(tmp_path / "blobs")
    document = croissant(made, info["features"], describe(folder, paths), version="1.0.0")
    write_json(folder / "croissant.json", document)
    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not dataset.metadata.issues.errors
    full, bare = sorted(dataset.records("default"), key=lambda one: one["default/id"])
    state = full["default/tracks.state/values"]
    assert state[3] == pytest.approx([3 / loading.STATE_FPS, 3])
    assert full["default/tracks.state/seconds"][3] == pytest.approx(3 / loading.STATE_FPS)
    assert full["default/tracks.text"][1]["default/tracks.text/text"] == b"word 1/5"
    assert full["default/video.wrist"][4:8] == b"ftyp"
    assert bare["default/tracks.state/values"] is None
    assert [one.decode() for one in full["default/fields.state"]] == ["time", "number"]
