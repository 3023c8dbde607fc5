from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from curator.errors import StoreError
from curator.release.read import newest, open_release, releases
from curator.release.write import write
from tests.release_content import content, outcome


def test_the_newest_is_the_last_built_of_its_name(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs", [outcome(1)])
    motion = dataclasses.replace(made.recipe, name="motion")
    a = write(tmp_path / "out", made)
    b = write(tmp_path / "out", dataclasses.replace(made, recipe=motion))
    os.utime(a.folder, (100, 100))
    os.utime(b.folder, (200, 200))
    for name, release in ((None, b), ("motion", b), ("avatar", a)):
        found = newest(tmp_path / "out", name=name)
        assert found is not None
        assert (found.version, found.digest) == (release.version, release.digest)
    assert newest(tmp_path / "out", name="robotics") is None
    assert len(list(releases(tmp_path / "out"))) == 2


def test_a_folder_that_is_not_there_has_no_releases(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere") is None


def test_a_staged_folder_is_no_release(tmp_path: Path) -> None:
    made = write(tmp_path, content(tmp_path / "blobs", [outcome(1)]))
    made.folder.rename(tmp_path / ".staging-0")
    assert newest(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "release-broken"), ("[]", "release-broken"), ('{"format": 99}', "release-format")],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StoreError) as error:
        open_release(tmp_path)
    assert error.value.reason == reason
    assert error.value.hint


def test_damage_is_named_file_by_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", content(tmp_path / "blobs", [outcome(1)])).folder
    assert open_release(folder).damage() == ()
    (folder / "shots.parquet").unlink()
    (folder / "README.md").write_text("other")
    assert open_release(folder).damage() == ("shots.parquet is missing", "README.md has changed")
    with pytest.raises(StoreError) as error:
        open_release(folder).shots()
    assert error.value.reason == "release-broken"


def test_a_manifest_that_was_made_to_fit_is_found_by_its_digest(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", content(tmp_path / "blobs", [outcome(1)])).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["name"] = "other"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert open_release(folder).damage() == ("manifest.json has changed",)
