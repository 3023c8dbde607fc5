"""Copies and quotas in whole builds: found, explained, previewed, counted; only what stays is encoded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pyarrow.parquet as pq
import pytest

from curator.engine.inspect import plan, preview
from curator.engine.progress import Silent
from curator.errors import StoreError
from curator.plan.splits import split_of
from curator.release.build import BuildResult, build
from curator.release.diff import diff
from curator.release.explain import explain
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from tests.footage import own, shared

pytestmark = pytest.mark.slow


def edit(path: Path, takes: Sequence[str], *, size: tuple[int, int], crf: int, fps: int) -> None:
    """Four seconds of each clip, one after the other, at another size, rate and quality."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=fps, options={"crf": str(crf), "threads": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        count = 0
        for take in takes:
            with av.open(own(take)) as source:
                shown = 0
                for frame in source.decode(video=0):
                    while shown < 4 * fps and frame.time >= shown / fps - 1e-6:
                        picture = frame.reformat(*size, format="yuv420p")
                        picture.pts, picture.time_base = count, Fraction(1, fps)
                        out.mux(stream.encode(picture))
                        shown, count = shown + 1, count + 1
        out.mux(stream.encode(None))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a`: two takes. `b`: another take, and the first one of `a` again, smaller, coarser, at another rate."""
    folder = tmp_path_factory.mktemp("films")
    edit(folder / "a.mp4", ["juggle_720p.mp4", "toy_frog.mp4"], size=(640, 360), crf=20, fps=25)
    edit(
        folder / "b.mp4",
        ["static_bottles_40s.mp4", "juggle_720p.mp4"],
        size=(320, 180),
        crf=33,
        fps=20,
    )
    return folder


def recipe(url: str | Path, **changes: Any) -> Recipe:
    document: dict[str, Any] = {
        "name": "distinct",
        "target": "test",
        "sources": {"films": {"url": str(url), "license": "CC0-1.0"}},
        "segment": {"seconds": {"min": 1, "max": 10}},
        "sample": {"video": {"height": 90}, "audio": None},
    }
    return compile_recipe(document | changes)


def settings(root: Path, workers: int = 1) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=workers),
        store=StoreSpec(root=str(root / "store")),
    )


def built(root: Path, wanted: Recipe, workers: int = 1) -> BuildResult:
    (result,) = build([wanted], settings(root, workers), Silent())
    return result


def rows(result: BuildResult) -> list[dict[str, Any]]:
    path = result.release.folder / "metrics.parquet"
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def duplicates(result: BuildResult) -> dict[str, str]:
    """File name of each copy to that of its twin."""
    return {
        Path(row["video"]).name: Path(row["distinct.twin"].rpartition("@")[0]).name
        for row in rows(result)
        if row["reason"] == "duplicate"
    }


FIXTURE = {
    "q_crop90.mp4": "duplicate",
    "q_graded.mp4": "duplicate",
    "q_reencoded_small.mp4": "duplicate",
    "q_shift_100ms.mp4": "duplicate",
    "q_mirrored.mp4": "mirror-duplicate",
}


@pytest.mark.parametrize("mirror", [False, True])
def test_every_true_pair_of_the_fixture_is_found_and_no_false_one(
    tmp_path: Path, mirror: bool
) -> None:
    folder = shared("fixtures/dedup/q_orig.mp4").parent
    truth = json.loads((folder.parent / "gt" / "dedup.json").read_text())
    wanted = {
        Path(one["file"]).name
        for one in truth
        if one["relation"] == "duplicate" or (mirror and one["relation"] == "mirror-duplicate")
    }
    assert wanted == {n for n, kind in FIXTURE.items() if kind == "duplicate" or mirror}
    result = built(tmp_path, recipe(folder / "*.mp4", distinct={"mirror": mirror}), workers=2)
    found = duplicates(result)
    # Which one of the group stays is decided by content; every other one falls for it.
    group = {"q_orig.mp4", *wanted}
    assert len(set(found.values())) == 1
    assert set(found) | set(found.values()) == group
    assert not set(found) & set(found.values())


def test_only_what_stays_is_encoded_and_the_funnel_counts_it(films: Path, tmp_path: Path) -> None:
    plain = built(tmp_path / "plain", recipe(films / "*.mp4"))
    result = built(tmp_path / "distinct", recipe(films / "*.mp4", distinct={}))
    assert plain.clips == {"kept": 4, "dropped": 0, "unscored": 0}
    assert result.clips == {"kept": 3, "dropped": 1, "unscored": 0}
    assert result.frames_encoding < plain.frames_encoding
    (step,) = [one for one in result.funnel if one.name == "distinct"]
    assert step.seconds_in - step.seconds_out == pytest.approx(4, abs=0.1)
    assert (step.clips_in, step.clips_out) == (4, 3)
    assert len(list((result.release.folder).rglob("footprints.parquet"))) == 1
    assert "duplicate" in (result.release.folder / "report.html").read_text()


def test_workers_and_history_change_nothing(films: Path, tmp_path: Path) -> None:
    wanted = recipe(
        films / "*.mp4",
        distinct={"prefer": "sharpness.score.median"},
        balance={"few": {"by": "video", "max_clips": 1}},
        splits={"test": 0.5},
    )
    first = built(tmp_path / "one", wanted)
    built(tmp_path / "two", recipe(films / "*.mp4", distinct={"mirror": True}))
    second = built(tmp_path / "two", wanted, workers=2)
    again = built(tmp_path / "two", wanted, workers=2)
    assert first.release.digest == second.release.digest == again.release.digest
    assert again.frames_decoded == 0


def test_a_copy_is_explained_previewed_and_planned(films: Path, tmp_path: Path) -> None:
    wanted = recipe(films / "*.mp4", distinct={})
    result = built(tmp_path, wanted)
    (copy,) = [row for row in rows(result) if row["reason"] == "duplicate"]
    name, at = Path(copy["video"]).name, copy["start_seconds"]
    said = explain(f"{name}@{at + 1}", settings(tmp_path), wanted)
    (one,) = said.to_json()["rows"]
    assert one["reason"] == "duplicate"
    assert one["margin"] == pytest.approx(copy["margin"])
    assert one["signals"]["distinct.twin"] == copy["distinct.twin"]
    assert f"a copy of {copy['distinct.twin']}" in "\n".join(said.lines())
    # The twin is named in a form that can be explained in turn.
    twin = explain(copy["distinct.twin"], settings(tmp_path), wanted)
    assert "1 copies of it fell" in "\n".join(twin.lines())
    looked = preview(wanted, settings(tmp_path))
    assert looked.clips == result.clips
    assert [s for s in looked.funnel if s.name == "distinct"] == [
        s for s in result.funnel if s.name == "distinct"
    ]
    planned = plan([wanted], settings(tmp_path))
    assert planned.hours_kept[0] == pytest.approx(result.hours_kept)
    assert any(line.startswith("  then    distinct") for line in planned.lines())


def test_videos_that_share_a_take_are_never_in_two_splits(films: Path, tmp_path: Path) -> None:
    alone: list[int] = []
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        wanted = recipe(films / "*.mp4", distinct={}, splits={"test": share})
        found = rows(built(tmp_path, wanted))
        assert len({row["split"] for row in found}) == 1, share
        alone.append(len({split_of(wanted, row["fingerprint"]) for row in found}))
    assert 2 in alone  # by themselves they would have been separated


def test_what_an_earlier_release_has_is_left_out(films: Path, tmp_path: Path) -> None:
    earlier = built(tmp_path, recipe(films / "b.mp4", distinct={}))
    folder = earlier.release.folder
    wanted = recipe(films / "a.mp4", distinct={"against": [str(folder)]})
    result = built(tmp_path, wanted)
    (copy,) = [row for row in rows(result) if row["reason"] == "duplicate"]
    assert copy["start_seconds"] == 0
    version, _, sample = copy["distinct.twin"].partition(":")
    assert version == earlier.release.version
    assert sample in {row["id"] for row in rows(earlier)}
    lock = json.loads((result.release.folder / "build.lock.json").read_text())
    assert lock["against"] == [version]
    change = next(one for one in diff(folder, result.release.folder).clips_out)
    assert change.reason == "no-such-video"
    again = built(tmp_path, wanted)
    assert again.release.digest == result.release.digest


def test_releases_that_cannot_be_compared_with_are_refused(films: Path, tmp_path: Path) -> None:
    plain = built(tmp_path, recipe(films / "b.mp4"))
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    for against, reason in [
        (plain.release.folder, "against-no-footprints"),
        (tmp_path / "out", "against-out"),
        (nothing, "not-a-release"),
    ]:
        with pytest.raises(StoreError) as caught:
            built(tmp_path, recipe(films / "a.mp4", distinct={"against": [str(against)]}))
        assert caught.value.reason == reason


def test_a_sweep_gives_each_recipe_what_it_gets_alone(films: Path, tmp_path: Path) -> None:
    wanted = [
        recipe(films / "*.mp4", name="all"),
        recipe(films / "*.mp4", name="distinct", distinct={}),
        recipe(films / "*.mp4", name="few", balance={"v": {"by": "video", "max_clips": 1}}),
    ]
    together = build(wanted, settings(tmp_path / "sweep"), Silent())
    for one, result in zip(wanted, together, strict=True):
        alone = built(tmp_path / one.name, one)
        assert result.release.digest == alone.release.digest, one.name


def test_the_same_file_twice_is_no_copy(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    for name in ("first.mp4", "second.mp4"):
        (folder / name).write_bytes((films / "a.mp4").read_bytes())
    result = built(tmp_path, recipe(folder / "*.mp4", distinct={}))
    reasons = {Path(row["video"]).name: row["reason"] for row in rows(result)}
    assert reasons == {"first.mp4": "ok", "second.mp4": "same-content"}
