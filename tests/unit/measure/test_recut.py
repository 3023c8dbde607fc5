"""Cuts at known frames, and what must not be taken for one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from curator.measure.recut import Recut
from curator.model.span import Span
from curator.testing.tiles import Footage, run, summary


def _shot(
    seed: int, frames: int, *, step: int = 2, tint: tuple[int, int, int] = (0, 0, 0)
) -> np.ndarray:
    """A panned wall of coloured blocks, RGB."""
    rng = np.random.default_rng(seed)
    low = int(rng.integers(20, 60))
    wall = np.kron(rng.integers(low, low + 130, (9, 80, 3)), np.ones((20, 20, 1)))
    wall = np.clip(wall + tint, 0, 255).astype(np.uint8)
    return np.stack([wall[:, k * step : k * step + 320] for k in range(frames)])


def _strongest(frames: np.ndarray, span: Span | None = None) -> float:
    value = summary(Recut(), Footage(frames), span=span)["strongest"].value
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize("at", [40, 99, 100, 101])
def test_a_cut_is_found_where_it_is(at: int) -> None:
    frames = np.concatenate([_shot(0, at), _shot(1, 140 - at, tint=(60, 20, 0))])
    score = run(Recut(), Footage(frames))["score"].values
    assert int(np.nanargmax(score)) == at
    assert np.nanmax(score) > 0.4
    assert np.nanmax(np.delete(score, at)) < 0.15


def test_a_shot_without_a_cut_scores_low_however_it_moves() -> None:
    for step in (0, 2, 8):
        assert _strongest(_shot(0, 100, step=step)) < 0.15


def test_a_clip_that_begins_at_the_cut_does_not_see_it() -> None:
    frames = np.concatenate([_shot(0, 60), _shot(1, 60, tint=(60, 20, 0))])
    assert _strongest(frames, Span(Fraction(60, 25), Fraction(120, 25))) < 0.15
    assert _strongest(frames, Span(Fraction(59, 25), Fraction(120, 25))) > 0.4


def test_a_flash_is_not_a_cut() -> None:
    frames = _shot(0, 80)
    frames[40:42] = np.clip(frames[40:42].astype(int) + 90, 0, 255)
    assert _strongest(frames) < 0.2


def test_a_cut_to_black_is_a_cut() -> None:
    frames = _shot(0, 80)
    frames[40:] = 0
    assert _strongest(frames) > 0.6


def test_a_single_frame_is_too_short() -> None:
    assert summary(Recut(), Footage(_shot(0, 1)))["strongest"].absent == "too-short"
