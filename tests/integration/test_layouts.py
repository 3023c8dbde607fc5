"""Releases whose clips lie elsewhere than in rows: every command, and what others read of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from curator.cli import run as command
from curator.convert.convert import convert
from curator.errors import RemoteError
from curator.hub.address import open_remote
from curator.hub.history import lineage
from curator.hub.hugging_face import HuggingFaceRemote
from curator.hub.publish import publish
from curator.hub.pull import pull
from curator.hub.remote import Remote
from curator.hub.report import PublishReport
from curator.hub.takedown import Target, takedown
from curator.hub.where import Where
from curator.pack.layouts import layout_named, media_of
from curator.release.diff import diff
from curator.release.read import open_release
from curator.release.verify import verify
from curator.release.write import write
from curator.spec.compile import compile_recipe
from curator.spec.recipe import LayoutName, PackSpec
from curator.spec.settings import PublishSpec
from tests.hub import Fault, HubServer
from tests.hub.clients import CLIENT_WARNING, as_user, without_waiting
from tests.hub.server import environment
from tests.release_content import content, outcome

pytestmark = [
    pytest.mark.filterwarnings(CLIENT_WARNING),
    # mlcroissant 1.1 calls rdflib 7 and pandas 3 in ways that they have since renamed.
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame"),
    # webdataset 1.0 leaves the last file that it has read to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

REPO = "lab/films"
SPEC = PublishSpec(repo=REPO)
LAYOUTS = ["files", "webdataset"]
KNOWN = {"recipe-unreadable", "duration", "num-samples", "skew"}
"""What is wrong with releases made by hand, in any layout."""
VIDEOS = [outcome(0), outcome(1), outcome(2, split="test"), outcome(3)]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Two releases in every layout: the first without the last video."""
    root = tmp_path_factory.mktemp("releases")
    return {
        one.name: [build(root / f"{one.name}{n}", one, n) for n in (3, 4)] for one in LayoutName
    }


def build(root: Path, layout: LayoutName, videos: int) -> Path:
    made = content(root / "media", VIDEOS[:videos])
    recipe = dataclasses.replace(made.recipe, pack=PackSpec(shard_mib=1, layout=layout))
    return write(root / "out", dataclasses.replace(made, recipe=recipe)).folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "curator"))
        without_waiting(monkeypatch)
        yield server


@pytest.fixture(params=["hub", "folder"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "hub":
        request.getfixturevalue("hub")
        return open_remote(REPO)
    return open_remote(str(tmp_path / "published"))


def put(folder: Path, remote: Remote, **spec: Any) -> PublishReport:
    return publish(folder, remote, dataclasses.replace(SPEC, **spec), say=lambda _: None)


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = pytest.importorskip("datasets")
    monkeypatch.setattr(module.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    module.disable_progress_bars()
    return module


def rows(datasets: Any, where: str, **how: Any) -> dict[str, dict[str, Any]]:
    """What `datasets` gives by id, media as bytes wherever they are."""
    found = {}
    for split, part in datasets.load_dataset(where, **how).items():
        assert isinstance(part.features["video"], datasets.Video)
        plain = part.cast_column("video", datasets.Video(decode=False))
        if isinstance(part.features["audio"], datasets.Audio):
            plain = plain.cast_column("audio", datasets.Audio(decode=False))
        for row in plain:
            assert row["split"] == split
            found[row["id"]] = row | {name: _bytes(row[name]) for name in ("video", "audio")}
    return found


def _bytes(cell: dict[str, Any] | None) -> bytes | None:
    if cell is None or cell["bytes"] is not None:
        return cell and cell["bytes"]
    with fsspec.open(cell["path"], "rb") as file:
        return bytes(file.read())


def samples(folder: Path) -> dict[str, Any]:
    return dict(open_release(folder).manifest["samples"])


# --- the release itself


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_release_is_sound_and_the_same_again(
    releases: dict[str, list[Path]], layout: str, tmp_path: Path
) -> None:
    folder = releases[layout][0]
    manifest = open_release(folder).manifest
    assert manifest["layout"] == layout
    assert manifest["samples"].keys() == samples(releases["parquet"][0]).keys()
    assert media_of(manifest["samples"]) <= manifest["files"].keys()
    found = verify(folder)
    assert {fault.reason for fault in found.faults} == KNOWN
    assert {fault.reason for fault in verify(releases["parquet"][0]).faults} == KNOWN
    assert found.clips == 6
    again = build(tmp_path / "again", LayoutName[layout], 3)
    assert open_release(again).digest == open_release(folder).digest


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_clip_that_is_damaged_is_found(
    releases: dict[str, list[Path]], layout: str, tmp_path: Path
) -> None:
    import shutil

    folder = Path(shutil.copytree(releases[layout][0], tmp_path / "copy"))
    path = min(media_of(samples(folder)))
    (folder / path).write_bytes(bytes((folder / path).stat().st_size))
    assert {"checksum", "undecodable"} <= {fault.reason for fault in verify(folder).faults}
    if layout == "files":
        (folder / path).unlink()
        assert {"file-missing", "undecodable"} <= {fault.reason for fault in verify(folder).faults}


def test_the_recipe_says_it_in_one_word() -> None:
    base = {"name": "x", "target": "x", "sources": {"a": {"url": "x", "license": "CC0-1.0"}}}
    assert compile_recipe({**base, "pack": "files"}).pack == PackSpec(layout=LayoutName.files)
    with pytest.raises(Exception, match="1 mistake") as caught:
        compile_recipe({**base, "pack": "files", "sample": {"video": None}})
    assert [error.reason for error in caught.value.errors] == ["recipe-layout"]  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="1 mistake"):
        compile_recipe({**base, "pack": "lance"})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_tools_get_the_same_from_every_layout(
    releases: dict[str, list[Path]], layout: str, tmp_path: Path
) -> None:
    want = convert(open_release(releases["parquet"][0]), tmp_path / "a", to="webdataset").folder
    got = convert(open_release(releases[layout][0]), tmp_path / "b", to="webdataset").folder
    assert {p.name: p.read_bytes() for p in got.iterdir()} == {
        p.name: p.read_bytes() for p in want.iterdir()
    }


# --- what others read


def test_datasets_reads_a_folder_of_clips_as_it_reads_tables(
    releases: dict[str, list[Path]], datasets: Any
) -> None:
    want = rows(datasets, str(releases["parquet"][0]))
    assert len(want) == 3
    assert rows(datasets, str(releases["files"][0])) == want
    assert rows(datasets, str(releases["files"][0]), streaming=True) == want


_LOAD = """
import hashlib, json, sys
import fsspec
from datasets import Features, Value, Video, load_dataset

def sha(cell):
    data = cell["bytes"]
    if data is None:
        with fsspec.open(cell["path"], "rb") as file:
            data = file.read()
    return hashlib.sha256(data).hexdigest()

repo, revision, how = sys.argv[1:]
told = {}
for streaming in (False, True):
    rows = told[str(streaming)] = {}
    if how == "tars":
        kinds = {"__key__": Value("string"), "mp4": Video(decode=False), "flac": Value("binary")}
        for split in ("train", "test"):
            place = {split: f"hf://datasets/{repo}@{revision}/shards/{split}-*.tar"}
            for row in load_dataset(
                "webdataset", data_files=place, split=split, streaming=streaming, features=Features(kinds)
            ):
                rows[row["__key__"]] = [split, sha(row["mp4"]), sha({"bytes": row["flac"]})]
        continue
    for split, part in load_dataset(repo, revision=revision, streaming=streaming).items():
        plain = part.decode(False) if streaming else part.cast_column("video", Video(decode=False))
        for row in plain:
            rows[row["id"]] = [split, sha(row["video"]), sha(row["audio"])]
print(json.dumps(told))
"""


def loaded(hub: HubServer, home: Path, revision: str, how: str) -> dict[str, Any]:
    """What the real client gives in a process of its own: id to split and digests, streaming and not."""
    env = environment(hub, os.environ["HF_TOKEN"], home)
    words = [sys.executable, "-c", _LOAD, REPO, revision, how]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def digested(found: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    return {
        name: [row["split"], *(hashlib.sha256(row[n]).hexdigest() for n in ("video", "audio"))]
        for name, row in found.items()
    }


@pytest.mark.parametrize(("layout", "how"), [("files", "clips"), ("webdataset", "tars")])
def test_published_clips_load_as_those_of_tables_do(
    releases: dict[str, list[Path]],
    layout: str,
    how: str,
    hub: HubServer,
    datasets: Any,
    tmp_path: Path,
) -> None:
    put(releases[layout][0], open_remote(REPO))
    put(releases[layout][1], open_remote(REPO))
    for revision, folder in zip(("v1.0.0", "v1.1.0"), releases["parquet"], strict=True):
        want = digested(rows(datasets, str(folder)))
        assert len(want) == len(samples(folder))
        told = loaded(hub, tmp_path / "load", revision, how)
        assert told == {"False": want, "True": want}
    assert hub.leaks == [], "the token went to the storage"


def test_tar_files_are_read_by_webdataset_too(
    releases: dict[str, list[Path]], hub: HubServer, datasets: Any
) -> None:
    webdataset = pytest.importorskip("webdataset")
    want = rows(datasets, str(releases["parquet"][0]))
    folder = releases["webdataset"][0]
    got = {}
    for path in sorted((folder / "shards").glob("*.tar")):
        got |= {one["__key__"]: one for one in webdataset.WebDataset(str(path), shardshuffle=False)}
    assert {key: (one["mp4"], one["flac"]) for key, one in got.items()} == {
        key: (one["video"], one["audio"]) for key, one in want.items()
    }
    assert {key: json.loads(one["json"])["id"] for key, one in got.items()} == {k: k for k in want}
    put(folder, open_remote(REPO))
    card = open_remote(REPO).read("README.md", "v1.0.0").decode()
    assert f'{{"train": "hf://datasets/{REPO}@v1.0.0/shards/train-*.tar"}}' in card


def test_the_rows_beside_tar_files_load_as_tables(
    releases: dict[str, list[Path]], datasets: Any
) -> None:
    where = str(releases["webdataset"][0])
    found = datasets.load_dataset(where)
    assert {name: len(part) for name, part in found.items()} == {"train": 2, "test": 1}
    assert found["train"][0]["video"].keys() == {"shard", "offset", "size"}
    assert len(datasets.load_dataset(where, "metrics")["train"]) > 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_croissant_lists_the_tables(releases: dict[str, list[Path]], layout: str) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    folder = releases[layout][0]
    found = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not found.metadata.issues.errors
    assert {one["default/id"].decode() for one in found.records("default")} == set(samples(folder))


# --- versions


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_version_comes_back_as_it_went(
    releases: dict[str, list[Path]], layout: str, remote: Remote, tmp_path: Path
) -> None:
    report = put(releases[layout][0], remote)
    assert report.version == "1.0.0"
    assert put(releases[layout][0], remote).outcome == "nothing"
    folder = pull(remote, tmp_path / "here").folder
    assert open_release(folder).digest == open_release(releases[layout][0]).digest
    assert open_release(folder).damage() == ()
    assert pull(remote, tmp_path / "here").bytes_fetched == 0
    told = lineage(remote, min(samples(folder)))
    assert told.versions == ["v1.0.0"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_new_clips_are_sent(
    releases: dict[str, list[Path]], layout: str, remote: Remote
) -> None:
    put(releases[layout][0], remote)
    report = put(releases[layout][1], remote)
    assert report.version == "1.1.0"
    [new] = samples(releases[layout][1]).keys() - samples(releases[layout][0]).keys()
    held = samples(releases[layout][1])[new]
    sent = {path for path, _ in report.uploaded}
    assert sent & media_of(samples(releases[layout][1])) == set(held["media"])
    assert {path for path in sent if layout_named(layout).is_index(path)} == {held["shard"]}


def test_another_layout_is_another_major_version(
    releases: dict[str, list[Path]], remote: Remote, tmp_path: Path
) -> None:
    put(releases["parquet"][0], remote)
    for number, layout in enumerate(LAYOUTS, 2):
        report = put(releases[layout][0], remote)
        assert report.version == f"{number}.0.0"
        assert report.changes is not None
        assert f"layout {['parquet', *LAYOUTS][number - 2]} became {layout}" in [one.text for one in report.changes.reasons]  # fmt: skip
        folder = pull(remote, tmp_path / layout).folder
        assert open_release(folder).damage() == ()
        listed = remote.files(report.commit or "")
        tops = {path.split("/")[0] for path in listed if path.endswith((".mp4", ".tar"))}
        assert tops == {"files": {"clips"}, "webdataset": {"shards"}}[layout]
    assert not diff(releases["parquet"][0], releases["files"][0]).clips_out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_part_is_only_what_is_asked_for(
    releases: dict[str, list[Path]], layout: str, remote: Remote, tmp_path: Path
) -> None:
    put(releases[layout][1], remote)
    for how in ({"split": "train"}, {"where": Where.parse("face.yaw_deg.mean < 11.5")}):
        folder = pull(remote, tmp_path / "-".join(how), **how).folder  # type: ignore[arg-type]
        held = samples(folder)
        assert 0 < len(held) < 4
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}  # fmt: skip
        assert {path for path in files if path.endswith((".mp4", ".tar"))} == media_of(held)
        if layout == "files":
            assert len(media_of(held)) == len(held)
        assert open_release(folder).damage() == ()
        assert {fault.reason for fault in verify(folder).faults} <= KNOWN
        with layout_named(layout).open(folder, min(one["shard"] for one in held.values())) as file:
            for row in file.read_row_group(0).to_pylist():
                assert row["video"]["bytes"][4:8] == b"ftyp"
        assert pull(remote, tmp_path / "-".join(how), **how).bytes_fetched == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_taken_back_is_in_no_file(
    releases: dict[str, list[Path]], layout: str, remote: Remote, tmp_path: Path, datasets: Any
) -> None:
    put(releases[layout][1], remote)
    before = samples(releases[layout][1])
    train = sorted(one for one, told in before.items() if told["split"] == "train")
    gone, last = train[0], next(one for one, told in before.items() if told["split"] == "test")
    takedown(remote, Target(sample=gone), SPEC, reason="asked to", say=lambda _: None)
    takedown(remote, Target(sample=last), SPEC, reason="asked to", say=lambda _: None)
    folder = pull(remote, tmp_path / "after").folder
    assert samples(folder).keys() == before.keys() - {gone, last}
    assert open_release(folder).damage() == ()
    assert {fault.reason for fault in verify(folder).faults} <= KNOWN
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            for name in (gone, last):
                assert f'"{name}"'.encode() not in path.read_bytes(), path
                assert f"{name}.mp4".encode() not in path.read_bytes(), path
                assert name not in path.name
    assert set(datasets.load_dataset(str(folder))["train"]["id"]) == set(samples(folder))
    put(releases[layout][1], remote)
    again = pull(remote, tmp_path / "again").folder
    assert samples(again).keys() == samples(folder).keys(), "it does not come back"
    assert open_release(again).damage() == ()
    media = {path for path in remote.files(remote.head() or "") if path.endswith((".mp4", ".tar"))}
    assert media == media_of(samples(folder))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_samples_are_loaded_by_name(
    releases: dict[str, list[Path]], layout: str, hub: HubServer
) -> None:
    pytest.importorskip("torch")
    import curator

    put(releases[layout][0], HuggingFaceRemote(REPO))
    want = curator.load(releases["parquet"][0], seed=3)
    got = curator.load(REPO, revision="v1.0.0", seed=3)
    assert len(got) == len(want) == 2
    items = [{one[n]["id"]: one[n] for n in range(2)} for one in (want, got)]
    for name, item in items[0].items():
        assert item["video"].equal(items[1][name]["video"])
        assert item["audio"].equal(items[1][name]["audio"])


def test_the_command_line_works_on_any_layout(
    releases: dict[str, list[Path]], hub: HubServer, tmp_path: Path, capsys: Any
) -> None:
    folder = releases["files"][0]
    assert command(["publish", str(folder), f"publish.repo={REPO}", "--json"]) == 0
    assert command(["pull", f"{REPO}@v1.0.0", "--to", str(tmp_path / "here")]) == 0
    capsys.readouterr()
    words = ["convert", f"{REPO}@v1.0.0", "--to", "webdataset", str(tmp_path / "set"), "--json"]
    assert command(words) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["samples"] == 3
    assert pq.read_table(tmp_path / "here/metrics.parquet").num_rows > 3


@pytest.mark.parametrize("kind", ["truncate", "corrupt", "drop", "error"])
def test_an_interrupted_pull_of_clips_goes_on(
    releases: dict[str, list[Path]], kind: str, hub: HubServer, tmp_path: Path
) -> None:
    remote = open_remote(REPO)
    put(releases["files"][1], remote)
    clip = min(media_of(samples(releases["files"][1])))
    oid = open_release(releases["files"][1]).manifest["files"][clip]["sha256"]
    hub.set_faults(Fault(kind=kind, method="GET", path=f"/storage/.*{oid}", times=None))
    with pytest.raises(RemoteError):
        pull(remote, tmp_path / "here")
    assert not (tmp_path / "here").exists()
    hub.set_faults()
    hub.reset_counts()
    done = pull(remote, tmp_path / "here")
    assert done.bytes_fetched == (tmp_path / "here" / clip).stat().st_size
    assert open_release(tmp_path / "here").damage() == ()
