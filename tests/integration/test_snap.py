"""Clips of real talk, from the recipe to the release: they begin and end with sentences of the transcript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curator.engine.progress import Silent
from curator.release.build import BuildResult, build
from curator.release.explain import explain
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from tests.footage import shared

pytestmark = pytest.mark.slow

SAID = (293.51, 303.75)
"""Seconds of the film in which the one sentence of its transcript is said, over four cues with pauses between."""
CUES = [(293.51, 295.40), (296.46, 297.54), (298.57, 300.78), (301.35, 303.75)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film with its transcript beside it, and without."""
    folder = tmp_path_factory.mktemp("talk")
    (folder / "told.mp4").symlink_to(shared("fixtures/film/film_fixture.mp4"))
    (folder / "told.srt").write_bytes(shared("fixtures/film/film_fixture.srt").read_bytes())
    return folder


def recipe(film: Path, **snap: Any) -> Recipe:
    return compile_recipe(
        {
            "name": "talks",
            "target": "test",
            "sources": {
                "film": {
                    "url": str(film / "told.mp4"),
                    "license": "CC0-1.0",
                    "sidecars": {"transcript": "{stem}.srt"},
                }
            },
            "segment": {
                "seconds": {"min": 2, "max": 12},
                "snap": {"of": "speech.probability", "within_seconds": 3, **snap},
            },
            "sample": {"tracks": {"transcript": {"of": "sidecar.transcript"}}},
            "pack": {"clips": "virtual"},
        }
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("talks")


def built(root: Path, wanted: Recipe) -> BuildResult:
    (result,) = build([wanted], settings(root), Silent())
    assert result.videos["failed"] == 0
    return result


def settings(root: Path) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=2),
        store=StoreSpec(root=str(root / "store")),
    )


def clips(result: BuildResult) -> list[dict[str, Any]]:
    rows = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    return [row for row in rows if row["unit"] == "clip"]


def at(rows: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    (row,) = (row for row in rows if row["start_seconds"] <= seconds < row["end_seconds"])
    return row


def test_clips_of_real_talk_begin_and_end_with_its_sentences(film: Path, root: Path) -> None:
    told = clips(built(root, recipe(film)))
    first, last = at(told, 294), at(told, 303)
    assert first["snap.start"] == "sentence"
    assert SAID[0] - 0.3 < first["start_seconds"] <= SAID[0]
    assert last["snap.end"] == "sentence"
    assert SAID[1] <= last["end_seconds"] < SAID[1] + 0.3
    # Where the sentence goes on beyond the stretch, a pause inside of it does.
    assert (first["snap.end"], last["snap.start"]) == ("pause", "pause")
    for instant in (first["end_seconds"], last["start_seconds"]):
        assert not any(start < instant < end for start, end in CUES)
    # Others talk elsewhere in the film, without a transcript.
    assert {row["snap.start"] for row in told if row["end_seconds"] < 290} == {"pause", "unmoved"}
    assert all(2 <= row["end_seconds"] - row["start_seconds"] <= 12 for row in told)


def test_without_the_transcript_the_same_clips_end_in_pauses(film: Path, root: Path) -> None:
    told, heard = (clips(built(root, recipe(film, **how))) for how in ({}, {"text": None}))
    assert {at(heard, t)[name] for t, name in ((294, "snap.start"), (303, "snap.end"))} == {"pause"}
    assert [row["end_seconds"] for row in heard] != [row["end_seconds"] for row in told]
    elsewhere = [[r for r in rows if r["end_seconds"] < 290] for rows in (told, heard)]
    assert elsewhere[0] == [{**row, "id": other["id"]} for row, other in zip(elsewhere[1], elsewhere[0], strict=True)]  # fmt: skip


def test_the_explanation_and_the_funnel_say_what_the_ends_lie_at(film: Path, root: Path) -> None:
    wanted = recipe(film)
    result = built(root, wanted)
    (found,) = explain(f"{film / 'told.mp4'}@296", settings(root), wanted).explanations
    (said,) = (one for one in found.checks if one.name == "segment.snap")
    assert said.value == "sentence to pause"
    assert "sidecar.transcript" in said.about
    assert any("sentence to pause" in line for line in found.lines())
    lost = next(step for step in result.funnel if step.name == "segment.snap")
    assert lost.seconds_in > lost.seconds_out


def test_another_transcript_is_another_release_and_decodes_nothing(film: Path, root: Path) -> None:
    before = clips(built(root, recipe(film)))
    cues = (film / "told.srt").read_text().replace("ask not\n", "ask not.\n")
    (film / "told.srt").write_text(cues)
    result = built(root, recipe(film))
    assert result.frames_decoded == 0
    after = clips(result)
    first = at(after, 294)
    assert (first["snap.start"], first["snap.end"]) == ("sentence", "sentence")
    assert at(before, 294)["snap.end"] == "pause"
