"""Logos: what a video carries from scene to scene is found where it is, and nothing where there is one scene."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from curator_overlay import Logos
from curator_overlay.carried import carried, scenes_of

from curator.abc.measure import Gatherer
from curator.model.series import Series
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run
from tests.footage import own
from tests.measured import measured

Frames = npt.NDArray[np.uint8]
_FPS = Fraction(2)
_SHOT = 16  # frames: 8 s


class TestLogos(MeasureTests):
    measure = Logos()


def shot(seed: int, *, count: int = _SHOT, step_px: int = 0) -> Frames:
    """A wall of dark and light blots: luma ``(n, 180, 320)``, two frames per second; the camera may pass it by."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (180, 320 + step_px * count)).astype(np.uint8)
    blurred = cv2.GaussianBlur(noise, (0, 0), 9).astype(np.float32)
    wall = np.where(blurred > np.median(blurred), 150, 60).astype(np.uint8)
    return np.stack([wall[:, k * step_px : k * step_px + 320] for k in range(count)])


def film(seeds: Sequence[int]) -> Frames:
    return np.concatenate([shot(seed) for seed in seeds])


def stamped(
    frames: Frames, *, left: int = 262, top: int = 14, opacity: float = 1.0, size: int = 32
) -> Frames:
    """The frames with a bright ring around a triangle: no letters."""
    large = np.zeros((8 * size, 8 * size), np.uint8)
    cv2.circle(large, (4 * size, 4 * size), int(3.4 * size), 255, size)
    cv2.fillPoly(large, [np.array([[3, 2], [3, 6], [6, 4]]) * size], 255)
    share = np.zeros(frames.shape[1:], np.float32)
    share[top : top + size, left : left + size] = (
        cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA) / 255
    )
    return np.round(frames * (1 - opacity * share) + 235 * opacity * share).astype(np.uint8)


def series(frames: Frames) -> dict[str, Series]:
    return run(Logos(), Footage(frames, fps=_FPS))


def scenes(frames: Frames) -> list[float]:
    found: list[float] = series(frames)["scenes"].values.tolist()
    return found


@pytest.mark.parametrize("opacity", [1.0, 0.5, 0.3])
@pytest.mark.parametrize(("left", "top"), [(262, 14), (14, 134), (144, 74)])
def test_a_mark_that_every_shot_has_is_found_where_it_is(
    opacity: float, left: int, top: int
) -> None:
    found = series(stamped(film(range(5)), left=left, top=top, opacity=opacity))
    assert found["scenes"].values.tolist() == [5.0] * 40
    assert found["x"].values == pytest.approx((left + 16) / 320, abs=0.01)
    assert found["y"].values == pytest.approx((top + 16) / 180, abs=0.02)
    assert found["width"].values == pytest.approx(32 / 320, abs=0.02)
    assert found["height"].values == pytest.approx(32 / 180, abs=0.03)


def test_shots_without_a_mark_have_none() -> None:
    for begin in range(0, 60, 10):
        assert set(scenes(film(range(begin, begin + 6)))) == {0.0}


def test_one_shot_cannot_tell_with_a_mark_or_without() -> None:
    for frames in (shot(1, count=60), stamped(shot(1, count=60))):
        assert np.isnan(scenes(frames)).all()


def test_two_shots_that_take_turns_are_two_scenes_and_cannot_tell() -> None:
    assert np.isnan(scenes(stamped(film([1, 2] * 5)))).all()


def test_one_shot_by_a_camera_that_travels_is_many_scenes() -> None:
    travelling = shot(3, count=80, step_px=8)
    assert min(scenes(stamped(travelling, opacity=0.5))) >= 3
    assert set(scenes(travelling)) == {0.0}


def test_only_the_part_of_a_compilation_that_has_the_mark_is_marked() -> None:
    frames = film(range(15))
    frames[5 * _SHOT : 10 * _SHOT] = stamped(frames[5 * _SHOT : 10 * _SHOT])
    found = np.array(scenes(frames)).reshape(15, 8)  # seconds of each shot
    assert (found[5:10] == 5).all()
    assert (found[:5] == 0).all()
    assert (found[10:] == 0).all()


def test_each_part_of_a_compilation_may_have_a_mark_of_its_own() -> None:
    frames = film(range(10))
    frames[: 5 * _SHOT] = stamped(frames[: 5 * _SHOT])
    frames[5 * _SHOT :] = stamped(frames[5 * _SHOT :], left=30, top=130, size=44)
    found = series(frames)
    assert set(found["scenes"].values.tolist()) == {5.0}
    assert found["x"].values[:40] == pytest.approx(278 / 320, abs=0.01)
    assert found["x"].values[40:] == pytest.approx(52 / 320, abs=0.01)


def test_a_mark_that_jumps_every_eight_seconds_is_followed() -> None:
    frames = film(range(16))
    for number in range(16):
        part = slice(number * _SHOT, (number + 1) * _SHOT)
        place = {"left": 14, "top": 134} if number % 2 else {"left": 262, "top": 14}
        frames[part] = stamped(frames[part], **place)
    found = series(frames)
    assert float((found["scenes"].values >= 3).mean()) > 0.9
    right = found["x"].values.reshape(16, 8)[:, 2] > 0.5
    assert right.tolist() == [number % 2 == 0 for number in range(16)]


def test_bars_seams_and_frames_of_one_direction_are_no_marks() -> None:
    barred = film(range(6))
    barred[:, :22] = barred[:, 158:] = 16
    assert set(scenes(barred)) == {0.0}
    boxed = film(range(6))
    boxed[:, :, :60] = boxed[:, :, 260:] = 40
    assert set(scenes(boxed)) == {0.0}
    split = film(range(6))
    split[:, :, 160:] = np.roll(split, 3 * _SHOT, axis=0)[:, :, 160:]
    assert set(scenes(split)) == {0.0}


def test_a_mark_lies_on_bars_as_well() -> None:
    barred = film(range(6))
    barred[:, :50] = barred[:, 130:] = 16
    assert min(scenes(stamped(barred, top=9))) >= 5


def test_subtitles_change_and_are_no_mark() -> None:
    words = "the a man who came here yesterday said nothing because nobody asked him until winter"
    frames = film(range(6))
    for number, frame in enumerate(frames):
        random = np.random.default_rng(number // 5)
        line = " ".join(random.choice(words.split(), int(random.integers(3, 7))))
        (wide, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 2)
        place = (320 - wide) // 2, 165
        cv2.putText(frame, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 2)
    assert set(scenes(frames)) == {0.0}


def test_black_stretches_have_no_value_and_break_nothing() -> None:
    frames = stamped(film(range(6)))
    frames[3 * _SHOT : 4 * _SHOT] = 16
    found = np.array(scenes(frames)).reshape(6, 8)
    assert np.isnan(found[3]).all()
    assert (np.delete(found, 3, axis=0) == 5).all()


def test_the_number_of_scenes_decides_how_much_must_agree() -> None:
    """One scene of three without it is too many, one of five is not."""
    mark = stamped(film(range(5)))
    clean = film(range(5))
    three = np.concatenate([mark[: 2 * _SHOT], clean[2 * _SHOT : 3 * _SHOT]])
    assert set(scenes(three)) == {0.0}
    five = np.concatenate([mark[: 2 * _SHOT], clean[2 * _SHOT : 3 * _SHOT], mark[3 * _SHOT :]])
    found = np.array(scenes(five)).reshape(5, 8)
    assert (found[[0, 1, 3, 4]] == 4).all()
    assert (found[2] == 0).all()


def test_scenes_are_told_by_their_looks() -> None:
    one, other = np.random.default_rng(1).normal(size=(2, 60)).astype(np.float32)
    looks = np.stack([one, one + 0.1, other, other * 0.5, one, one * 0])
    assert scenes_of(looks, [True] * 5 + [False]) == [0, 0, 1, 1, 0, -1]
    assert carried([], []) == []


def test_it_gathers_only_from_what_tiles_gave() -> None:
    measure = Logos()
    assert isinstance(measure, Gatherer)
    found = series(stamped(film(range(4))))
    tiles = {name: found[name] for name in ("edges", "look", "contrast")}
    assert dict(measure.gather(tiles)) == {n: s for n, s in found.items() if n not in tiles}
    assert measure.gather({}) == {}


def test_real_footage_of_many_shots_has_none() -> None:
    for path in (own("sintel_trailer_30s.mp4"), own("bbb_0_30.webm")):
        values = measured(Logos(), path).values("scenes").astype(np.float64)
        assert set(values[np.isfinite(values)].tolist()) == {0.0}


def test_a_talking_head_before_a_still_wall_cannot_tell() -> None:
    assert np.isnan(
        measured(Logos(), own("talk_f_01_hdtf.mp4")).values("scenes").astype(float)
    ).all()
