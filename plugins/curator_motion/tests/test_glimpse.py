"""A glimpse lets through whatever `pose` calls whole, and spares it most of the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from curator_motion import Glimpse, Pose
from curator_motion.detector import Region
from curator_motion.glimpse import in_view

from curator.model.span import Span
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run
from tests.footage import own
from tests.measured import measured, model_files

FIRST_TILE = Span(Fraction(0), Fraction(4))
BOUND = 0.66
"""As in the recipe `motion`."""


class TestGlimpse(MeasureTests):
    measure = Glimpse()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def test_wherever_pose_sees_a_whole_body_a_glimpse_sees_one_too():
    juggler = own("juggle_720p.mp4")
    assert (measured(Pose(), juggler, FIRST_TILE).values("inside") >= 0.75).mean() > 0.9
    assert (measured(Glimpse(), juggler, FIRST_TILE).values("inside") >= BOUND).all()


def test_a_talking_head_is_not_worth_a_closer_look():
    head = measured(Glimpse(), own("talk_f_01_hdtf.mp4"), FIRST_TILE)
    assert not (head.values("inside") >= BOUND).any()


def test_who_is_seen_down_to_the_hips_is_for_pose_to_judge():
    signer = measured(Glimpse(), own("asl_book.mkv"), FIRST_TILE).values("inside")
    assert ((signer > 0.4) & (signer < 0.75)).all()


def test_a_value_speaks_of_its_own_frame_and_of_the_next():
    # A man for 3 s, then a grey wall: the look at 2 s knows of him, and so does none from 3 s on.
    man = measured_pictures()
    wall = np.full_like(man, 128)
    frames = np.concatenate([wall[:2], man[:1], wall[:3]])
    footage = Footage(np.ascontiguousarray(frames), fps=Fraction(1))
    seen = run(Glimpse(), footage, weights=model_files(Glimpse()))["inside"].values
    assert list(seen >= BOUND) == [False, True, True, False, False, False]


def measured_pictures():
    from curator.abc.measure import FrameNeed, View
    from curator.media.decode import DecodeStats, read_tiles
    from curator.media.probe import probe
    from curator.model.tile import Tiles

    path = own("juggle_720p.mp4")
    need = FrameNeed(view=View.rgb, fps=Fraction(1), max_side_px=640)
    tile = next(iter(read_tiles(path, probe(path), (need,), Tiles.all(1), stats=DecodeStats())))
    return np.array(tile.blocks[need].pixels)


PICTURE = np.zeros((400, 600, 3), np.uint8)


@pytest.mark.parametrize(
    ("centre", "tilt", "share"),
    [
        ((300, 200), 0.0, 1.0),  # upright in the middle
        ((300, 400), 0.0, 0.5),  # cut off at the hips
        ((300, 600), 0.0, 0.0),  # below the picture
        ((0, 200), math.pi / 2, 0.5),  # lying, head to the right, feet beyond the left edge
        ((600, 200), math.pi / 2, 0.5),  # lying, head beyond the right edge
    ],
)
def test_how_much_of_a_body_lies_in_the_picture(centre, tilt, share):
    region = Region(0.9, centre, 1.25 * 200, tilt)
    assert in_view(region, PICTURE) == pytest.approx(share, abs=0.06)
