"""The shot detector on real footage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curator.media.probe import probe
from curator.model.clip import Shot, Transition
from curator.segment.cuts import Cuts
from tests.footage import shared
from tests.measured import measured


def shots(path: Path) -> tuple[Shot, ...]:
    return Cuts().shots(measured(Cuts(), path).series, probe(path).table)


@pytest.mark.parametrize(
    "clip",
    [
        "avatar/talk_f_01_hdtf.mp4",
        "motion/chaplin_bw.mp4",
        "motion/dog_play_720p.mp4",
        "motion/juggle_720p.mp4",
        "motion/multicam/cam01.mp4",
        "quality/q_combing.mp4",
        "quality/q_dark.mp4",
        "quality/q_flicker_3hz.mp4",
        "quality/q_frozen_grain.mp4",
        "quality/q_judder_10in30.mp4",
        "quality/q_noise.mp4",
        "quality/q_shaky.mp4",
        "reject/pancake_240p_opus.mkv",
        "reject/toy_frog.mp4",
        "robotics/bridge_stack.mp4",
        "formats/v_fps120_dup.mp4",
        "formats/v_vfr_30_10_4.mp4",
        "formats/sample_with_increasing_timestamps_320w_240h_fragmented.mp4",
    ],
)
def test_a_single_shot_of_any_kind_stays_one(clip: str) -> None:
    (shot,) = shots(shared(f"fixtures/{clip}"))
    assert shot.clean == shot.span


@pytest.mark.parametrize("name", ["bikes", "bbb_0_30", "nasa_13013", "sintel_trailer_30s"])
def test_the_boundaries_of_edited_footage_are_found_and_no_others(name: str) -> None:
    truth = json.loads(shared(f"fixtures/gt/{name}.shots.json").read_text())
    found = shots(shared(truth["file"]))[1:]
    cuts = [one["frame"] for one in truth["boundaries"] if one["type"] == "cut"]
    gradual = [
        (one["start"] - 2, one["end"] + 2)
        for one in truth["boundaries"]
        if "start" in one and one["type"] != "title_card"
    ]
    assert [shot.start_frame for shot in found if shot.transition is Transition.cut] == cuts
    middles = [shot.start_frame for shot in found if shot.transition is not Transition.cut]
    assert len(middles) == len(gradual)
    assert all(a <= frame <= b for frame, (a, b) in zip(middles, gradual, strict=True))
