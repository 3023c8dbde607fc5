"""`curator test` and `curator tune` say what a build would release: without copies, and within quotas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from curator.calibrate.examine import Examination, examine
from curator.calibrate.tune import TuneReport, tune
from curator.engine.progress import Silent
from curator.release.build import BuildResult, build
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, LabelsSpec, Settings, StoreSpec
from tests.footage import own

pytestmark = pytest.mark.slow


SECONDS, DARK_SECONDS = 4, 2


def film(path: Path, take: str, *, light: float, size: tuple[int, int], crf: int = 20) -> None:
    """Four seconds of a take in another light, then two dark ones."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": str(crf), "threads": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures(take, size)):
            picture[: size[1]] = 16 + (picture[: size[1]] - 16) * light
            if number >= 25 * SECONDS:
                picture[: size[1]] = 24
            frame = av.VideoFrame.from_ndarray(picture.round().astype(np.uint8), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def pictures(take: str, size: tuple[int, int]) -> Iterator[npt.NDArray[np.float32]]:
    """The first six seconds at 25 per second: ``(3 h / 2, w)`` planes of a frame, one below the other."""
    with av.open(own(take)) as source:
        number = 0
        for frame in source.decode(video=0):
            while number < 25 * (SECONDS + DARK_SECONDS) and frame.time >= number / 25 - 1e-6:
                yield frame.reformat(*size, format="yuv420p").to_ndarray().astype(np.float32)
                number += 1


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three takes; the second lies there twice byte for byte, the third also smaller and coarser."""
    folder = tmp_path_factory.mktemp("copies")
    small, smaller = (320, 180), (240, 136)
    film(folder / "a.mp4", "static_bottles_40s.mp4", light=0.5, size=small)
    film(folder / "b.mp4", "toy_frog.mp4", light=0.8, size=small)
    film(folder / "c.mp4", "juggle_720p.mp4", light=1, size=small)
    film(folder / "d.mp4", "juggle_720p.mp4", light=1, size=smaller, crf=33)
    (folder / "e.mp4").write_bytes((folder / "b.mp4").read_bytes())
    lines = []
    for name in "abcde":
        for start, end, label in ((0, 4, "target"), (4, 6, "dark")):
            at = {"start_seconds": start, "end_seconds": end}
            lines.append(json.dumps({"video": f"{name}.mp4", **at, "label": label}))
    (folder / "truth.jsonl").write_text("\n".join(lines))
    (folder / "some.jsonl").write_text(
        "\n".join(line for line in lines if '"c.mp4"' in line or '"d.mp4"' in line)
    )
    return folder


def recipe(root: Path, low: float = 40, **changes: Any) -> Recipe:
    document: dict[str, Any] = {
        "name": "lit",
        "target": "target",
        "sources": {"films": {"url": f"{root}/*.mp4", "license": "CC0-1.0"}},
        "segment": {"seconds": {"min": 1, "max": 6}},
        "keep": {"lit": {"of": "luma.mean.median", "min": low}},
        "sample": {"video": {"height": 90}, "audio": None},
    }
    return compile_recipe(document | changes)


def settings(root: Path, name: str, labels: str = "truth.jsonl") -> Settings:
    return Settings(
        out=str(root / name),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
        labels=LabelsSpec(url=str(root / labels)),
    )


def built(root: Path, wanted: Recipe) -> BuildResult:
    (result,) = build([wanted], settings(root, wanted.name), Silent())
    return result


def tuned(root: Path, wanted: Recipe, hours: float) -> TuneReport:
    return tune(wanted, settings(root, wanted.name), hours=hours)


def examined(root: Path, wanted: Recipe, labels: str = "truth.jsonl") -> Examination:
    return examine(wanted, settings(root, wanted.name, labels), Silent())


def hours(seconds: float) -> Any:
    return pytest.approx(seconds / 3600, abs=0.1 / 3600)


ONE_EACH: dict[str, Any] = {"by": "source", "max_clips": 2}


@pytest.mark.parametrize(
    ("changes", "kept", "aside"),
    [
        ({"distinct": {}}, 12, {"distinct": 4, "same-content": 4}),
        ({"balance": {"few": ONE_EACH}}, 8, {"balance.few": 8, "same-content": 4}),
        (
            {"distinct": {}, "balance": {"few": ONE_EACH}},
            8,
            {"balance.few": 4, "distinct": 4, "same-content": 4},
        ),
        ({}, 16, {"same-content": 4}),
    ],
)
def test_a_yield_is_what_a_build_releases(
    root: Path, changes: dict[str, Any], kept: float, aside: dict[str, float]
) -> None:
    wanted = recipe(root, **changes)
    result = built(root, wanted)
    report = tuned(root, wanted, 1)
    assert report.hours_now == pytest.approx(result.hours_kept)
    assert report.hours_now == hours(kept)
    assert report.set_aside_now == {name: hours(seconds) for name, seconds in aside.items()}
    text = "\n".join(report.lines())
    assert all(name in text for name in aside)
    assert report == tuned(root, wanted, 1)


def test_the_bound_that_is_found_releases_what_was_asked_for(root: Path) -> None:
    """Among all clips 8 s are two of four; without copies they are two of three, below another bound."""
    wanted = recipe(root, distinct={})
    built(root, wanted)
    report = tuned(root, wanted, 8 / 3600)
    assert report.reached
    assert report.hours_then == hours(8)
    assert report.set_aside_then["distinct"] == hours(4)
    then = recipe(root, report.changes["keep.lit.min"][1], name="then", distinct={})
    assert built(root, then).hours_kept == pytest.approx(report.hours_then)
    (curve,) = report.curves
    assert curve.hours[2] == pytest.approx(report.hours_now)
    assert curve.set_aside_hours[2] == hours(8)


def test_a_quota_that_leaves_too_little_is_said_to(root: Path) -> None:
    wanted = recipe(root, balance={"few": {"by": "source", "max_clips": 1}})
    built(root, wanted)
    report = tuned(root, wanted, 12 / 3600)
    assert not report.reached
    assert report.hours_then == hours(4)
    assert "over the quota balance.few" in "\n".join(report.lines())


def test_copies_of_right_seconds_are_no_mistake_of_the_thresholds(root: Path) -> None:
    report = examined(root, recipe(root, distinct={}))
    assert (report.score.precision, report.score.recall) == (1.0, 1.0)
    assert not report.confusion.lost
    assert report.released.right == {
        "distinct": pytest.approx(4, abs=0.1),
        "same-content": pytest.approx(4, abs=0.1),
    }
    assert report.released.wrong == {}
    assert (report.released.score.precision, report.released.score.recall) == (1.0, 1.0)
    assert float(report.released.score.kept) == pytest.approx(12, abs=0.1)
    facts = report.to_json()["released"]
    assert facts["right_set_aside"]["distinct"] == pytest.approx(4, abs=0.1)
    assert "right, and a copy of a clip that stays (distinct)" in "\n".join(report.lines())


def test_what_is_over_a_quota_is_lost_to_the_release_and_not_to_the_thresholds(root: Path) -> None:
    report = examined(root, recipe(root, balance={"few": ONE_EACH}))
    assert report.score.recall == 1.0
    assert report.released.score.recall == pytest.approx(8 / 16, abs=0.01)
    assert report.released.right["balance.few"] == pytest.approx(8, abs=0.1)


def test_wrong_seconds_that_fall_as_copies_are_told_apart(root: Path) -> None:
    """Too loose a bound keeps the dark ends as well; a quota in light's favour takes them out again."""
    light = {"by": "source", "max_clips": 3, "prefer": "luma.mean.median"}
    report = examined(root, recipe(root, 5, distinct={}, balance={"light": light}))
    assert report.score.precision is not None
    assert report.score.precision < 0.7
    assert report.released.score.precision == 1.0
    assert report.released.wrong["balance.light"] > 0


def test_clips_that_nobody_labelled_take_part(root: Path) -> None:
    """Labels are about `c` and its coarse copy alone; the quota is for clips of all videos."""
    wanted = recipe(
        root,
        distinct={},
        balance={"one": {"by": "source", "max_clips": 1, "prefer": "luma.mean.median"}},
    )
    report = examined(root, wanted, "some.jsonl")
    assert report.videos == 2
    assert float(report.score.kept) == pytest.approx(8, abs=0.1)
    kept = built(root, wanted).release.folder
    assert float(report.released.score.kept) == pytest.approx(4, abs=0.1), kept


def test_without_copies_and_quotas_nothing_is_said_of_them(root: Path) -> None:
    url = f"{root}/[abc].mp4"
    report = examined(root, recipe(root, sources={"films": {"url": url, "license": "CC0-1.0"}}))
    assert report.released.lines() == []
    assert report.released.score == report.score
