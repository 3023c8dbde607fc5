"""The measures keep to the contract, say whose weights they use, and do not mix scales."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from curator_dover import layout, measure, network
from curator_dover.fusion import calibrated, official
from curator_dover.measure import Dover, DoverMobile
from curator_dover.network import Network
from curator_dover.tests.invented import weights
from curator_dover.video import score_video

from curator.errors import MeasureError
from curator.spec.operand import key_settings
from curator.testing.measure import MeasureTests, scene
from curator.testing.tiles import Footage, run, summary

# The same network, narrower: the contract is about times, seeds and shapes, not about what it sees.
_NARROW = layout.ConvNext(widths=(8, 8, 8, 384), depths=(1, 1, 1, 1), second=True)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (layout, network):
        monkeypatch.setattr(module, "CONVNEXT_FEMTO", _NARROW)


@pytest.fixture
def checkpoint(narrow: None, tmp_path: Path) -> Path:
    torch.save(weights(layout.Model.mobile), tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


class TestDoverMobile(MeasureTests):
    measure = DoverMobile(max_side_px=320)

    @pytest.fixture(autouse=True)
    def _weights(self, checkpoint: Path) -> Iterator[None]:
        type(self)._path = checkpoint
        yield
        del type(self)._path

    def weights(self) -> Mapping[str, Path]:
        return {"checkpoint": type(self)._path}


def test_both_measures_declare_the_same_under_their_own_model() -> None:
    assert [one.name for one in Dover.series] == [one.name for one in DoverMobile.series]
    assert not {one.unit for one in Dover.series} & {one.unit for one in DoverMobile.series}
    assert all("more is better" in one.about for one in (*Dover.series, *Dover.signals))


@pytest.mark.parametrize("kind", [Dover, DoverMobile])
def test_without_an_address_nothing_is_fetched_and_the_measure_says_what_to_do(kind) -> None:
    assert kind().weights == ()
    with pytest.raises(MeasureError) as error:
        kind().start({})
    assert error.value.reason == "weights-missing"
    assert "weights_from" in (error.value.hint or "")


def test_an_address_becomes_a_weight_with_its_licence() -> None:
    digest = "0" * 64
    [weight] = Dover(weights_from="file:///m/DOVER.pth", sha256=digest, license="MIT").weights
    assert (weight.url, weight.sha256, weight.license) == ("file:///m/DOVER.pth", digest, "MIT")
    assert "DOVER" in weight.source
    [default] = Dover(weights_from="file:///m/DOVER.pth", sha256=digest).weights
    assert default.license == "LicenseRef-S-Lab-1.0"


def test_the_licence_is_said_once(checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    measure._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        run(DoverMobile(license="MIT"), scene(), weights={"checkpoint": checkpoint})
    [record] = caplog.records
    assert "used under MIT" in record.getMessage()
    assert "non-commercial" in record.getMessage()


def test_where_the_weights_lie_is_no_part_of_a_key() -> None:
    here, there = (
        DoverMobile(weights_from=f"file:///{place}/x.pth", sha256="0" * 64)
        for place in ("here", "there")
    )
    assert key_settings(here) == key_settings(there)
    assert key_settings(here) != key_settings(DoverMobile(seed=1))


def test_a_tile_has_one_score_and_the_seed_decides_it(checkpoint: Path) -> None:
    def scores(seed: int) -> np.ndarray:
        series = run(DoverMobile(seed=seed), scene(), weights={"checkpoint": checkpoint})
        return series["technical_raw"].values

    first = scores(1)
    assert len(set(first[:50])) == 1
    assert first[0] != first[60]
    assert np.array_equal(first, scores(1), equal_nan=True)
    assert first[0] != scores(2)[0]


def test_signals_are_the_two_fusions_of_the_mean_raw_scores(checkpoint: Path) -> None:
    files = {"checkpoint": checkpoint}
    footage = Footage(scene().frames[:100])
    series = run(DoverMobile(), footage, weights=files)
    raw = [float(series[name].values.mean()) for name in ("technical_raw", "aesthetic_raw")]
    signals = summary(DoverMobile(), footage, weights=files)
    assert signals["score_official"].value == pytest.approx(official(*raw), rel=1e-5)
    assert signals["score_calibrated"].value == pytest.approx(calibrated(*raw), rel=1e-5)


def test_a_rest_of_a_tile_has_no_score(checkpoint: Path) -> None:
    footage = Footage(scene().frames[:10])  # 5 frames at 12.5 fps
    signals = summary(DoverMobile(), footage, weights={"checkpoint": checkpoint})
    assert {one.absent for one in signals.values()} == {"not-scored"}


def test_a_whole_video_is_scored_by_the_published_protocol(narrow: None) -> None:
    net = Network(layout.Model.mobile, weights(layout.Model.mobile))
    frames, asked = scene().frames, []

    def read(indices: np.ndarray) -> np.ndarray:
        asked.append(indices)
        return frames[indices]

    scores = score_video(net, len(frames), read, seed=3)
    assert [len(one) for one in asked] == [32] * 4
    assert score_video(net, len(frames), read, seed=3) == scores
    assert score_video(net, len(frames), read, seed=4) != scores
