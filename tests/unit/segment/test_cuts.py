"""Shots of synthetic films whose boundaries are known."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.model.clip import Shot, Transition
from curator.model.series import Series
from curator.model.video import FrameTable
from curator.segment.cuts import Cuts
from curator.segment.jump import jumps
from curator.testing.footage import pan
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run

Frames = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 90, 160


class TestCuts(MeasureTests):
    measure = Cuts()


def place(seed: int, *, gray: bool = False) -> Frames:
    """A large picture of soft coloured patches; a shot looks at a part of it."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(0, 255, (9, 16, 1 if gray else 3)).astype(np.float32)
    large = cv2.resize(small, (3 * WIDTH, 3 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    large = large.reshape(3 * HEIGHT, 3 * WIDTH, -1) + rng.normal(0, 8, (3 * HEIGHT, 3 * WIDTH, 1))
    return np.clip(np.broadcast_to(large, (*large.shape[:2], 3)), 0, 255).astype(np.uint8)


def shoot(seed: int, frames: int, *, pan: float = 0.3, shake: int = 0) -> Frames:
    """A shot of one place: `pan` pixels to the right per frame, `shake` pixels at random."""
    picture, rng = place(seed), np.random.default_rng(seed + 1000)
    out = np.empty((frames, HEIGHT, WIDTH, 3), np.uint8)
    for i in range(frames):
        y, x = rng.integers(-shake, shake + 1, 2)
        y, x = HEIGHT + y, WIDTH // 2 + round(pan * i) + x
        out[i] = picture[y : y + HEIGHT, x : x + WIDTH]
    return out


def mix(before: Frames, after: Frames, frames: int) -> Frames:
    """`before`, then `after`, blended into each other over `frames` frames of both."""
    share = (np.arange(frames) + 1)[:, None, None, None] / (frames + 1)
    blend = before[-frames:] * (1 - share) + after[:frames] * share
    parts = [before[:-frames], np.rint(blend).astype(np.uint8), after[frames:]]
    return np.concatenate(parts)


def colour(frames: int, level: int) -> Frames:
    return np.full((frames, HEIGHT, WIDTH, 3), level, np.uint8)


def shots(frames: Frames, fps: int = 25) -> tuple[Shot, ...]:
    footage = Footage(frames, fps=Fraction(fps))
    return Cuts().shots(run(Cuts(), footage), footage.table)


def boundaries(found: tuple[Shot, ...]) -> list[tuple[int, str]]:
    return [(shot.start_frame, shot.transition.value) for shot in found[1:]]


def test_the_first_frame_of_the_new_shot_is_the_cut() -> None:
    film = np.concatenate([shoot(1, 40), shoot(2, 33), shoot(3, 50)])
    found = shots(film)
    assert boundaries(found) == [(40, "cut"), (73, "cut")]
    assert found[0].transition is Transition.start
    assert all(shot.clean == shot.span for shot in found)


@pytest.mark.parametrize("blended", [1, 2])
def test_a_cut_smeared_by_a_frame_rate_conversion_is_a_cut_without_its_blended_frames(
    blended: int,
) -> None:
    film = mix(shoot(1, 40), shoot(2, 50), blended)
    (before, after) = shots(film)
    assert after.transition is Transition.cut
    assert 40 - blended <= after.start_frame <= 40
    assert before.clean is not None
    assert after.clean is not None
    assert before.clean.end <= Fraction(40 - blended, 25)
    assert after.clean.start >= Fraction(40, 25)


def test_quick_cuts_are_all_found() -> None:
    film = np.concatenate([shoot(seed, 6) for seed in range(10)])
    assert boundaries(shots(film)) == [(6 * k, "cut") for k in range(1, 10)]


@pytest.mark.parametrize("length", [6, 10, 16, 25, 40])
def test_a_dissolve_has_its_boundary_inside_and_its_blended_frames_are_not_clean(
    length: int,
) -> None:
    film = mix(shoot(4, 80), shoot(5, 80), length)
    first, last = 80 - length, 80
    (before, after) = shots(film)
    assert after.transition is Transition.dissolve
    assert abs(after.start_frame - (first + last) / 2) <= length / 4
    assert before.clean is not None
    assert after.clean is not None
    slack = Fraction(max(1, length // 8), 25)  # the faintest frames look like one shot
    assert before.clean.end <= Fraction(first, 25) + slack
    assert after.clean.start >= Fraction(last, 25) - slack


@pytest.mark.parametrize("level", [0, 255])
def test_a_quick_fade_through_one_colour_is_one_transition(level: int) -> None:
    film = mix(mix(shoot(6, 60), colour(20, level), 10), shoot(7, 60), 10)
    (_, after) = shots(film)
    assert after.transition is Transition.fade
    assert 50 <= after.start_frame <= 70


def test_a_fade_out_and_a_fade_in_around_a_long_black_are_two() -> None:
    film = mix(mix(shoot(6, 60), colour(100, 0), 20), shoot(7, 60), 20)
    found = shots(film)
    assert [kind for _, kind in boundaries(found)] == ["fade", "fade"]
    assert 40 <= found[1].start_frame <= 60
    assert 120 <= found[2].start_frame <= 140


def test_a_cut_to_black_and_back_is_two_cuts() -> None:
    film = np.concatenate([shoot(6, 40), colour(30, 0), shoot(7, 40)])
    assert boundaries(shots(film)) == [(40, "cut"), (70, "cut")]


@pytest.mark.parametrize(
    "film",
    [
        shoot(8, 100, pan=0),
        shoot(8, 100, pan=1.6),
        shoot(8, 100, pan=0.5, shake=6),
        colour(60, 0),
        colour(1, 90),
        np.repeat(shoot(8, 25, pan=6), 4, axis=0),
    ],
    ids=["still", "pan", "shake", "black", "one-frame", "duplicated"],
)
def test_one_shot_stays_one(film: Frames) -> None:
    (shot,) = shots(film)
    assert (shot.start_frame, shot.end_frame) == (0, len(film))
    assert shot.clean == shot.span


@pytest.mark.parametrize("size", [(108, 192), (144, 256)])
@pytest.mark.parametrize("pixels", [60, 150, 300])
@pytest.mark.parametrize("tilt", [False, True])
def test_large_things_that_pass_are_no_dissolves(
    size: tuple[int, int], pixels: int, *, tilt: bool
) -> None:
    """Blobs an eighth of the picture wide blend into their neighbours' cells as they move."""
    for seed in (0, 1):
        part = pan(5, pixels, seed)
        pictures = [part.paint(i / 125, i, *(size[::-1] if tilt else size)) for i in range(125)]
        film = np.rint(16 + 219 * np.stack(pictures)).astype(np.uint8)
        (shot,) = shots(np.ascontiguousarray(film.transpose(0, 2, 1)) if tilt else film)
        assert shot.clean == shot.span


@pytest.mark.parametrize("zoom", [-0.3, 0.3])
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_a_zoom_is_no_dissolve(zoom: float, seed: int) -> None:
    picture = place(seed)
    film = np.empty((100, HEIGHT, WIDTH, 3), np.uint8)
    for i, scale in enumerate(np.exp(zoom * (np.arange(100) / 25 - 2))):
        way = np.array(
            [[scale, 0, WIDTH * (1.5 - scale / 2)], [0, scale, HEIGHT * (1.5 - scale / 2)]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        film[i] = cv2.warpAffine(picture, way, (WIDTH, HEIGHT), flags=flags)
    assert len(shots(film)) == 1


@pytest.mark.parametrize("length", [10, 16, 25])
def test_a_dissolve_between_two_pans_is_one_dissolve(length: int) -> None:
    """Both shots go on while they blend, in opposite directions."""
    film = mix(shoot(11, 80, pan=0.5), shoot(12, 80, pan=-0.5), length)
    (_, after) = shots(film)
    assert after.transition is Transition.dissolve
    assert 80 - length <= after.start_frame <= 80


def test_flicker_is_no_cut() -> None:
    light = 1 + 0.3 * np.sin(np.arange(100) * 2 * np.pi * 3 / 25)
    film = np.clip(shoot(9, 100) * light[:, None, None, None] * 0.7, 0, 255).astype(np.uint8)
    assert len(shots(film)) == 1


def test_a_flash_is_no_cut() -> None:
    film = shoot(9, 100)
    film[50:53] = np.clip(film[50:53] * 0.2 + 200, 0, 255).astype(np.uint8)
    assert len(shots(film)) == 1


def test_a_title_that_fades_in_over_black_or_over_a_picture_is_no_boundary() -> None:
    title = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(title, "A TITLE", (30, 50), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    fade = np.clip(np.linspace(-1, 2, 60), 0, 1)[:, None, None, None]
    for under in (colour(60, 0), shoot(10, 60)):
        film = under * (1 - fade * (title > 0)[..., None]) + fade * title[..., None]
        assert len(shots(film.astype(np.uint8))) == 1


def test_letterbox_and_pillarbox_hide_nothing() -> None:
    film = mix(np.concatenate([shoot(1, 40), shoot(2, 40)]), shoot(3, 50), 12)
    for box in (film.copy(), film.copy()):
        box[:, :12], box[:, -12:] = 0, 0
        assert [kind for _, kind in boundaries(shots(box))] == ["cut", "dissolve"]
        film[:, :, :35], film[:, :, -35:] = 0, 0
        assert [kind for _, kind in boundaries(shots(film))] == ["cut", "dissolve"]


@pytest.mark.parametrize("fps", [10, 60])
def test_other_frame_rates_work_as_well(fps: int) -> None:
    length = fps
    film = mix(np.concatenate([shoot(1, 3 * fps), shoot(2, 3 * fps)]), shoot(3, 3 * fps), length)
    found = shots(film, fps)
    assert [kind for _, kind in boundaries(found)] == ["cut", "dissolve"]
    assert found[1].start_frame == 3 * fps
    assert 5 * fps <= found[2].start_frame <= 6 * fps


def test_times_are_those_of_the_frame_table_under_a_variable_rate() -> None:
    film = np.concatenate([shoot(1, 40), shoot(2, 40)])
    footage = Footage(film)
    ticks = np.cumsum(np.where(np.arange(80) % 3, 7, 2)) - 2
    table = FrameTable(
        ticks, footage.table.keyframes, footage.table.sizes, Fraction(1, 90), int(ticks[-1]) + 9
    )
    series = {
        name: Series(ticks, Fraction(1, 90), one.values)
        for name, one in run(Cuts(), footage).items()
    }
    first, second = Cuts().shots(series, table)
    assert first.span.end == second.span.start == table.time(40)
    assert second.span.end == Fraction(int(ticks[-1]) + 9, 90)


def test_frames_that_could_not_be_decoded_belong_to_the_shot_before() -> None:
    footage = Footage(np.concatenate([shoot(1, 40), shoot(2, 40)]))
    lost = np.r_[0:35, 45:80]
    series = {
        name: Series(one.ticks[lost], one.time_base, one.values[lost])
        for name, one in run(Cuts(), Footage(footage.frames)).items()
    }
    series["jump"].values[35] = 1.2  # frame 45 against frame 34
    first, second = Cuts().shots(series, footage.table)
    assert (first.end_frame, second.start_frame) == (45, 45)


def test_a_video_of_which_nothing_was_decoded_is_one_shot() -> None:
    footage = Footage(shoot(1, 10))
    (shot,) = Cuts().shots({}, footage.table)
    assert (shot.start_frame, shot.end_frame) == (0, 10)


def test_series_hold_at_the_border_of_tiles() -> None:
    """A cut on the first frame of the second tile, which sees one frame of context."""
    assert boundaries(shots(np.concatenate([shoot(1, 100), shoot(2, 100)]))) == [(100, "cut")]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 12)), max_size=14),
    st.integers(1, 5),
    st.floats(0.05, 0.9),
)
def test_shots_tile_any_video(
    parts: list[tuple[int, int, int]], ticks_per_frame: int, threshold: float
) -> None:
    """Ramps of any length between four pictures, two of them of one colour."""
    rng = np.random.default_rng(5)
    pictures = np.stack([*rng.uniform(0, 255, (2, 9, 16, 3)), *np.full((2, 9, 16, 3), 2.0)])
    pictures[3] = 240
    ramps = [
        pictures[a] + (pictures[b] - pictures[a]) * k / n for a, b, n in parts for k in range(n)
    ]
    frames = np.stack([pictures[0], *ramps]).astype(np.uint8)
    n = len(frames)
    ticks = np.arange(n, dtype=np.int64) * ticks_per_frame
    table = FrameTable(
        ticks, np.zeros(n, np.bool_), np.ones(n, np.int64), Fraction(1, 50), n * ticks_per_frame
    )
    jump = np.r_[np.float32(np.nan), jumps(frames.repeat(3, axis=1).repeat(3, axis=2))]
    series = {
        "jump": Series(ticks, table.time_base, jump.astype(np.float32)),
        "signature": Series(ticks, table.time_base, frames),
    }
    found = Cuts(cut=threshold, gradual=threshold).shots(series, table)
    assert (found[0].start_frame, found[-1].end_frame) == (0, n)
    assert found[0].transition is Transition.start
    for one, after in pairwise(found):
        assert one.end_frame == after.start_frame
        assert one.span.end == after.span.start
    for shot in found:
        assert shot.clean is None or shot.clean.clip(shot.span) == shot.clean
        assert shot.span.start == table.time(shot.start_frame)
