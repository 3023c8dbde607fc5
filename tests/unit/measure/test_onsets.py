"""Onsets: a flash is seen in its frame, a beep heard at its time, and what moves twice as far changes twice as much."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from curator.measure.onsets import Onsets
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run


class TestOnsets(MeasureTests):
    measure = Onsets()


def test_a_flash_in_a_corner_is_seen_in_its_own_frame():
    frames = np.full((60, 180, 320), 60, np.uint8)
    frames[30:33, :20, :20] = 235
    found = run(Onsets(), Footage(frames))["flash"].values
    assert int(np.nanargmax(found)) == 30
    assert found[30] == pytest.approx(175 * 255 / 219, rel=0.01)
    assert np.nanmax(np.delete(found, 30)) < 3  # what goes out is no flash


def test_a_beep_raises_the_level_at_its_time_across_tiles():
    sound = np.zeros((1, 6 * 48_000), np.float32)
    for start in (1.003, 3.999, 5.2):
        at = round(start * 48_000)
        sound[0, at : at + 4800] = 0.5 * np.sin(np.arange(4800) / 48_000 * 2 * np.pi * 1000)
    found = run(Onsets(), Footage(np.zeros((150, 90, 160), np.uint8), audio=sound))["level"]
    loud = found.values > found.values.max() - 3
    begins = found.seconds[1:][loud[1:] & ~loud[:-1]]
    assert begins == pytest.approx([1.003, 3.999, 5.2], abs=0.003)
    assert found.time_base == Fraction(1, 500)
    assert len(found) == 3000


@pytest.mark.parametrize("fps", [25, 50])
def test_speed_of_change_does_not_depend_on_the_frame_rate(fps):
    def moving(speed):
        frames = np.full((2 * fps, 180, 320), 30, np.uint8)
        for index, frame in enumerate(frames):
            x = 20 + round(speed * index / fps)
            frame[60:120, x : x + 40] = 200
        return float(
            np.nanmedian(run(Onsets(), Footage(frames, fps=Fraction(fps)))["change"].values)
        )

    # A bar of 60 px and two edges, 170 luma high, in a picture of 320 x 180.
    assert moving(50) == pytest.approx(50 * 2 * 60 * 170 * 255 / 219 / (320 * 180), rel=0.1)
    assert moving(100) == pytest.approx(2 * moving(50), rel=0.1)


def test_without_sound_there_is_no_level():
    assert set(run(Onsets(), Footage(np.zeros((10, 90, 160), np.uint8)))) == {"change", "flash"}
