"""What was published, pulled in part or taken back in part, read by the tools of others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from curator.cli import run as command
from curator.hub.address import open_remote
from curator.hub.publish import publish
from curator.hub.pull import pull
from curator.hub.remote import Remote
from curator.hub.takedown import Target, takedown
from curator.release.read import open_release
from curator.release.write import write
from curator.spec.settings import PublishSpec
from tests.hub import HubServer
from tests.hub.clients import CLIENT_WARNING, as_user, without_waiting
from tests.release_content import content, outcome

datasets = pytest.importorskip("datasets")
mlcroissant = pytest.importorskip("mlcroissant")

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


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """A dataset on the Hub with one version: three videos in two splits."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    made = content(tmp_path / "m", [outcome(0), outcome(1), outcome(2, split="test")])
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "curator"))
        without_waiting(monkeypatch)
        found = open_remote(REPO)
        publish(write(tmp_path / "out", made).folder, found, SPEC, say=lambda _: None)
        yield found


def records(folder: Path) -> set[str]:
    found = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not found.metadata.issues.errors
    return {one["default/id"].decode() for one in found.records("default")}


def rows(folder: Path) -> dict[str, list[str]]:
    """By split, as `datasets` reads it; it refuses what the card does not say."""
    loaded = datasets.load_dataset(str(folder))
    return {name: sorted(split["id"]) for name, split in loaded.items()}


def ids(folder: Path) -> set[str]:
    return set(open_release(folder).manifest["samples"])


def told(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "croissant.json").read_text())
    return found


def test_a_version_is_whole_for_everybody(remote: Remote, tmp_path: Path) -> None:
    folder = pull(remote, tmp_path / "here").folder
    assert records(folder) == ids(folder)
    assert {one for held in rows(folder).values() for one in held} == ids(folder)
    assert told(folder)["version"] == "1.0.0"
    assert told(folder)["url"].endswith(f"/datasets/{REPO}")
    card = DatasetCard.load(folder / "README.md")
    assert f'curator.load("{REPO}", revision="v1.0.0"' in card.text
    assert f"curator pull {REPO}@v1.0.0" in card.text
    assert "(assets/contact.jpg)" in card.text
    assert (folder / "assets/contact.jpg").read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_part_is_whole_for_everybody(remote: Remote, tmp_path: Path, split: str) -> None:
    folder = pull(remote, tmp_path / "here", split=split).folder
    assert list(rows(folder)) == [split]
    assert records(folder) == ids(folder) == set(rows(folder)[split])
    assert open_release(folder).damage() == ()
    assert pull(remote, tmp_path / "here", split=split).bytes_fetched == 0


def test_what_is_left_after_a_takedown_is_whole_for_everybody(
    remote: Remote, tmp_path: Path
) -> None:
    before = pull(remote, tmp_path / "before").folder
    gone = min(
        one
        for one, held in open_release(before).manifest["samples"].items()
        if held["split"] == "train"
    )
    takedown(remote, Target(sample=gone), SPEC, reason="asked to", say=lambda _: None)
    after = pull(remote, tmp_path / "after").folder
    assert ids(after) == ids(before) - {gone}
    assert records(after) == ids(after)
    assert {one for held in rows(after).values() for one in held} == ids(after)
    # Its picture may be in the contact sheet.
    assert not (after / "assets").exists()
    assert "assets/" not in (after / "README.md").read_text()
    assert told(after)["version"] == "2.0.0"
    shards = {path: one["sha256"] for path, one in open_release(after).manifest["files"].items()}
    for one in told(after)["distribution"][:-1]:
        assert one["sha256"] == shards[one["@id"]]


def test_a_published_version_is_converted_by_its_name(
    remote: Remote, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    webdataset = pytest.importorskip("webdataset")
    shards = tmp_path / "shards"
    assert command(["convert", f"{REPO}@v1.0.0", "--to", "webdataset", str(shards), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["samples"] == 3
    keys = set()
    for path in sorted(shards.glob("*.tar")):
        keys |= {one["__key__"] for one in webdataset.WebDataset(str(path), shardshuffle=False)}
    whole = pull(remote, tmp_path / "here").folder
    assert keys == ids(whole)
    shutil.rmtree(shards)
