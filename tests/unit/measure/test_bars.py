"""Borders of known width."""

from __future__ import annotations

import numpy as np
import pytest

from curator.measure.bars import Bars
from curator.testing.tiles import Footage, run, summary


def _picture(size: tuple[int, int] = (180, 320), *, low: int = 60, high: int = 200) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, (25, *size), dtype=np.uint8)


def _signals(frames: np.ndarray, **more: int) -> dict[str, float | str | None]:
    signals = summary(Bars(), Footage(frames, **more))  # type: ignore[arg-type]
    return {name: signal.absent or signal.value for name, signal in signals.items()}


def test_a_picture_without_bars_has_none() -> None:
    assert set(_signals(_picture()).values()) == {0.0}


@pytest.mark.parametrize("colour", [16, 128, 235])
def test_letterbox_of_12_percent(colour: int) -> None:
    frames = _picture()
    frames[:, :22] = frames[:, -22:] = colour
    signals = _signals(frames)
    assert signals["top_always"] == signals["bottom_always"] == pytest.approx(22 / 180)
    assert signals["left_always"] == signals["right_always"] == 0
    assert signals["area_always"] == pytest.approx(44 / 180)


def test_window_box_is_found_on_all_sides() -> None:
    frames = _picture()
    frames[:, :20] = frames[:, -10:] = 16
    frames[:, :, :40] = frames[:, :, -30:] = 16
    signals = _signals(frames)
    assert [signals[f"{side}_always"] for side in ("top", "bottom", "left", "right")] == (
        pytest.approx([20 / 180, 10 / 180, 40 / 320, 30 / 320])
    )
    assert signals["area_always"] == pytest.approx(1 - 150 * 250 / (180 * 320))


def test_sides_are_those_that_a_viewer_sees() -> None:
    frames = _picture()
    frames[:, :18] = 16  # stored at the top; a quarter turn clockwise brings it to the right
    signals = _signals(frames, rotation_degrees=90)
    assert signals["right_always"] == pytest.approx(0.1)
    assert signals["top_always"] == signals["left_always"] == signals["bottom_always"] == 0


def test_bars_must_stay_throughout_the_clip() -> None:
    frames = _picture()
    frames[:13, :22] = 16
    assert _signals(frames)["top_always"] == 0


def test_darkness_that_fades_into_the_picture_cannot_be_told_from_a_bar() -> None:
    slope = np.linspace(16, 120, 180)[None, :, None]
    frames = np.repeat(np.repeat(slope, 25, axis=0), 320, axis=2).astype(np.uint8)
    frames[:, 60:, ::2] += 20
    assert np.isnan(run(Bars(), Footage(frames))["top"].values).all()
    assert _signals(frames)["top_always"] == "too-dark"


def test_the_margin_of_a_slide_is_not_a_bar() -> None:
    frames = np.full((25, 180, 320), 235, np.uint8)
    frames[:, 30:40, 40:150:3] = 30  # a line of text
    frames[:, 90:100, 40:250:3] = 30
    assert set(_signals(frames).values()) == {0.0}


def test_a_black_video_has_no_bars_to_speak_of() -> None:
    assert set(_signals(np.full((25, 180, 320), 16, np.uint8)).values()) == {"too-dark"}
