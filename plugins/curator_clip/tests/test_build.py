"""A recipe's own words in a whole build: what they keep, and what makes a build look again."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from curator_clip.tests.tiny import Tiny

from curator.engine.progress import Silent
from curator.release.build import BuildResult, build
from curator.spec.compile import compile_recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.footage import make_video, still

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, 4 s each, and the first of them again."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    scenes = [still(4, seed=1), still(4, seed=2), still(4, seed=1)]
    make_video(path, scenes, fps=Fraction(25))
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def built(film: Path, store: Path, out: Path, talk: dict[str, Any], **changed: Any) -> BuildResult:
    document = {
        "name": "words",
        "target": "test",
        "sources": {"films": {"url": str(film), "license": "CC0-1.0"}},
        "segment": {"seconds": {"min": 1}},
        "measure": {"talk": {"op": "relevance", "fps": 2, **talk}},
        "keep": {"words": {"of": "talk.yes_similarity.median", "min": -1}},
        **changed,
    }
    how = Settings(out=str(out), engine=EngineSpec(workers=1), store=StoreSpec(root=str(store)))
    (result,) = build([compile_recipe(document)], how, Silent())
    return result


def fits(result: BuildResult) -> dict[float, tuple[float, str]]:
    """By the clip's start, whole seconds: nearness to what is asked for, and verdict."""
    rows = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    return {
        round(row["start_seconds"]): (row["talk.yes_similarity.median"], row["verdict"])
        for row in rows
        if row["talk.yes_similarity.median"] is not None
    }


def test_words_keep_what_fits_them_and_a_new_bound_or_a_moved_file_decodes_nothing(
    film: Path, store: Path, tiny: Tiny, tmp_path: Path
) -> None:
    talk = {"yes": ["a face"], "no": ["a slide"], **tiny.settings}
    first = built(film, store, tmp_path / "first", talk)
    found = fits(first)
    assert set(found) == {0, 4, 8}
    # A network of random numbers tells pictures apart, if not by much.
    assert abs(found[0][0] - found[8][0]) < abs(found[0][0] - found[4][0]) / 2
    assert first.frames_decoded > 0

    # A bound between the two, and a file that lies elsewhere: nothing is looked at again.
    elsewhere = tmp_path / "elsewhere"
    shutil.copy(tiny.checkpoint, elsewhere)
    between = (found[0][0] + found[4][0]) / 2
    side = "min" if found[4][0] > between else "max"
    again = built(
        film,
        store,
        tmp_path / "again",
        {**talk, "checkpoint": str(elsewhere)},
        keep={"words": {"of": "talk.yes_similarity.median", side: between}},
    )
    verdicts = {start: verdict for start, (_, verdict) in fits(again).items()}
    assert verdicts == {0: "dropped", 4: "kept", 8: "dropped"}
    assert again.frames_decoded == 0


def test_other_words_are_measured(film: Path, store: Path, tiny: Tiny, tmp_path: Path) -> None:
    talk = {"yes": ["a dog"], "no": ["a slide"], **tiny.settings}
    result = built(film, store, tmp_path, talk)
    assert result.frames_decoded > 0


def test_the_same_picture_again_is_a_near_duplicate_by_its_vector(
    film: Path, store: Path, tiny: Tiny, tmp_path: Path
) -> None:
    talk = {"yes": ["a face"], "no": ["a slide"], **tiny.settings}
    vectors = {"alike": {"of": "talk.embedding", "max_distance": 0.005}}
    result = built(film, store, tmp_path, talk, distinct={"pictures": False, "vectors": vectors})
    verdicts = {start: verdict for start, (_, verdict) in fits(result).items()}
    assert verdicts[4] == "kept"
    assert sorted([verdicts[0], verdicts[8]]) == ["dropped", "kept"]
