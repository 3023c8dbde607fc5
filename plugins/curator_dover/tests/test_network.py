"""With the same invented weights the networks say what the published code says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from curator_dover.layout import Model
from curator_dover.network import Network
from curator_dover.tests.invented import clip, weights

# Raw scores of the published code (MIT, teowu/DOVER-Dev at 45727ac) for these weights and this clip.
PUBLISHED = {
    (Model.dover, "technical"): 0.1977526,
    (Model.dover, "aesthetic"): 0.5346064,
    (Model.mobile, "technical"): -0.2163320,
    (Model.mobile, "aesthetic"): 0.2307834,
}
SHAPES = {
    (Model.dover, "technical"): {
        "layers.0": (16, 28, 28, 192),
        "layers.1": (16, 14, 14, 384),
        "layers.2": (16, 7, 7, 768),
        "layers.3": (16, 7, 7, 768),
    },
    (Model.dover, "aesthetic"): {
        "stages.0": (16, 56, 56, 96),
        "stages.1": (16, 28, 28, 192),
        "stages.2": (16, 14, 14, 384),
        "stages.3": (16, 7, 7, 768),
    },
    (Model.mobile, "technical"): {
        "stages.0": (16, 56, 56, 48),
        "stages.1": (16, 28, 28, 96),
        "stages.2": (16, 14, 14, 192),
        "stages.3": (16, 7, 7, 384),
    },
}


def _score(model: Model, branch: str) -> tuple[float, dict[str, tuple[int, ...]]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def see(name: str, x: torch.Tensor) -> None:
        assert torch.isfinite(x).all()
        shapes[name] = tuple(x.shape)

    score = getattr(Network(model, weights(model)), branch)(clip(), see)
    return score, shapes


@pytest.mark.slow
@pytest.mark.parametrize(("model", "branch"), PUBLISHED)
def test_scores_are_those_of_the_published_code(model: Model, branch: str) -> None:
    score, shapes = _score(model, branch)
    assert score == pytest.approx(PUBLISHED[model, branch], abs=2e-5)
    assert shapes == SHAPES.get((model, branch), SHAPES[Model.mobile, "technical"])


def test_the_same_clip_has_the_same_score_and_another_another() -> None:
    network = Network(Model.mobile, weights(Model.mobile))
    score = network.aesthetic(clip())
    assert network.aesthetic(clip()) == score
    assert network.aesthetic(clip(seed=1)) != score
    assert network.technical(clip()) != score


def test_frames_are_left_as_they_were() -> None:
    frames = clip()
    frames.setflags(write=False)
    Network(Model.mobile, weights(Model.mobile)).aesthetic(frames)
    assert np.array_equal(frames, clip())
