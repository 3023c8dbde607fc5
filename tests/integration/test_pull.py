"""Published versions on their way back: whole, in part, after interruptions, and told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curator.cli import run as command
from curator.errors import RemoteError, UsageError
from curator.hub.address import open_remote
from curator.hub.history import lineage, log
from curator.hub.publish import publish
from curator.hub.pull import pull
from curator.hub.remote import Remote
from curator.hub.where import Where
from curator.loader.loading import resolve
from curator.release.read import open_release
from curator.release.write import write
from curator.spec.settings import PublishSpec
from tests.hub import Fault, HubServer
from tests.hub.clients import CLIENT_WARNING, as_user, without_waiting
from tests.release_content import content, outcome

pytestmark = pytest.mark.filterwarnings(CLIENT_WARNING)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three videos in two splits; then one more."""
    folder = tmp_path_factory.mktemp("releases")
    videos = [outcome(0), outcome(1), outcome(2, split="test")]
    made = content(folder / "media", videos)
    more = content(folder / "more", [*videos, outcome(3)])
    return write(folder / "a", made).folder, write(folder / "b", more).folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        without_waiting(monkeypatch)
        yield server


@pytest.fixture(params=["hub", "folder"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    """Either kind."""
    if request.param == "hub":
        request.getfixturevalue("hub")
        return open_remote("lab/films")
    return open_remote(str(tmp_path / "published"))


def published(remote: Remote, *folders: Path) -> Remote:
    for folder in folders:
        publish(folder, remote, PublishSpec(repo=remote.address), say=lambda _: None)
    return remote


def samples(folder: Path) -> set[str]:
    table = pq.read_table(folder / "data", columns=["id"])
    return set(table.column("id").to_pylist())


def test_a_version_comes_back_whole(remote: Remote, releases: tuple[Path, Path], tmp_path: Path):
    published(remote, *releases)
    pulled = pull(remote, tmp_path / "here")
    assert pulled.version == "v1.1.0"
    assert samples(tmp_path / "here") == samples(releases[1])
    assert not open_release(tmp_path / "here").damage()
    first = pull(remote, tmp_path / "first", revision="v1.0.0")
    assert samples(first.folder) == samples(releases[0])


def test_pulling_again_fetches_nothing(remote: Remote, releases: tuple[Path, Path], tmp_path: Path):
    published(remote, releases[0])
    assert pull(remote, tmp_path / "here").bytes_fetched > 0
    assert pull(remote, tmp_path / "here").bytes_fetched == 0


def test_a_folder_that_holds_something_else_is_left_alone(
    remote: Remote, releases: tuple[Path, Path], tmp_path: Path
):
    published(remote, releases[0])
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "notes.txt").write_text("mine")
    with pytest.raises(RemoteError) as caught:
        pull(remote, tmp_path / "here")
    assert caught.value.reason == "pull-exists"
    assert (tmp_path / "here" / "notes.txt").read_text() == "mine"


def test_one_split_and_what_meets_a_condition(
    remote: Remote, releases: tuple[Path, Path], tmp_path: Path
):
    published(remote, releases[1])
    table = pq.read_table(releases[1] / "data", columns=["id", "split", "start_seconds"])
    tests = {row["id"] for row in table.to_pylist() if row["split"] == "test"}
    pulled = pull(remote, tmp_path / "tests", split="test")
    assert samples(pulled.folder) == tests
    assert set(open_release(pulled.folder).manifest["samples"]) == tests
    assert not open_release(pulled.folder).damage()
    where = Where.parse("split == 'train' and num_frames >= 1 and not start_seconds > 1e9")
    some = pull(remote, tmp_path / "some", where=where)
    assert samples(some.folder) == samples(releases[1]) - tests
    assert pull(remote, tmp_path / "some", where=where).bytes_fetched == 0
    manifest = json.loads((some.folder / "manifest.json").read_text())
    assert manifest["subset"]["where"] == where.text


@pytest.mark.parametrize(
    "text", ["", "fps", "fps >", "f() > 1", "fps + 1 > 2", "1 < 2", "__import__('os') == 1"]
)
def test_conditions_that_are_none(text: str):
    with pytest.raises(UsageError, match="not understood"):
        Where.parse(text)


def test_a_condition_on_a_column_that_is_not_there(
    remote: Remote, releases: tuple[Path, Path], tmp_path: Path
):
    published(remote, releases[0])
    with pytest.raises(UsageError, match="no column 'num_frame'") as caught:
        pull(remote, tmp_path / "here", where=Where.parse("num_frame > 1"))
    assert caught.value.hint == "did you mean 'num_frames'?"
    assert not (tmp_path / "here").exists()


def test_a_damaged_download_is_fetched_again(
    hub: HubServer, releases: tuple[Path, Path], tmp_path: Path
):
    remote = published(open_remote("lab/films"), releases[0])
    hub.set_faults(Fault(kind="corrupt", method="GET", path="^/storage/"))
    assert samples(pull(remote, tmp_path / "here").folder) == samples(releases[0])


def test_an_interrupted_pull_goes_on(
    hub: HubServer, releases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    remote = published(open_remote("lab/films"), releases[1])
    whole = pull(remote, tmp_path / "whole").bytes_fetched
    real, calls = type(remote).download, []

    def download(self: Remote, path: str, revision: str, folder: Path) -> Path:
        calls.append(path)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(self, path, revision, folder)

    monkeypatch.setattr(type(remote), "download", download)
    with pytest.raises(KeyboardInterrupt):
        pull(remote, tmp_path / "here")
    assert not (tmp_path / "here").exists()
    assert 0 < pull(remote, tmp_path / "here").bytes_fetched < whole
    assert not open_release(tmp_path / "here").damage()


def test_the_log_says_what_changed_and_the_lineage_where_a_sample_is_from(
    remote: Remote, releases: tuple[Path, Path]
):
    published(remote, *releases)
    told = log(remote)
    assert [one["version"] for one in told.entries] == ["1.1.0", "1.0.0"]
    sample = min(samples(releases[0]))
    found = lineage(remote, sample[:8])
    assert found.sample == sample
    assert found.versions == ["v1.1.0", "v1.0.0"]
    assert found.facts["fingerprint"]
    with pytest.raises(RemoteError) as caught:
        lineage(remote, "ffffffffffff")
    assert caught.value.reason == "sample-unknown"


def test_published_versions_can_be_compared(
    releases: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    def run(*words: str) -> dict[str, Any]:
        assert command([*words, "--json"]) == 0
        said: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return said

    remote = published(open_remote(str(tmp_path / "published")), *releases)
    address = remote.address
    changed = run("diff", f"{address}@v1.0.0", f"{address}@v1.1.0")
    assert len(changed["clips_in"]) == len(samples(releases[1]) - samples(releases[0]))
    assert [one["tag"] for one in run("log", address)["versions"]] == ["v1.1.0", "v1.0.0"]
    told = run("pull", f"{address}@v1.0.0", "--to", str(tmp_path / "there"))
    assert told["samples"] == len(samples(releases[0]))


def test_what_was_never_published_is_said(tmp_path: Path):
    remote = open_remote(str(tmp_path / "nothing"))
    with pytest.raises(RemoteError):
        pull(remote, tmp_path / "here")


def test_training_code_names_a_version(
    remote: Remote, releases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    published(remote, *releases)
    monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
    newest = resolve(remote.address, None)
    assert samples(newest) == samples(releases[1])
    assert samples(resolve(remote.address, "v1.0.0")) == samples(releases[0])
    assert resolve(remote.address, "v1.1.0") == newest, "fetched once"
