"""The published checkpoints, where somebody has one and may use it.

``CURATOR_DOVER_WEIGHTS`` is the path of DOVER.pth, DOVER_plus_plus.pth or DOVER-Mobile.pth.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from curator_dover.checkpoint import load
from curator_dover.layout import Model
from curator_dover.network import Network
from curator_dover.video import RawScores, score_video

from curator.errors import MeasureError
from tests.footage import shared


@pytest.fixture(scope="module")
def published() -> Network:
    path = os.environ.get("CURATOR_DOVER_WEIGHTS")
    if not path:
        pytest.skip("no published checkpoint: CURATOR_DOVER_WEIGHTS is not set")
    for model in Model:
        try:
            return Network(model, load(Path(path), model))
        except MeasureError as error:
            if error.reason != "weights-mismatch":
                raise
    pytest.fail(f"{path} is neither DOVER nor DOVER-Mobile")


def _scores(network: Network, path: Path) -> RawScores:
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    return score_video(network, len(frames), lambda indices: frames[indices])


@pytest.mark.slow
def test_raw_scores_of_a_natural_video_lie_where_the_published_ones_lie(published: Network) -> None:
    scores = _scores(published, shared("fixtures/quality/q_ref.mp4"))
    # Within four standard deviations of what LSVQ has; tells exchanged branches from right ones.
    assert -0.28 < scores.technical < 0.07
    assert -0.28 < scores.aesthetic < 0.43


@pytest.mark.slow
@pytest.mark.parametrize("ladder", [("ref", "blur2", "blur8"), ("ref", "crf40", "crf50")])
def test_the_technical_score_falls_with_each_distortion(
    published: Network, ladder: tuple[str, ...]
) -> None:
    files = [shared(f"fixtures/quality/q_{one}.mp4") for one in ladder]
    scores = [_scores(published, file).technical for file in files]
    assert all(worse < better for better, worse in pairwise(scores)), scores
