"""Pictures that can be opened again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from curator.measure.poster import Poster
from curator.testing.tiles import Footage, run


def _pictures(footage: Footage) -> list[np.ndarray]:
    values = run(Poster(), footage)["jpeg"].values
    opened = [
        cv2.imdecode(np.frombuffer(bytes(value), np.uint8), cv2.IMREAD_COLOR) for value in values
    ]
    return [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in opened]


def test_a_picture_for_every_two_seconds_in_its_own_colours() -> None:
    frames = np.zeros((125, 360, 640, 3), np.uint8)
    frames[:50] = (200, 30, 30)
    frames[50:100] = (30, 200, 30)
    frames[100:] = (30, 30, 200)
    pictures = _pictures(Footage(frames))
    assert [picture.shape for picture in pictures] == [(108, 192, 3)] * 3
    assert [picture.mean(axis=(0, 1)).argmax() for picture in pictures] == [0, 1, 2]
    assert pictures[0].mean(axis=(0, 1)) == pytest.approx([200, 30, 30], abs=4)


def test_a_turned_video_is_shown_upright() -> None:
    frames = np.zeros((25, 180, 320, 3), np.uint8)
    frames[:, :90] = 255  # stored at the top; a quarter turn clockwise brings it to the right
    (picture,) = _pictures(Footage(frames, rotation_degrees=90))
    assert picture.shape == (192, 108, 3)
    assert picture[:, 80:].mean() > 240
    assert picture[:, :30].mean() < 15
