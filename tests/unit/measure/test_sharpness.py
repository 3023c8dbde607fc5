"""Focus on edges of known blur."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.measure.sharpness import Sharpness
from curator.testing.tiles import Footage, run


def _squares(sigma: float, *, size: tuple[int, int] = (360, 640), cell: int = 32) -> np.ndarray:
    """A chequerboard turned by 20 degrees and blurred by `sigma` px, as stored luma ``(h, w)``."""
    y, x = np.mgrid[: size[0] * 2, : size[1] * 2] / 2.0
    turned = (x * np.cos(0.35) + y * np.sin(0.35), y * np.cos(0.35) - x * np.sin(0.35))
    board = (turned[0] // cell + turned[1] // cell) % 2
    crisp = cv2.resize(
        (60 + 120 * board).astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA
    )
    blurred = cv2.GaussianBlur(crisp, (0, 0), sigma) if sigma else crisp
    return np.round(blurred).astype(np.uint8)


def _score(frame: np.ndarray, name: str = "score") -> float:
    return float(run(Sharpness(), Footage(frame[None]))[name].values[0])


@pytest.mark.parametrize(
    ("sigma", "score"), [(0, 0.66), (0.5, 0.60), (1, 0.48), (1.5, 0.36), (2, 0.26), (4, 0.09)]
)
def test_the_score_of_a_blurred_edge_is_the_one_of_the_formula(sigma: float, score: float) -> None:
    assert _score(_squares(sigma)) == pytest.approx(score, abs=0.05)


def test_a_sharper_picture_scores_higher() -> None:
    scores = [_score(_squares(sigma)) for sigma in (0.3, 0.8, 1.5, 2.5, 4, 6)]
    assert scores == sorted(scores, reverse=True)
    focus = [_score(_squares(sigma), "laplacian") for sigma in (0.3, 0.8, 1.5, 2.5, 4, 6)]
    assert focus == sorted(focus, reverse=True)


@pytest.mark.parametrize("sigma", [2, 4])
def test_grain_does_not_make_a_blurred_picture_sharp(sigma: float) -> None:
    grain = np.random.default_rng(0).normal(0, 6, (360, 640))
    grainy = np.clip(_squares(sigma) + grain, 0, 255).astype(np.uint8)
    assert _score(grainy) == pytest.approx(_score(_squares(sigma)), abs=0.08)


def test_grain_alone_has_no_edges() -> None:
    grain = np.random.default_rng(0).normal(120, 10, (360, 640))
    assert np.isnan(_score(np.clip(grain, 0, 255).astype(np.uint8)))


def test_a_sharp_head_before_a_blurred_background_is_sharp() -> None:
    frame = _squares(8)
    frame[60:300, 200:440] = _squares(0.3)[60:300, 200:440]
    assert _score(frame) > 0.55


def test_the_edge_of_a_black_bar_is_not_focus() -> None:
    frame = _squares(4)
    frame[:45] = frame[-45:] = 16
    assert _score(frame) == pytest.approx(_score(_squares(4)), abs=0.03)


def test_a_picture_without_edges_has_no_score() -> None:
    assert np.isnan(_score(np.full((360, 640), 120, np.uint8)))


def test_a_picture_too_small_for_patches_is_judged_on_the_small_plane() -> None:
    sharp, soft = (_score(_squares(sigma, size=(96, 160), cell=16)) for sigma in (0.3, 2))
    assert sharp > 0.5 > 0.35 > soft


def test_any_blur_gives_a_ratio() -> None:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(0.2, 10), st.integers(8, 64))
    def check(sigma: float, cell: int) -> None:
        score = _score(_squares(sigma, size=(144, 256), cell=cell))
        assert np.isnan(score) or 0 <= score <= 1

    check()
