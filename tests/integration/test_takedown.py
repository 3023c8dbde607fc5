"""Footage that is taken back: gone from every file, and not to be brought back by any later build."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curator.errors import UsageError
from curator.hub.address import open_remote
from curator.hub.publish import publish
from curator.hub.pull import pull
from curator.hub.remote import Remote
from curator.hub.takedown import Takedown, Target, takedown
from curator.release.diff import diff
from curator.release.read import open_release
from curator.release.write import write
from curator.spec.settings import PublishSpec
from tests.hub import HubServer
from tests.hub.clients import CLIENT_WARNING, as_user
from tests.release_content import content, outcome

pytestmark = pytest.mark.filterwarnings(CLIENT_WARNING)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four videos in two splits; and the same built from scratch again with one more."""
    folder = tmp_path_factory.mktemp("releases")
    videos = [outcome(0), outcome(1), outcome(2, split="test"), outcome(3)]
    first = write(folder / "a", content(folder / "media", videos)).folder
    again = write(folder / "b", content(folder / "more", [*videos, outcome(4)])).folder
    return first, again


@pytest.fixture(params=["hub", "folder"])
def remote(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    if request.param == "folder":
        yield open_remote(str(tmp_path / "published"))
        return
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        yield open_remote("lab/films")


def put(folder: Path, remote: Remote) -> None:
    publish(folder, remote, PublishSpec(repo=remote.address), say=lambda _: None)


def take(remote: Remote, target: Target, *, dry_run: bool = False) -> Takedown:
    spec = PublishSpec(repo=remote.address)
    return takedown(remote, target, spec, reason="asked to", say=lambda _: None, dry_run=dry_run)


def rows(folder: Path) -> dict[str, str]:
    """Sample to fingerprint, from the shards."""
    table = pq.read_table(folder / "data", columns=["id", "fingerprint"])
    return {row["id"]: row["fingerprint"] for row in table.to_pylist()}


def test_a_sample_is_in_no_file_and_does_not_come_back(
    remote: Remote, made: tuple[Path, Path], tmp_path: Path
):
    put(made[0], remote)
    sample, fingerprint = min(rows(made[0]).items())
    row = next(row for row in open_release(made[0]).metrics().to_pylist() if row["id"] == sample)
    done = take(remote, Target(sample=sample[:10]))
    assert done.published.version == "2.0.0", "samples were removed"
    assert done.samples == [sample]
    assert done.reachable[0] == "v1.0.0"
    assert done.remove

    here = pull(remote, tmp_path / "here").folder
    assert sample not in rows(here)
    assert set(rows(here)) == set(rows(made[0])) - {sample}
    assert not open_release(here).damage()
    for path in here.rglob("*.parquet"):
        table = pq.read_table(path)
        if "id" in table.column_names:
            assert sample not in table.column("id").to_pylist(), path
    for path in [*here.glob("*.json"), *here.glob("*.md"), *here.glob("*.yaml")]:
        assert f'"{sample}"' not in path.read_text(), path
    assert not (here / "report.html").exists(), "it shows pictures of samples"

    put(made[1], remote)  # from scratch, and with another video
    later = pull(remote, tmp_path / "later").folder
    assert sample not in rows(later)
    assert len(rows(later)) > len(rows(here))
    found = diff(made[0], later)
    (out,) = [one for one in found.clips_out if one.fingerprint == fingerprint]
    assert out.reason == "taken-back"
    assert out.start_seconds == row["start_seconds"]


@pytest.mark.parametrize("by", ["source", "fingerprint"])
def test_all_of_a_video_goes_with_its_name(
    by: str, remote: Remote, made: tuple[Path, Path], tmp_path: Path
):
    put(made[0], remote)
    row = next(r for r in open_release(made[0]).metrics().to_pylist() if r["id"] is not None)
    target = {
        "source": Target(source=row["video"]),
        "fingerprint": Target(fingerprint=row["fingerprint"][:-4]),
    }[by]
    done = take(remote, target)
    assert set(done.samples) == {
        sample for sample, own in rows(made[0]).items() if own == row["fingerprint"]
    }
    here = pull(remote, tmp_path / "here").folder
    assert row["fingerprint"] not in rows(here).values()
    name = row["video"].encode("unicode_escape")
    for path in here.glob("*.parquet"):
        table = pq.read_table(path)
        if "video" in table.column_names:
            assert row["video"] not in table.column("video").to_pylist(), path
    lock = json.loads((here / "build.lock.json").read_text())
    assert row["video"] not in lock["videos"], name
    assert lock["taken-back"] == [row["fingerprint"]]


def test_other_shards_are_neither_fetched_nor_sent(
    remote: Remote, made: tuple[Path, Path], tmp_path: Path
):
    put(made[0], remote)
    manifest = open_release(made[0]).manifest
    tests = [one for one, told in manifest["samples"].items() if told["split"] == "test"]
    done = take(remote, Target(sample=tests[0]))
    sent = [path for path, _ in done.published.uploaded]
    assert not [path for path in sent if path.startswith("data/train")]


def test_a_dry_run_changes_nothing(remote: Remote, made: tuple[Path, Path]):
    put(made[0], remote)
    before = remote.head()
    done = take(remote, Target(sample=min(rows(made[0]))), dry_run=True)
    assert done.published.outcome == "dry-run"
    assert remote.head() == before


def test_the_same_again_finds_nothing(remote: Remote, made: tuple[Path, Path]):
    put(made[0], remote)
    sample = min(rows(made[0]))
    take(remote, Target(sample=sample))
    with pytest.raises(UsageError, match="holds nothing"):
        take(remote, Target(sample=sample))
