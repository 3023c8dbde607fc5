from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curator.engine.sample import video_track
from curator.errors import RecipeErrors
from curator.media.probe import Probe, probe
from curator.model.look import Fit, Hdr, Look, Matrix
from curator.model.series import Series
from curator.model.span import Span
from curator.plan.crop import crop_document, crop_path, subject_of
from curator.plan.logical import LogicalPlan, Node, compile_plan
from curator.spec.compile import compile_recipe
from curator.store.key import canonical
from curator.testing.footage import make_video, pan

SPAN = Span(Fraction(1, 2), Fraction(3, 2))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Probe:
    path: Path = tmp_path_factory.mktemp("film") / "a.mp4"
    make_video(path, [pan(2)], fps=Fraction(25), size=(320, 180))
    return probe(path)


def plan(video: dict[str, Any], **sample: Any) -> LogicalPlan:
    return compile_plan(
        compile_recipe(
            {
                "name": "cropped",
                "target": "test",
                "sources": {"films": {"url": "a.mp4", "license": "CC0-1.0"}},
                "sample": {"video": video, **sample},
            }
        )
    )


class Facts:
    """What a store knows, by node."""

    def __init__(self, **known: dict[str, Any]) -> None:
        self._known = known

    def series(self, node: Node) -> Mapping[str, Series]:
        said = self._known.get(node.name, {})
        return {
            name: Series(np.arange(len(values)), Fraction(1, 8), np.array(values, np.float32))
            for name, values in said.items()
        }


FACE = {"x": [0.5] * 16, "y": [0.4] * 16, "width": [0.1] * 16, "height": [0.2] * 16}
BARS = {"top": [0.1] * 16, "bottom": [0.1] * 16, "left": [0.0] * 16, "right": [0.0] * 16}


def test_without_a_box_there_is_no_path_and_no_key_changes(found: Probe) -> None:
    simple = plan({"height": 90})
    assert simple.crop == {}
    assert crop_path(simple, SPAN, found, Facts()) is None
    video = simple.recipe.sample.video
    assert video is not None
    track = video_track(video)
    assert track.look is None
    # As it was before there were looks: samples of old recipes keep their keys.
    assert "look" not in canonical(track)


def test_a_crop_asks_for_what_it_follows_and_gives_a_box_per_frame(found: Probe) -> None:
    made = plan({"crop": {"follow": "face", "size": 64, "margin": 0.5}})
    assert set(made.crop) == {"x", "y", "width", "height"}
    assert "face" in made.nodes
    path = crop_path(made, SPAN, found, Facts(face=FACE))
    assert path is not None
    assert path.boxes.ticks.tolist() == found.table.ticks[13:38].tolist()
    # 36 px high with half of it on each side; 160, 72 is the middle.
    assert np.unique(path.values, axis=0).tolist() == [[124, 36, 72, 72]]


def test_bars_are_neither_shown_nor_cropped_into(found: Probe) -> None:
    made = plan({"bars": "cut"})
    path = crop_path(made, SPAN, found, Facts(bars=BARS))
    assert path is not None
    x, y, width, height = path.values[0].tolist()
    assert (x, width) == (0, 320)
    assert 18 < y <= 20
    assert 160 <= y + height < 162
    both = plan({"bars": "cut", "crop": {"follow": "face", "margin": 10}})
    limited = crop_path(both, SPAN, found, Facts(bars=BARS, face=FACE))
    assert limited is not None
    assert limited.values[0, 1] >= 18
    assert limited.values[0, 1] + limited.values[0, 3] <= 162


def test_who_is_never_seen_cannot_be_followed(found: Probe) -> None:
    made = plan({"crop": {"follow": "face"}})
    unseen = {name: [np.nan] * 16 for name in FACE}
    for facts in (Facts(), Facts(face=unseen)):
        assert subject_of(made, SPAN, found, facts) is None
        assert crop_path(made, SPAN, found, facts) is None


def test_a_size_to_cover_is_cut_from_the_middle_and_says_so(found: Probe) -> None:
    path = crop_path(plan({"width": 100, "height": 100}), SPAN, found, Facts())
    assert path is not None
    assert path.values[0].tolist() == [70, 0, 180, 180]
    whole = plan({"width": 100, "height": 100, "fit": "contain"})
    path = crop_path(whole, SPAN, found, Facts())
    assert path is not None
    assert path.values[0].tolist() == [0, 0, 320, 180]


def test_another_path_is_another_key(found: Probe) -> None:
    made = plan({"crop": {"follow": "face"}})
    documents = []
    for x in (0.5, 0.5, 0.6):
        path = crop_path(made, SPAN, found, Facts(face={**FACE, "x": [x] * 16}))
        assert path is not None
        documents.append(crop_document(path))
    assert documents[0] == documents[1] != documents[2]


@pytest.mark.parametrize(
    ("video", "look"),
    [
        ({"crop": {"follow": "face", "size": 64, "aspect": 0.75}}, Look(size=(48, 64))),
        ({"crop": {"follow": "face"}}, Look()),
        ({"width": 96, "height": 54, "fit": "contain"}, Look(size=(96, 54), fit=Fit.contain)),
        ({"hdr": "tonemap"}, Look(hdr=Hdr.tonemap)),
        ({"matrix": "bt709"}, Look(matrix=Matrix.bt709)),
        ({"bars": "cut"}, Look()),
        ({}, None),
    ],
)
def test_what_a_recipe_says_is_how_pictures_look(video: dict[str, Any], look: Look | None) -> None:
    spec = plan(video).recipe.sample.video
    assert spec is not None
    assert video_track(spec).look == look


@pytest.mark.parametrize(
    ("sample", "reason", "hint"),
    [
        ({"video": {"crop": {"follow": "fase"}}}, "recipe-unknown-measure", "face"),
        ({"video": {"crop": {"follow": "luma"}}}, "recipe-unknown-signal", None),
        ({"video": {"crop": {}}}, "recipe-missing", None),
        ({"video": {"crop": {"follow": "face", "size": 511}}}, "recipe-out-of-range", None),
        ({"video": {"crop": {"follow": "face", "zoom": 2}}}, "recipe-unknown-key", None),
        ({"video": {"width": 640}}, "recipe-out-of-range", None),
        (
            {"video": {"width": 640, "height": 360, "crop": {"follow": "face"}}},
            "recipe-out-of-range",
            None,
        ),
        (
            {"video": {"crop": {"follow": "face"}}, "tracks": {"crop": {"of": "luma.mean"}}},
            "recipe-bad-name",
            None,
        ),
    ],
)
def test_a_mistake_is_shown_where_it_was_made(
    sample: dict[str, Any], reason: str, hint: str | None
) -> None:
    with pytest.raises(RecipeErrors) as caught:
        plan(sample.pop("video"), **sample)
    assert [one.reason for one in caught.value.errors] == [reason]
    if hint is not None:
        assert hint in (caught.value.errors[0].hint or "")


def test_the_keypoints_of_a_body_are_followed_whole_or_in_half(found: Probe) -> None:
    points = np.full((16, 33, 3), (160.0, 90.0, 1.0), np.float32)
    points[:, 7], points[:, 8] = (165, 50, 1), (155, 50, 1)
    points[:, 11], points[:, 12] = (175, 70, 1), (145, 70, 1)
    points[:, 29:] = (160, 170, 1)
    heights = {}
    for follow in ("person", "upper_body"):
        made = plan({"crop": {"follow": follow, "margin": 0}})
        assert set(made.crop) == {"keypoints"}
        path = crop_path(made, SPAN, found, Facts(pose={"keypoints": points}))
        assert path is not None
        heights[follow] = path.size[1]
    assert heights["person"] > 130 > 60 > heights["upper_body"]
