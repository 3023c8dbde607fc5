"""Both fusions, by hand."""

from __future__ import annotations

import math

import pytest
from curator_dover.fusion import Reference, calibrated, official


def test_the_official_fusion_is_the_published_formula() -> None:
    technical, aesthetic = -0.1, 0.08
    x = (technical - 0.1107) / 0.07355 * 0.6104 + (aesthetic + 0.08285) / 0.03774 * 0.3896
    assert official(technical, aesthetic) == pytest.approx(1 / (1 + math.exp(-x)))


@pytest.mark.parametrize("reference", Reference)
def test_the_usual_video_of_a_reference_is_one_half(reference: Reference) -> None:
    technical, aesthetic = reference.value
    assert calibrated(technical.mean, aesthetic.mean, reference) == pytest.approx(0.5)
    better = calibrated(technical.mean + technical.std, aesthetic.mean + aesthetic.std, reference)
    assert better == pytest.approx(1 / (1 + math.exp(-1)))


@pytest.mark.parametrize("fuse", [official, calibrated])
def test_more_of_either_is_better_and_nothing_overflows(fuse) -> None:
    assert fuse(-0.1, 0.1) < fuse(-0.05, 0.1) < fuse(-0.05, 0.2)
    assert fuse(-500, -500) == pytest.approx(0)
    assert fuse(500, 500) == pytest.approx(1)


def test_the_published_normalisers_belong_to_the_other_branch() -> None:
    # What the official fusion takes for the usual technical score is LIVE-VQC's usual aesthetic one.
    technical, aesthetic = Reference.live_vqc.value
    assert aesthetic.mean == pytest.approx(0.1107, abs=3e-4)
    assert technical.mean == pytest.approx(-0.08285, abs=3e-4)
