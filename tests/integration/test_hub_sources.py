"""Footage on the Hub: the real client against the test Hub, at the commit that was looked at."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curator.errors import MediaError, RecipeErrors
from curator.model.video import VideoRef
from curator.pack.layouts import layout_named
from curator.release.read import open_release
from curator.release.rebuild import recipe_of_release
from curator.release.write import write
from curator.source.discover import discover
from curator.source.fingerprint import observe
from curator.source.spool import Spool
from curator.spec.compile import compile_recipe
from curator.spec.document import document
from curator.spec.recipe import LayoutName, PackSpec
from curator.store.store import Store
from tests.hub import HubServer
from tests.hub.clients import CLIENT_WARNING, as_user
from tests.release_content import content

pytestmark = pytest.mark.filterwarnings(CLIENT_WARNING)

REPO = "lab/films"
HERE = f"hf://datasets/{REPO}"


@dataclass(frozen=True, kw_only=True)
class Source:
    url: str
    license: str | None = "CC0-1.0"
    attribution: str | None = None
    sidecars: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        yield server


def api(server: HubServer) -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=server.url)


def upload(server: HubServer, files: Mapping[str, bytes]) -> str:
    """Commit some files to a private repository; the commit."""
    from huggingface_hub import CommitOperationAdd as Add

    ann = api(server)
    ann.create_repo(REPO, repo_type="dataset", private=True, exist_ok=True)
    adds = [Add(path, data) for path, data in files.items()]
    return str(ann.create_commit(REPO, adds, commit_message="m", repo_type="dataset").oid)


def refs(url: str = HERE, **more: Any) -> tuple[VideoRef, ...]:
    return discover({"films": Source(url=url, **more)})


def urls(url: str = HERE) -> list[str]:
    return [ref.url for ref in refs(url)]


def reasons(url: str = HERE, **more: Any) -> list[str]:
    with pytest.raises(RecipeErrors) as caught:
        refs(url, **more)
    return [error.reason for error in caught.value.errors]


def fetched(ref: VideoRef, folder: Path, store: Store | None = None) -> bytes:
    spool = Spool(folder / "spool", 2**20, memo=store)
    with spool.hold(ref, spool.observe(ref)) as path:
        return path.read_bytes()


def downloads(server: HubServer) -> int:
    return sum("/storage/" in one.path or "/resolve/" in one.path for one in server.requests)


ONE, TWO = b"one" * 5000, b"two" * 7000


def test_a_folder_of_videos_is_found_by_every_spelling(hub: HubServer, tmp_path: Path) -> None:
    files = {"clips/a.mp4": ONE, "clips/deep/b.mov": TWO, "README.md": b"# Films\n"}
    commit = upload(hub, files)
    api(hub).create_tag(REPO, tag="v1.0.0", repo_type="dataset")
    both = ["clips/a.mp4", "clips/deep/b.mov"]
    for root in (HERE, f"{HERE}@main", f"{HERE}@v1.0.0", f"{HERE}@{commit}"):
        assert urls(root) == [f"{root}/{name}" for name in both]
        assert urls(f"{root}/clips/*.mp4") == [f"{root}/clips/a.mp4"]
        assert urls(f"{root}/clips/deep") == [f"{root}/clips/deep/b.mov"]
    assert fetched(refs()[1], tmp_path) == TWO


def test_the_hub_says_what_a_video_is_without_sending_it(hub: HubServer) -> None:
    upload(hub, {"a.mp4": ONE})
    (ref,) = refs()
    hub.reset_counts()
    seen = observe(ref)
    assert seen.fingerprint == hashlib.sha256(ONE).hexdigest()
    assert seen.size == len(ONE)
    assert downloads(hub) == 0


def test_what_was_looked_at_is_what_is_read_though_the_branch_moves(
    hub: HubServer, tmp_path: Path
) -> None:
    upload(hub, {"a.mp4": ONE, "a.srt": b"first"})
    (before,) = refs(sidecars={"words": "{stem}.srt"})
    seen = observe(before)
    upload(hub, {"a.mp4": TWO, "a.srt": b"second", "b.mp4": ONE})
    assert fetched(before, tmp_path) == ONE
    assert observe(before) == seen
    words = VideoRef(
        url=before.sidecars["words"], source="films", rights=before.rights, pins=before.pins
    )
    assert fetched(words, tmp_path) == b"first"
    after = refs()
    assert [ref.url for ref in after] == [f"{HERE}/a.mp4", f"{HERE}/b.mp4"]
    assert fetched(after[0], tmp_path) == TWO
    # The address that a sample keeps is the same: only what changed is another video.
    assert after[0].url == before.url


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_table_beside_the_videos_says_their_rights(hub: HubServer, kind: str) -> None:
    row = {"file_name": "a.mp4", "license": "CC-BY-4.0", "attribution": "A. Author"}
    row["sidecar.words"] = "a.srt"
    table = json.dumps(row) if kind == "jsonl" else f"{','.join(row)}\n{','.join(row.values())}\n"
    upload(hub, {"train/a.mp4": ONE, "train/b.mp4": TWO, f"train/metadata.{kind}": table.encode()})
    first, second = refs()
    assert (first.rights.license, first.rights.attribution) == ("CC-BY-4.0", "A. Author")
    assert first.sidecars == {"words": f"{HERE}/train/a.srt"}
    assert (second.rights.license, second.sidecars) == ("CC0-1.0", {})
    assert reasons(license=None) == ["source-missing-license"]


def test_a_table_of_other_things_is_left_alone(hub: HubServer) -> None:
    upload(hub, {"a.mp4": ONE, "metadata.csv": b"author,year\nA,1999\n"})
    assert urls() == [f"{HERE}/a.mp4"]


def test_a_video_that_only_the_table_knows_is_missing_and_not_dropped(hub: HubServer) -> None:
    upload(hub, {"a.mp4": ONE, "metadata.csv": b"file_name\na.mp4\ngone.mp4\n"})
    _, gone = refs()
    assert gone.url == f"{HERE}/gone.mp4"
    with pytest.raises(MediaError) as caught:
        observe(gone)
    assert caught.value.reason == "not-found"


def test_a_manifest_on_the_hub_is_read_at_its_commit(hub: HubServer, tmp_path: Path) -> None:
    upload(hub, {"x/a.mp4": ONE, "list.csv": b"url,license\nx/a.mp4,CC-BY-4.0\n"})
    (ref,) = refs(f"{HERE}/list.csv")
    upload(hub, {"x/a.mp4": TWO})
    assert (ref.url, ref.rights.license) == (f"{HERE}/x/a.mp4", "CC-BY-4.0")
    assert fetched(ref, tmp_path) == ONE


def test_what_cannot_be_seen_is_not_the_same_as_what_is_not_there(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(hub, {"a.mp4": ONE, "notes.txt": b"-"})
    assert reasons(f"{HERE}/none/*.mp4") == ["source-empty"]
    assert reasons(f"{HERE}/none") == ["source-empty"]
    assert reasons(f"{HERE}@v9.9.9") == ["source-unreachable"]
    assert reasons("hf://datasets/lab/none") == ["source-unreachable"]
    token = os.environ["HF_TOKEN"]
    for other in (hub.user("eve"), "hf_unknown"):
        monkeypatch.setenv("HF_TOKEN", other)
        with pytest.raises(RecipeErrors) as caught:
            refs()
        (error,) = caught.value.errors
        assert error.reason == "source-unreachable"
        assert other not in str(error)
        assert token not in str(error)


def test_the_commit_is_locked_and_a_rebuild_reads_it(hub: HubServer, tmp_path: Path) -> None:
    commit = upload(hub, {"a.mp4": ONE})
    recipe = compile_recipe(
        {"name": "x", "target": "x", "sources": {"films": {"url": HERE, "license": "CC0-1.0"}}}
    )
    made = content(tmp_path / "blobs")
    [ref] = refs()
    outcomes = [dataclasses.replace(one, ref=ref) for one in made.outcomes[:1]]
    made = dataclasses.replace(
        made, recipe=recipe, document=document(recipe), outcomes=outcomes, samples=[]
    )
    release = open_release(write(tmp_path / "out", made).folder)
    exact = f"{HERE}@{commit}"
    assert release.lock()["commits"] == {HERE: exact}
    assert recipe_of_release(release, {}).sources["films"].url == HERE
    upload(hub, {"a.mp4": TWO})
    assert recipe_of_release(release, {}).sources["films"].url == exact
    assert recipe_of_release(release, {"films": "mine"}).sources["films"].url == "mine"


@pytest.mark.parametrize("layout", list(LayoutName))
def test_a_release_is_a_source_with_the_rights_of_its_samples(
    hub: HubServer, tmp_path: Path, layout: LayoutName
) -> None:
    made = content(tmp_path / "blobs")
    packed = dataclasses.replace(made.recipe, pack=PackSpec(layout=layout))
    folder = write(tmp_path / "out", dataclasses.replace(made, recipe=packed)).folder
    upload(
        hub,
        {
            str(file.relative_to(folder)): file.read_bytes()
            for file in folder.rglob("*")
            if file.is_file()
        },
    )
    hub.reset_counts()
    found = refs(license=None)
    assert [ref.rights.license for ref in found] == ["CC-BY-4.0"] * len(found)
    rows: dict[str, dict[str, Any]] = {}
    for paths in layout_named(layout.name).indices(folder).values():
        for path in paths:
            with layout_named(layout.name).open(folder, path) as shard:
                rows |= {row["id"]: row for row in shard.read_row_group(0).to_pylist()}
    assert len(found) == len(rows) > 2
    seen = {}
    for ref in found:
        sample = Path(ref.url.split("::")[0]).stem
        seen[sample] = fetched(ref, tmp_path)
        assert ref.rights.attribution == rows[sample]["attribution"]
    assert seen == {sample: row["video"]["bytes"] for sample, row in rows.items()}


def test_videos_in_tables_are_listed_without_them_and_read_at_the_commit(
    hub: HubServer, tmp_path: Path
) -> None:
    def shard(data: bytes) -> bytes:
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        cells = pa.array([{"bytes": data + bytes([n]), "path": f"{n}.mp4"} for n in range(8)], kind)
        file = io.BytesIO()
        pq.write_table(pa.table({"video": cells}), file, compression="none", row_group_size=2)
        return file.getvalue()

    big = random.Random(1).randbytes(1_000_000)
    upload(hub, {"data/train-0.parquet": shard(big)})
    hub.reset_counts()
    found = refs(f"{HERE}/data/*.parquet")
    assert [ref.url for ref in found] == [
        f"cell://video/{n:08d}/{n}.mp4::{HERE}/data/train-0.parquet" for n in range(8)
    ]
    assert sum(one.bytes_out for one in hub.requests) < 4 * len(big)
    upload(hub, {"data/train-0.parquet": shard(b"other")})
    hub.reset_counts()
    with Store.open(tmp_path / "store") as store:
        spool = Spool(tmp_path / "spool", 2**26, memo=store)
        for number, ref in enumerate(found):
            expected = hashlib.sha256(big + bytes([number])).hexdigest()
            assert spool.observe(ref).fingerprint == expected
        assert sum(one.bytes_out for one in hub.requests) < 12 * len(big)
        hub.reset_counts()
        assert observe(found[3], memo=store).fingerprint != hashlib.sha256(big).hexdigest()
        assert downloads(hub) == 0


def test_shards_of_samples_are_listed_by_their_headers_and_read_at_the_commit(
    hub: HubServer, tmp_path: Path
) -> None:
    import webdataset  # type: ignore[import-untyped]

    def shard(data: bytes) -> bytes:
        file = io.BytesIO()
        with webdataset.TarWriter(file, encoder=False) as writer:
            for n in range(8):
                about = json.dumps({"license": "CC-BY-4.0", "attribution": f"A{n}"}).encode()
                sample = {"mp4": data + bytes([n]), "json": about, "txt": b"a caption"}
                writer.write({"__key__": f"{n:03d}", **sample})
        return file.getvalue()

    big = random.Random(1).randbytes(1_000_000)
    upload(hub, {"shards/train-0.tar": shard(big), "README.md": b"# Films\n"})
    hub.reset_counts()
    found = refs(license=None)
    archive = f"{HERE}/shards/train-0.tar"
    assert [ref.url for ref in found] == [f"tar://{n:03d}.mp4::{archive}" for n in range(8)]
    assert found[3].sidecars == {role: f"tar://003.{role}::{archive}" for role in ("json", "txt")}
    assert (found[3].rights.license, found[3].rights.attribution) == ("CC-BY-4.0", "A3")
    assert sum(one.bytes_out for one in hub.requests) < 1.5 * len(big)
    upload(hub, {"shards/train-0.tar": shard(b"other")})
    hub.reset_counts()
    with Store.open(tmp_path / "store") as store:
        spool = Spool(tmp_path / "spool", 2**26, memo=store)
        for number, ref in enumerate(found):
            expected = hashlib.sha256(big + bytes([number])).hexdigest()
            assert spool.observe(ref).fingerprint == expected
        assert sum(one.bytes_out for one in hub.requests) < 9 * len(big)
        hub.reset_counts()
        assert observe(found[3], memo=store).size == len(big) + 1
        assert downloads(hub) == 0
