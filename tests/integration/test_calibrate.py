"""Recipes against labelled synthetic footage: what is right is known to the frame."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from curator.calibrate.examine import Examination, examine
from curator.calibrate.tune import tune
from curator.engine.progress import Silent
from curator.errors import SourceError, UsageError
from curator.release.build import build
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, LabelsSpec, Settings, StoreSpec
from curator.testing.footage import flat, make_video, pan

pytestmark = pytest.mark.slow

FPS = Fraction(25)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six films of a dark stretch that is wrong, a picture that is right, and a dark stretch again."""
    folder = tmp_path_factory.mktemp("labelled")
    labels = []
    for number in range(6):
        name = f"{number}.mp4"
        scenes = [flat(2, 0.1 + number / 100), pan(4, seed=number), flat(2, 0.1)]
        make_video(folder / name, scenes, fps=FPS)
        for start, end, label in ((0, 2, "reject"), (2, 6, "target"), (6, 8, "reject")):
            why = "" if label == "target" else "dark"
            labels.append(
                {
                    "video": name,
                    "start_seconds": start,
                    "end_seconds": end,
                    "label": label,
                    "why": why,
                }
            )
    lines = "\n".join(json.dumps(label) for label in labels)
    (folder / "truth.jsonl").write_text(lines)
    return folder


def recipe(root: Path, low: float, **changes: Any) -> Recipe:
    document: dict[str, Any] = {
        "name": "lit",
        "target": "target",
        "sources": {"films": {"url": f"{root}/*.mp4", "license": "CC0-1.0"}},
        "segment": {"seconds": {"min": 1, "max": 4}},
        "keep": {"lit": {"of": "luma.mean.median", "min": low}},
    }
    return compile_recipe(document | changes)


def settings(root: Path, **labels: Any) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
        labels=LabelsSpec(**{"url": str(root / "truth.jsonl"), **labels}),
    )


def examined(root: Path, wanted: Recipe, **how: Any) -> Examination:
    return examine(wanted, settings(root), Silent(), **{"beta": 1.0, **how})


def test_a_bound_between_right_and_wrong_is_perfect(root: Path) -> None:
    report = examined(root, recipe(root, 60))
    assert (report.score.precision, report.score.recall) == (1.0, 1.0)
    assert float(report.score.right) == 24.0
    (lit,) = report.thresholds
    assert (lit.right_pass, lit.wrong_pass) == (1.0, 0.0)
    assert lit.bounds[0].right_margin is not None
    assert lit.bounds[0].right_margin > 0
    assert lit.alone_stops_seconds == 24.0
    assert report.confusion.stopped == {"dark": {"keep.lit": 24}}
    assert not report.confusion.kept_wrong
    assert report.lines()


def test_too_loose_a_bound_keeps_what_is_wrong_and_a_better_one_is_found(root: Path) -> None:
    report = examined(root, recipe(root, 5), suggesting=True)
    assert report.score.precision == 0.5
    assert report.confusion.kept_wrong == {"dark": 24}
    assert report.suggestions is not None
    (step,) = report.suggestions
    assert step.path == "keep.lit.min"
    assert (step.precision, step.recall) == (1.0, 1.0)
    assert step.gain > 0.2
    better = examined(root, recipe(root, step.value), suggesting=True)
    assert (better.score.precision, better.score.recall) == (1.0, 1.0)
    assert better.suggestions == ()
    assert json.dumps(report.to_json(), allow_nan=False)


def test_too_tight_a_bound_loses_what_is_right(root: Path) -> None:
    report = examined(root, recipe(root, 230))
    assert report.score.precision is None
    assert report.score.recall == 0.0
    assert report.confusion.lost == {"keep.lit": 24}
    assert report.thresholds[0].alone_costs_seconds == 24.0


def test_frame_conditions_are_moved_as_well(root: Path) -> None:
    where = {"seconds": {"min": 1, "max": 4}, "where": {"lit": {"of": "luma.mean", "min": 5}}}
    report = examined(root, recipe(root, 1, segment=where), suggesting=True)
    assert report.suggestions is not None
    assert report.suggestions[0].path == "segment.where.lit.min"
    assert report.suggestions[0].precision == 1.0


def test_where_clips_part_is_no_threshold(root: Path) -> None:
    split = {"dip": {"of": "luma.mean", "dip": 0.9}}
    segment = {"seconds": {"min": 1, "max": 4}, "split": split}
    report = examined(root, recipe(root, 60, segment=segment), suggesting=True)
    assert [one.name for one in report.thresholds] == ["keep.lit"]
    assert (report.score.precision, report.score.recall) == (1.0, 1.0)


def test_verdicts_with_margin_stand_when_footage_is_altered(root: Path) -> None:
    far = examined(root, recipe(root, 60), altering=True)
    assert [one.alteration for one in far.flips] == ["reencoded", "brighter", "smaller"]
    # The last frames of a film may shift by a millisecond, no more.
    assert all(one.rate < 0.02 for one in far.flips)
    # 16 + 0.1 * 219 is 38 for the dark parts of the first film: eight levels brighter is above 42.
    near = examined(root, recipe(root, 42), altering=True)
    brighter = near.flips[1]
    assert brighter.won_seconds >= 3.9
    assert near.flips[0].rate < 0.02


def test_labels_must_fit_the_footage(root: Path, tmp_path: Path) -> None:
    def said(text: str, **labels: Any) -> str:
        file = tmp_path / "labels.csv"
        file.write_text(f"video,start_seconds,end_seconds,label\n{text}\n")
        with pytest.raises(SourceError) as caught:
            examine(recipe(root, 60), settings(root, url=str(file), **labels), Silent(), beta=1)
        return caught.value.reason

    assert said("other.mp4,0,1,target") == "labels-match-nothing"
    assert said(",0,1,target") == "labels-ambiguous"
    assert said("0.mp4,0,1,good") == "labels-without-right"
    with pytest.raises(UsageError, match="which seconds are right"):
        examine(recipe(root, 60), settings(root, url=None), Silent(), beta=1)


def test_a_yield_is_solved_from_what_a_build_found_out(root: Path) -> None:
    wanted = recipe(root, 5)
    build([wanted], settings(root), Silent())
    report = tune(wanted, settings(root), hours=24 / 3600)
    assert report.hours_now == pytest.approx(48 / 3600, rel=0.02)
    assert report.reached
    assert report.hours_then == pytest.approx(24 / 3600, rel=0.05)
    (words,) = report.overrides()
    assert words.startswith("keep.lit.min=")
    (curve,) = report.curves
    assert list(curve.hours) == sorted(curve.hours, reverse=True)
    # What it proposes is what a preview of it keeps.
    then = examined(root, recipe(root, report.changes["keep.lit.min"][1]))
    assert float(then.score.kept) / 3600 == pytest.approx(report.hours_then)


def test_a_yield_needs_facts_and_conditions(root: Path, tmp_path: Path) -> None:
    elsewhere = Settings(store=StoreSpec(root=str(tmp_path / "store")))
    with pytest.raises(SourceError, match="no build has measured"):
        tune(recipe(root, 5), elsewhere, hours=1)
    with pytest.raises(UsageError, match="no condition"):
        tune(recipe(root, 5), settings(root), hours=1, only=["keep.other"])
