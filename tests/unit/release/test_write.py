from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from curator.model.span import Span
from curator.release.read import newest, open_release
from curator.release.write import write
from tests.release_content import NASTY, content, outcome, shuffled

FILES = {
    "README.md",
    "assets/contact.jpg",
    "build.lock.json",
    "croissant.json",
    "data/test-all.parquet",
    "data/train-all.parquet",
    "failures.parquet",
    "manifest.json",
    "metrics.parquet",
    "recipe.yaml",
    "report.html",
    "shots.parquet",
}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_release_is_a_folder_named_after_its_digest(tmp_path: Path) -> None:
    release = write(tmp_path / "out", content(tmp_path / "blobs"))
    assert release.folder == tmp_path / "out" / release.digest[:12]
    assert set(tree(release.folder)) == FILES
    assert [path.name for path in (tmp_path / "out").iterdir()] == [release.version]
    assert open_release(release.folder).damage() == ()


def test_the_same_content_gives_the_same_bytes_elsewhere_and_in_another_order(
    tmp_path: Path,
) -> None:
    made = content(tmp_path / "blobs")
    a = write(tmp_path / "a", made)
    b = write(tmp_path / "deep" / "b", shuffled(made))
    assert tree(a.folder) == tree(b.folder)


def test_nothing_of_the_machine_is_in_a_release(tmp_path: Path) -> None:
    release = write(tmp_path / "out", content(tmp_path / "blobs"))
    for name, data in tree(release.folder).items():
        assert str(tmp_path).encode() not in data, name


def test_a_version_that_is_there_is_left_alone_and_becomes_the_newest(tmp_path: Path) -> None:
    out, made = tmp_path / "out", content(tmp_path / "blobs")
    first = write(out, made)
    other = write(out, dataclasses.replace(made, lock={}))
    found = newest(out)
    assert found is not None
    assert found.version == other.version
    inode = (first.folder / "manifest.json").stat().st_ino
    assert write(out, made) == first
    assert (first.folder / "manifest.json").stat().st_ino == inode
    found = newest(out)
    assert found is not None
    assert found.version == first.version


@pytest.mark.parametrize("victim", ["data/train-all.parquet", "report.html", "manifest.json"])
def test_a_damaged_version_is_replaced(tmp_path: Path, victim: str) -> None:
    out, made = tmp_path / "out", content(tmp_path / "blobs")
    release = write(out, made)
    whole = tree(release.folder)
    path = release.folder / victim
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert write(out, made) == release
    assert tree(release.folder) == whole
    assert [one.name for one in out.iterdir()] == [release.version]


def test_a_crash_while_writing_leaves_nothing(tmp_path: Path) -> None:
    class GoneError(RuntimeError):
        pass

    def posters(fingerprint: str, span: Span) -> Sequence[bytes]:
        raise GoneError

    made = dataclasses.replace(content(tmp_path / "blobs"), posters=posters)
    with pytest.raises(GoneError):
        write(tmp_path / "out", made)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_contact_sheet_shows_the_kept_clips_and_is_no_content(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs")
    release = write(tmp_path / "out", made)
    with Image.open(release.folder / "assets/contact.jpg") as picture:
        size = picture.size
    assert size == (4 + 3 * 196, 4 + 112)
    blind = dataclasses.replace(made, posters=lambda fingerprint, span: [])
    other = write(tmp_path / "blind", blind)
    assert other.digest == release.digest
    assert not (other.folder / "assets").exists()
    assert "assets/" not in (other.folder / "README.md").read_text()


def test_the_metrics_tile_every_video_with_verdicts(tmp_path: Path) -> None:
    release = write(tmp_path / "out", content(tmp_path / "blobs"))
    rows = open_release(release.folder).metrics().to_pylist()
    assert len(rows) == 15
    first = [row for row in rows if row["video"] == "films/film 1.mp4"]
    assert [(row["start_seconds"], row["end_seconds"]) for row in first] == [
        (0, 12),
        (12, 30),
        (30, 36),
        (36, 50),
        (50, 60),
    ]
    kept, missed, rest, late, failed = first
    assert (kept["verdict"], kept["reason"], kept["id"]) == ("kept", "ok", "00010000")
    assert (missed["threshold"], missed["margin"], missed["id"]) == ("keep.voice", -0.02, None)
    assert (rest["unit"], rest["verdict"], rest["reason"]) == ("rest", "dropped", "too-short")
    assert late["speech.share"] is None
    assert json.loads(late["absent"]) == {"speech.share": "no-audio"}
    assert (failed["verdict"], failed["absent"]) == ("unscored", None)
    assert kept["container.codec"] == "h264"


def test_shots_and_failures_are_tables_even_when_empty(tmp_path: Path) -> None:
    release = open_release(write(tmp_path / "a", content(tmp_path / "blobs")).folder)
    shots = release.shots().to_pylist()
    assert len(shots) == 6
    assert (shots[0]["transition"], shots[0]["kept_seconds"], shots[0]["end_frame"]) == (
        "start",
        12.0,
        750,
    )
    assert shots[0]["luma.mean"] == 100.0
    assert (shots[1]["transition"], shots[1]["clean_start_seconds"]) == ("dissolve", None)
    [failure] = release.failures().to_pylist()
    assert (failure["stage"], failure["reason"], failure["op"]) == ("measure", "timeout", "face")
    empty = open_release(write(tmp_path / "b", content(tmp_path / "none", [])).folder)
    for table in (empty.metrics(), empty.shots(), empty.failures()):
        assert table.num_rows == 0
    assert empty.failures().schema == release.failures().schema
    assert set(empty.metrics().column_names) == set(release.metrics().column_names)


def test_the_manifest_says_where_every_sample_is(tmp_path: Path) -> None:
    release = open_release(write(tmp_path / "out", content(tmp_path / "blobs")).folder)
    assert release.manifest["parent"] is None
    for one, place in release.manifest["samples"].items():
        ids = pq.read_table(release.folder / place["shard"], columns=["id"])["id"].to_pylist()
        assert one in ids
    assert len(release.manifest["samples"]) == 3


def test_the_lock_has_the_recipe_the_footage_and_the_weights(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs")
    lock = open_release(write(tmp_path / "out", made).folder).lock()
    assert lock["recipe"] == made.document
    assert lock["videos"]["films/film 1.mp4"]["fingerprint"] == made.outcomes[1].fingerprint
    assert lock["weights"]["yuface"]["sha256"] == "ab" * 32


def test_another_threshold_version_or_verdict_is_another_version(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs")
    others = [
        made,
        dataclasses.replace(made, document={**made.document, "keep": {}}),
        dataclasses.replace(made, lock={"versions": {"curator": "0.2.0"}}),
        dataclasses.replace(made, samples=made.samples[:-1]),
        dataclasses.replace(made, outcomes=made.outcomes[:-1]),
    ]
    assert len({write(tmp_path / "out", one).digest for one in others}) == len(others)


def test_a_nasty_name_reaches_the_tables_unharmed(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs", [outcome(0, url=NASTY)])
    rows = open_release(write(tmp_path / "out", made).folder).metrics().to_pylist()
    assert rows[0]["video"] == NASTY.replace("\udcff", "\\udcff")
