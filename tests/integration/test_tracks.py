"""Series of measures as tracks of samples, from the recipe to `load_dataset`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.engine.progress import Silent
from curator.errors import RecipeErrors
from curator.release.build import BuildResult, build
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.footage import flat, make_video, pan

pytestmark = pytest.mark.slow

TRACKS = {"light": {"of": "luma.mean"}, "picture": {"of": "phash.hash"}}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    make_video(path, [flat(2, 0.02), pan(7, seed=1), flat(2, 0.02)], fps=Fraction(25))
    return path


def recipe(film: Path, tracks: dict[str, Any]) -> Recipe:
    return compile_recipe(
        {
            "name": "tracked",
            "target": "test",
            "sources": {"films": {"url": str(film), "license": "CC0-1.0"}},
            "segment": {
                "seconds": {"min": 1, "max": 4, "trim": 0.1},
                "where": {"bright": {"of": "luma.mean", "min": 40}},
            },
            "sample": {"video": {"height": 90}, "audio": None, "tracks": tracks},
        }
    )


def built(root: Path, wanted: Recipe) -> BuildResult:
    settings = Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )
    (result,) = build([wanted], settings, Silent())
    return result


def rows(result: BuildResult) -> list[dict[str, Any]]:
    table = pq.read_table(result.release.folder / "data")
    found: list[dict[str, Any]] = table.to_pylist()
    return sorted(found, key=lambda row: row["start_seconds"])


def test_a_track_holds_what_the_measure_saw_on_the_clips_clock(film: Path, tmp_path: Path) -> None:
    result = built(tmp_path, recipe(film, TRACKS))
    clips = rows(result)
    assert len(clips) >= 2
    for clip in clips:
        light = clip["tracks.light"]
        seconds = np.array(light["seconds"])
        length = clip["end_seconds"] - clip["start_seconds"]
        assert 0 <= seconds[0] < 0.26  # four values per second
        assert seconds[-1] < length
        assert np.allclose(np.diff(seconds), 0.25, atol=0.03)
        assert len(light["values"]) == len(seconds)
        assert np.median(light["values"]) == pytest.approx(clip["luma.mean.median"], abs=1e-3)
        picture = clip["tracks.picture"]
        assert np.array(picture["values"]).ndim == 2
    # A clip that begins later in the film has its own values, not those of the first.
    assert clips[0]["tracks.light"]["values"] != clips[1]["tracks.light"]["values"]


def test_adding_a_track_encodes_nothing_again_and_the_second_build_is_the_same(
    film: Path, tmp_path: Path
) -> None:
    built(tmp_path, recipe(film, {}))
    tracked = built(tmp_path, recipe(film, TRACKS))
    assert tracked.frames_encoding == 0
    again = built(tmp_path, recipe(film, TRACKS))
    assert again.frames_decoded == 0
    assert again.release.digest == tracked.release.digest


def test_datasets_reads_tracks_as_nested_lists(film: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    result = built(tmp_path, recipe(film, TRACKS))
    found = load_dataset(str(result.release.folder), cache_dir=str(tmp_path / "cache"))["train"]
    row = found.remove_columns("video")[0]
    assert set(row["tracks.light"]) == {"seconds", "values"}
    assert len(row["tracks.picture"]["values"]) == len(row["tracks.picture"]["seconds"])
    card = (result.release.folder / "README.md").read_text()
    assert "`tracks.light`" in card


def test_a_track_must_be_a_series(film: Path) -> None:
    with pytest.raises(RecipeErrors) as caught:
        recipe(
            film,
            {"x": {"of": "luma.mena"}, "y": {"of": "luna.mean"}, "z": {}, "1": {"of": "luma.mean"}},
        )
    reasons = sorted(error.reason for error in caught.value.errors)
    assert reasons == [
        "recipe-bad-name",
        "recipe-missing",
        "recipe-unknown-measure",
        "recipe-unknown-signal",
    ]
