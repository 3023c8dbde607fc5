"""What is remembered of a picture is what would be said of it anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from curator.measure.pixels.once import once


class Judge:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.remembering = once(self.mean)

    def mean(self, crops: npt.NDArray[np.uint8]) -> float:
        self.asked += 1
        return float(crops.mean())


@pytest.fixture
def judge() -> Judge:
    return Judge()


def _crops(seed: int) -> npt.NDArray[np.uint8]:
    crops = np.random.default_rng(seed).integers(0, 256, (2, 128, 128), np.uint8)
    crops.setflags(write=False)
    return crops


def test_the_same_pixels_are_judged_once(judge: Judge) -> None:
    first = judge.remembering(_crops(1))
    assert judge.remembering(_crops(1)) == first  # another array with the same bytes
    assert judge.asked == 1


def test_pictures_that_differ_in_one_pixel_are_told_apart(judge: Judge) -> None:
    crops = _crops(1).copy()
    crops[1, 100, 101] ^= 1
    crops.setflags(write=False)
    judge.remembering(_crops(1))
    assert judge.remembering(crops) == float(crops.mean())
    assert judge.asked == 2


def test_crops_of_another_shape_are_other_crops(judge: Judge) -> None:
    blank = np.zeros((2, 128, 128), np.uint8)
    blank.setflags(write=False)
    judge.remembering(blank)
    judge.remembering(blank[:1])
    assert judge.asked == 2


def test_what_may_change_is_not_remembered(judge: Judge) -> None:
    crops = _crops(1).copy()
    judge.remembering(crops)
    crops[:] = 7
    assert judge.remembering(crops) == 7.0


def test_old_pictures_are_forgotten(judge: Judge) -> None:
    for seed in range(40):
        judge.remembering(_crops(seed))
    judge.remembering(_crops(39))
    assert judge.asked == 40
    judge.remembering(_crops(0))
    assert judge.asked == 41
