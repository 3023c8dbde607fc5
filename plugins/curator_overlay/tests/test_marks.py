"""Marks: a logo over a moving picture is found where it is, and nothing is told where nothing moves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from curator_overlay import Marks

from curator.abc.measure import FrameNeed, View
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import Tiles
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run, summary
from tests.footage import own, shared
from tests.measured import measured

Frames = npt.NDArray[np.uint8]
_FPS = Fraction(2)


class TestMarks(MeasureTests):
    measure = Marks()


def pan(*, count: int = 20, step_px: int = 7, seed: int = 1) -> Frames:
    """A textured wall that passes by: luma ``(n, 180, 320)``, two frames per second."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (180, 320 + step_px * count)).astype(np.uint8)
    wall = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 30, 220, cv2.NORM_MINMAX)
    return np.stack([wall[:, k * step_px : k * step_px + 320] for k in range(count)])


def stamped(frames: Frames, *, left: int = 250, foot: int = 30, opacity: float = 1.0) -> Frames:
    """The frames with a bright logo of about 60 x 16 px."""
    logo = np.zeros(frames.shape[1:], np.uint8)
    cv2.putText(logo, "TV7", (left, foot), cv2.FONT_HERSHEY_DUPLEX, 0.7, 255, 2)
    share = opacity * logo.astype(np.float32) / 255
    return (frames * (1 - share) + 235 * share).astype(np.uint8)


def signal(frames: Frames, name: str) -> float | str | None:
    found = summary(Marks(), Footage(frames, fps=_FPS))[name]
    return found.absent or found.value


@pytest.mark.parametrize("opacity", [1.0, 0.6, 0.35])
def test_a_logo_over_a_moving_picture_is_found_where_it_is(opacity: float) -> None:
    frames = stamped(pan(), opacity=opacity)
    assert float(signal(frames, "persistence") or 0) > 0.9
    assert float(signal(frames, "corner_share") or 0) > 0.9
    assert signal(frames, "x") == pytest.approx(275 / 320, abs=0.06)
    assert signal(frames, "y") == pytest.approx(22 / 180, abs=0.08)
    area = run(Marks(), Footage(frames, fps=_FPS))["area"].values
    assert 0.003 < float(np.nanmedian(area)) < 0.05


def test_a_moving_picture_without_a_logo_has_no_mark() -> None:
    for seed in range(4):
        assert (
            float(signal(pan(seed=seed), "persistence") or 0) <= 0.1
        )  # one frame of 20, by chance


def test_in_a_picture_that_stands_still_nothing_can_be_told() -> None:
    still = np.repeat(pan(count=1), 20, axis=0)
    for frames in (still, stamped(still)):
        assert signal(frames, "persistence") == "background-still"


def test_a_logo_in_the_middle_is_in_no_corner() -> None:
    frames = stamped(pan(), left=130, foot=95)
    assert float(signal(frames, "persistence") or 0) > 0.9
    assert signal(frames, "corner_share") == 0


def test_flicker_and_a_cut_do_not_make_the_scene_a_mark() -> None:
    still = np.repeat(pan(count=1), 20, axis=0).astype(np.float32)
    flicker = (still * (0.8 + 0.2 * np.cos(np.arange(20)))[:, None, None]).astype(np.uint8)
    assert signal(flicker, "persistence") == "background-still"
    other = np.repeat(pan(count=1, seed=2), 10, axis=0)
    cut = np.concatenate([still[:10].astype(np.uint8), other])
    assert signal(cut, "persistence") == "background-still"


def test_still_tells_a_stand_from_a_travelling_camera_right_up_to_a_cut() -> None:
    stand = np.repeat(pan(count=1), 8, axis=0)
    travel = pan(count=8, seed=2)
    found = run(Marks(), Footage(np.concatenate([stand, travel]), fps=_FPS))["still"].values
    assert float(found[:8].min()) > 0.9
    assert float(found[8:].max()) < 0.2
    assert float(np.median(found[8:])) < 0.05


def planes(path: Path) -> Frames:
    need = FrameNeed(view=View.luma, fps=_FPS)
    found = probe(path)
    tiles = Tiles.all(int(found.info.num_tiles))
    blocks = read_tiles(path, found, (need,), tiles, stats=DecodeStats())
    return np.concatenate([one.blocks[need].pixels for one in blocks])  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["reject/roof_360p.mp4", "film/bikes.mp4", "reject/toy_crystal.mp4"])  # fmt: skip
def test_real_moving_footage_has_none_until_a_logo_is_put_on_it(name: str) -> None:
    path = shared(f"fixtures/{name}")
    clean = measured(Marks(), path).signals()["persistence"].value
    assert float(clean or 0) <= 0.1
    assert float(signal(stamped(planes(path), opacity=0.35), "persistence") or 0) > 0.7


def test_a_talking_head_before_a_still_wall_cannot_tell() -> None:
    found = measured(Marks(), own("talk_f_01_hdtf.mp4")).signals()["persistence"]
    assert found.absent == "background-still"
