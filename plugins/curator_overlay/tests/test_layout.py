"""Layout: drawings are flat and have few colours, and two pictures side by side have a seam."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from curator_overlay import Layout

from curator.model.span import Span
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run, summary
from tests.footage import own, shared
from tests.measured import measured

Frames = npt.NDArray[np.uint8]
_FPS = Fraction(2)


class TestLayout(MeasureTests):
    measure = Layout()


def pan(*, count: int = 16, step_px: int = 7, seed: int = 1) -> Frames:
    """A textured wall that passes by: luma ``(n, 180, 320)``, two frames per second."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (180, 320 + step_px * count)).astype(np.uint8)
    wall = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 30, 220, cv2.NORM_MINMAX)
    return np.stack([wall[:, k * step_px : k * step_px + 320] for k in range(count)])


def split_share(frames: Frames) -> float | str | None:
    found = summary(Layout(), Footage(frames, fps=_FPS))["split_share"]
    return found.absent or found.value


@pytest.mark.parametrize("at", [80, 160, 230])
def test_two_pictures_side_by_side_are_split(at: int) -> None:
    frames = pan()
    frames[:, :, at:] = pan(seed=2)[:, :, at:] // 2
    assert split_share(frames) == 1
    assert split_share(np.ascontiguousarray(frames.transpose(0, 2, 1))) == 1


def test_one_picture_is_not() -> None:
    assert split_share(pan()) == 0


def test_a_seam_beside_which_nothing_moves_is_no_split() -> None:
    frames = pan()
    frames[:, :, 160:] = 200  # a slide beside a speaker
    assert split_share(frames) == 0


def test_a_thin_line_and_black_bars_are_no_seams() -> None:
    frames = pan()
    frames[:, :, 160] = 235
    assert split_share(frames) == 0
    frames = pan()
    frames[:, :24], frames[:, -24:] = 16, 16
    assert split_share(frames) == 0


def test_a_seam_that_travels_with_the_scene_is_no_split() -> None:
    frames = pan()
    for index, frame in enumerate(frames):
        frame[:, 200 - 7 * index :] //= 2  # the corner of a wall, in a pan
    assert split_share(frames) == 0


def test_drawings_are_flat_with_few_colours_and_black_bars_do_not_count() -> None:
    drawing = np.full((8, 180, 320, 3), (240, 240, 250), np.uint8)
    drawing[:, 60:120, 80:160] = (200, 30, 40)
    found = run(Layout(), Footage(drawing, fps=_FPS))
    assert float(found["flat"].values.min()) > 0.9
    assert float(found["colours"].values.max()) < 3
    photo = run(Layout(), Footage(np.repeat(pan()[..., None], 3, axis=3), fps=_FPS))
    assert float(photo["flat"].values.max()) < 0.1
    assert float(photo["colours"].values.min()) > 10
    barred = pan()
    barred[:, :40], barred[:, -40:] = 16, 16
    assert float(run(Layout(), Footage(barred, fps=_FPS))["flat"].values.max()) < 0.1


def test_white_letters_on_black_are_flat() -> None:
    card = np.full((8, 180, 320), 16, np.uint8)
    for frame in card:
        cv2.putText(frame, "THE END", (90, 95), cv2.FONT_HERSHEY_DUPLEX, 1.0, 235, 2)
    assert float(run(Layout(), Footage(card, fps=_FPS))["flat"].values.min()) > 0.8


@pytest.mark.parametrize(
    "name",
    ["talk_f_01_hdtf.mp4", "juggle_720p.mp4", "asl_book.mkv", "static_bottles_40s.mp4", "toy_frog.mp4"],
)  # fmt: skip
def test_camera_footage_is_neither_flat_nor_split(name: str) -> None:
    found = measured(Layout(), own(name))
    assert float(np.median(found.values("flat"))) < 0.3
    assert float(np.median(found.values("colours"))) > 8
    assert found.signals()["split_share"].value == 0


def test_slides_graphics_and_credits_are_flat_with_few_colours() -> None:
    film = shared("fixtures/film/film_fixture.mp4")
    for start, end in ((24, 36), (328, 332), (344, 352)):
        found = measured(Layout(), film, Span(Fraction(start), Fraction(end)))
        assert float(np.median(found.values("flat"))) > 0.5, (start, end)
        assert float(np.median(found.values("colours"))) < 7, (start, end)
