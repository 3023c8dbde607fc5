"""Work at a table: seen when it is there, apart from pans, light and drawings, with its pauses and its effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from curator_robotics.change import flat
from curator_robotics.manipulation import Manipulation
from curator_robotics.work import idle, state_change, work_runs

from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run, summary, tiles_of
from tests.footage import shared
from tests.measured import measured

Picture = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 180, 320
FPS = 8


class TestManipulation(MeasureTests):
    measure = Manipulation()


@cache
def table() -> Picture:
    """A wooden table with room for pans: blobs of three sizes and grain."""
    rng = np.random.default_rng(5)
    shape = (HEIGHT, 3 * WIDTH)
    plane = np.full(shape, 120.0)
    for sigma in (2, 5, 12):
        blobs = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), sigma)
        plane += 14 * blobs / blobs.std()
    return (plane + rng.normal(0, 1, shape)).clip(16, 235).astype(np.uint8)


def cup(picture: Picture, x: int, y: int) -> None:
    picture[y : y + 30, x : x + 26] = 215
    picture[y + 4 : y + 10, x + 3 : x + 23] = 60


def arm(picture: Picture, x: float) -> None:
    """A jointed arm from the upper edge; `x` is where its gripper is."""
    cv2.line(picture, (160, 0), (int(x), 70), 35, 22)
    cv2.line(picture, (int(x), 70), (int(x) + 8, 110), 70, 10)


def film(
    seconds: float, draw: Callable[[Picture, float], None], *, pan: float = 0.0, sway: float = 0.0
) -> Footage:
    """`draw` adds to the table at a time; `pan` moves the camera, px per second, `sway` to and fro, px."""
    rng = np.random.default_rng(1)
    frames = []
    for index in range(round(seconds * FPS)):
        at = index / FPS
        left = round(pan * at)
        picture = table()[:, left : left + WIDTH].copy()
        draw(picture, at)
        if sway:
            shift = np.float32([[1, 0, sway * np.sin(2 * at)], [0, 1, sway / 2 * np.sin(3 * at)]])
            picture = cv2.warpAffine(picture, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        noise = rng.normal(0, 1.5, picture.shape)
        frames.append((picture + noise).clip(16, 235).astype(np.uint8))
    return Footage(np.stack(frames), fps=Fraction(FPS))


def carries(picture: Picture, at: float, *, back: bool = False) -> None:
    """The arm comes at 1 s, takes the cup from 80 to 220 until 4 s (and back until 6 s), and leaves."""
    there = np.interp(at, [0, 2, 4, 6], [80, 80, 220, 80 if back else 220])
    cup(picture, int(there), 110)
    if 1 <= at < 7:
        arm(picture, there + 13 + 25 * np.sin(7 * at))


def moves(footage: Footage, name: str) -> npt.NDArray[np.float64]:
    return run(Manipulation(), footage)[name].values.astype(np.float64)


def signal(footage: Footage, name: str, span: Span | None = None) -> Signal:
    return summary(Manipulation(), footage, span=span)[name]


# ---- synthetic work


def test_an_arm_at_work_moves_before_a_background_that_stays() -> None:
    work = film(8, carries)
    at_work = slice(10, 52)
    assert np.median(moves(work, "moving")[at_work]) > 0.03
    assert moves(work, "moving")[at_work].max() < 0.5
    assert moves(work, "background").min() > 0.6


def test_a_pan_over_the_same_table_has_no_background() -> None:
    pan = film(5, lambda picture, at: cup(picture, 150, 100), pan=60)
    assert moves(pan, "background").max() < 0.3
    assert moves(pan, "moving").min() > 0.6


def test_a_hand_that_holds_the_camera_still_leaves_a_background_and_the_arm_that_moves() -> None:
    sways = film(8, carries, sway=6)
    at_work = slice(10, 52)
    assert np.median(moves(sways, "background")[at_work]) > 0.6
    assert 0.03 < np.median(moves(sways, "moving")[at_work]) < 0.4
    nobody = film(4, lambda picture, at: cup(picture, 150, 100), sway=6)
    assert np.median(moves(nobody, "moving")) < 0.05


def test_what_was_carried_away_is_a_change_of_state_and_what_was_put_back_is_none() -> None:
    area = 30 * 26 / (HEIGHT * WIDTH)
    there = signal(film(8, carries), "state_change").value
    put_back = film(8, lambda picture, at: carries(picture, at, back=True))
    assert there == pytest.approx(2 * area, rel=0.4)  # the old place and the new one
    assert signal(put_back, "state_change").value == pytest.approx(0, abs=area / 4)


def test_dimmed_light_and_a_soft_shadow_are_no_motion() -> None:
    def dims(picture: Picture, at: float) -> None:
        columns = np.arange(WIDTH)
        shadow = 20 * np.exp(-(((columns - 60 * at) / 60) ** 2))
        picture[:] = (picture - 3 * at - shadow[None, :]).clip(16, 235)

    still = film(5, dims)
    assert np.median(moves(still, "moving")) < 0.01
    assert signal(still, "idle_share").value == pytest.approx(1, abs=0.2)


def test_noise_alone_is_idle_for_the_whole_clip() -> None:
    empty = film(5, lambda picture, at: cup(picture, 150, 100))
    assert signal(empty, "idle_share").value == 1
    assert signal(empty, "idle_longest_seconds").value == pytest.approx(5, abs=0.2)
    assert signal(empty, "moves").value == 0
    assert signal(empty, "state_change").value == 0


def test_a_pause_parts_two_moves_and_is_measured() -> None:
    def twice(picture: Picture, at: float) -> None:
        working = at < 3 or at >= 5
        arm(picture, 150 + (40 * np.sin(6 * at) if working else 40 * np.sin(18)))

    work = film(8, twice)
    assert signal(work, "moves").value == 2
    # The comparison reaches half a second, so a pause seems shorter at each end at most by that.
    longest = signal(work, "idle_longest_seconds").value
    assert isinstance(longest, float)
    assert 1.0 <= longest <= 2.2


def test_the_middle_of_what_moves_follows_the_arm() -> None:
    right = film(4, lambda picture, at: arm(picture, 270 + 20 * np.sin(8 * at)))
    left = film(4, lambda picture, at: arm(picture, 50 + 20 * np.sin(8 * at)))
    assert np.nanmedian(moves(right, "x")) > 0.55
    assert np.nanmedian(moves(left, "x")) < 0.45


def test_a_cut_does_not_read_as_motion_of_the_frames_beside_it() -> None:
    other = film(3, lambda picture, at: None, pan=0).frames[:, :, ::-1]
    joined = Footage(
        np.concatenate([film(3, lambda picture, at: None).frames, other]), fps=Fraction(FPS)
    )
    assert moves(joined, "moving").max() < 0.02
    assert moves(joined, "background").min() > 0.95


def test_a_drawing_is_flat_and_a_table_is_not() -> None:
    drawing = np.full((HEIGHT, WIDTH), 200, np.uint8)
    cv2.circle(drawing, (100, 90), 40, 30, -1)
    assert flat(drawing) > 0.85
    assert flat(table()[:, :WIDTH]) == 0


def test_a_picture_without_edges_has_no_background_to_stay() -> None:
    grey = Footage(np.full((32, HEIGHT, WIDTH), 90, np.uint8), fps=Fraction(FPS))
    assert np.isnan(moves(grey, "background")).all()
    assert (moves(grey, "moving") == 0).all()


# ---- the arithmetic of clips


def steps(values: list[float], fps: int = FPS) -> Series:
    return Series(
        np.arange(len(values), dtype=np.int64), Fraction(1, fps), np.array(values, np.float32)
    )


def test_pauses_shorter_than_openpis_seven_steps_belong_to_a_move() -> None:
    short = steps([0.1] * 8 + [0.0] * 2 + [0.1] * 8)
    long = steps([0.1] * 8 + [0.0] * 4 + [0.1] * 8)
    assert work_runs(short, 0.004) == [(0, 18)]
    assert work_runs(long, 0.004) == [(0, 8), (12, 20)]


def test_the_longest_idle_stretch_may_end_the_clip() -> None:
    series = steps([0.0] * 4 + [0.1] * 4 + [0.0] * 8)
    assert idle(series, 0.004, Span(Fraction(0), Fraction(2))) == (0.75, 1.0)


def test_frames_without_a_value_are_not_idle() -> None:
    share, longest = idle(steps([np.nan] * 4 + [0.1] * 4), 0.004, Span(Fraction(0), Fraction(1)))
    assert (share, longest) == (0.0, 0.0)


def test_a_clip_of_one_second_has_no_two_states() -> None:
    looks = np.zeros((8, 27, 48), np.uint8)
    series = Series(np.arange(8, dtype=np.int64), Fraction(1, FPS), looks)
    assert state_change(series) is None


# ---- real footage


@pytest.mark.parametrize(
    "path",
    [
        "robotics/franka_cover.mp4",
        "robotics/bridge_stack.mp4",
        "robotics/rt1_robot_coke_upright.mp4",
        "robotics/hands_cups_720p.mp4",
        "robotics/hands_blocks_topdown_720p.mp4",
        "robotics/bridge_episodes/ep03.mp4",
    ],
)
def test_real_work_moves_before_a_still_background(path: str) -> None:
    found = measured(Manipulation(), shared(f"fixtures/{path}"))
    assert np.percentile(found.values("background"), 10) > 0.4
    assert 0.05 < np.median(found.values("moving")) < 0.5
    assert np.median(found.values("flat")) < 0.4
    change = found.signals()["state_change"].value
    assert change is None or float(change) > 0.03


@pytest.mark.parametrize("name", ["toy_crystal.mp4", "toy_pig.mp4", "toy_rabbit_vp8_240p.webm"])
def test_a_real_pan_over_things_has_no_background(name: str) -> None:
    found = measured(Manipulation(), shared(f"fixtures/reject/{name}"))
    assert np.median(found.values("background")) < 0.2


def test_slides_and_vector_graphics_are_flat() -> None:
    found = measured(Manipulation(), shared("fixtures/reject/graphics_animation_60fps.mp4"))
    assert np.median(found.values("flat")) > 0.6


def test_a_tile_without_a_frame_of_its_own_has_no_values() -> None:
    """The last tile of a video that lasts a little longer than its last frame."""
    measure = Manipulation()
    tile = tiles_of(measure, film(4, lambda _picture, _t: None))[0]
    block = tile.frames["luma"]
    rest = replace(block, pixels=block.pixels[:4], ticks=block.ticks[:4], before=4, after=0)
    series = measure.start({}).tile(replace(tile, frames={"luma": rest}))
    assert {name: len(one) for name, one in series.items()} == dict.fromkeys(series, 0)
    assert set(series) == {spec.name for spec in measure.series}
