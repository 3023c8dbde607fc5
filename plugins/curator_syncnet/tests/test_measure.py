"""The measure keeps to the contract and says whose weights it uses; the aligner finds planted offsets."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from curator_syncnet import SyncNet, SyncNetAligner, measure
from curator_syncnet.crops import crop
from curator_syncnet.distances import agreement
from curator_syncnet.tests.invented import weights

from curator.abc.aligner import Pair
from curator.errors import MeasureError
from curator.model.series import Series
from curator.model.span import Span
from curator.spec.operand import key_settings
from curator.testing.aligner import AlignerTests
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run
from tests.footage import own, shared
from tests.measured import measured, model_files
from tests.unit.align import planted


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("syncnet") / "checkpoint"
    torch.save(weights(), path)
    return path


class TestSyncNet(MeasureTests):
    measure = SyncNet(max_side_px=320)
    _path: ClassVar[Path]

    @pytest.fixture(autouse=True)
    def _weights(self, checkpoint: Path) -> None:
        type(self)._path = checkpoint

    def weights(self) -> Mapping[str, Path]:
        return {**model_files(self.measure), "checkpoint": type(self)._path}


def test_without_an_address_nothing_is_fetched_and_the_measure_says_what_to_do() -> None:
    assert [one.name for one in SyncNet().weights] == [
        "blazeface",
        "face-mesh",
    ] or SyncNet().weights
    assert "checkpoint" not in {one.name for one in SyncNet().weights}
    with pytest.raises(MeasureError) as error:
        SyncNet().start({})
    assert error.value.reason == "weights-missing"
    assert "weights_from" in str(error.value.hint)


def test_the_address_is_no_part_of_the_key_and_the_licence_is_recorded() -> None:
    chosen = SyncNet(weights_from="file:///models/syncnet_v2.model", sha256="0" * 64, license="X")
    assert key_settings(chosen) == key_settings(SyncNet())
    assert {one.name: one.license for one in chosen.weights}["checkpoint"] == "X"


def test_the_licence_is_said_once(checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    measure._say_once.cache_clear()
    files = {**model_files(SyncNet()), "checkpoint": checkpoint}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            run(SyncNet(), Footage(np.zeros((8, 64, 64, 3), np.uint8)), weights=files)
    said = [record for record in caplog.records if "SyncNet" in record.getMessage()]
    assert len(said) == 1
    assert "research" in said[0].getMessage()


def test_a_talking_head_has_vectors_on_its_own_times(checkpoint: Path) -> None:
    files = {**model_files(SyncNet()), "checkpoint": checkpoint}
    found = _measured(own("talk_f_01_hdtf.mp4"), files)
    visual, audio = found.series["syncnet.visual"], found.series["syncnet.audio"]
    assert visual.values.shape[1:] == audio.values.shape[1:] == (1024,)
    assert np.isfinite(visual.values[:-5].astype(np.float32)).mean() > 0.95
    assert np.isfinite(audio.values.astype(np.float32)).all()
    assert np.diff(audio.seconds) == pytest.approx(0.02)


def test_the_crop_is_the_published_one() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[..., 0] = 200
    made = crop(picture, np.array([200.0, 120.0, 50.0]))
    assert made.shape == (224, 224, 3)
    assert (made[..., 2] == 200).all()  # red comes last
    # 1.4 half sides to each side of a face at the left edge: two sevenths or so lie beyond it.
    edge = crop(picture, np.array([20.0, 120.0, 50.0]))
    assert (edge[:, :70] == 110).all()
    assert (edge[:, 82:, 2] == 200).all()


# ---- distances


def vectors(rate: int, seed: int, late: float = 0.0) -> np.ndarray:
    """Vectors that wander, like those of sound and lips that agree."""
    at = planted.grid(rate) - late
    return 3 * np.stack([planted.wave(at, 100 * seed + k, 1, 6) for k in range(24)], axis=1)


class TestSyncNetAligner(AlignerTests):
    aligner = SyncNetAligner()
    tolerance_seconds = 0.008

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        return planted.pair(
            {
                "syncnet.visual": (25, vectors(25, seed)),
                "syncnet.audio": (50, vectors(50, seed, late_seconds)),
            }
        )

    def wrong(self, seed: int) -> Pair:
        return planted.pair(
            {
                "syncnet.visual": (25, vectors(25, seed)),
                "syncnet.audio": (50, vectors(50, seed + 50)),
            }
        )


def test_confidence_is_the_median_less_the_least_of_whole_frames_as_published() -> None:
    pair = TestSyncNetAligner().pair(0.12)
    visual = pair.series["syncnet.visual"].within(pair.span)
    audio = pair.series["syncnet.audio"]
    found = agreement(visual, audio)
    assert not isinstance(found, str)
    step = {round(float(t) * 50): row for t, row in zip(audio.seconds, audio.values, strict=True)}
    means = [
        np.mean(
            [
                np.linalg.norm(row - step[round(float(t) * 50) + 2 * lag])
                for t, row in zip(visual.seconds, visual.values, strict=True)
            ]
        )
        for lag in range(-15, 16)
    ]
    assert found.confidence == pytest.approx(np.median(means) - min(means), abs=1e-3)
    # The published offset has the other sign: 15 - 18 for a sound that is three frames late.
    assert 15 - int(np.argmin(means)) == -3
    assert found.seconds == pytest.approx(0.12, abs=0.005)


def test_frames_without_a_face_count_for_nothing_and_too_many_say_so() -> None:
    pair = TestSyncNetAligner().pair(0.08)
    seen = pair.series["syncnet.visual"]
    gaps = seen.values.copy()
    gaps[60:90] = np.nan
    some = {**pair.series, "syncnet.visual": Series(seen.ticks, seen.time_base, gaps)}
    found = SyncNetAligner().estimate(replace(pair, series=some), max_offset_seconds=0.4)
    assert found.seconds == pytest.approx(0.08, abs=0.008)
    gaps[60:240] = np.nan
    found = SyncNetAligner().estimate(replace(pair, series=some), max_offset_seconds=0.4)
    assert found.absent == "no-face"


# ---- the published checkpoint


class _Found:
    def __init__(self, pair: Pair) -> None:
        self.pair, self.series = pair, pair.series


def _measured(path: Path, files: Mapping[str, Path]) -> _Found:
    """Series of a file, by a checkpoint on this machine."""
    chosen = SyncNet(weights_from=files["checkpoint"].as_uri(), sha256=_digest(files["checkpoint"]))
    found = measured(chosen, path)
    series = {f"syncnet.{name}": one for name, one in found.series.items()}
    span = Span(Fraction(0), found.info.duration_seconds)
    return _Found(Pair(span=span, video=found.info, series=series))


def _digest(path: Path) -> str:
    from hashlib import sha256

    return sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_the_published_network_finds_shifts_and_tells_dubs() -> None:
    path = os.environ.get("CURATOR_SYNCNET_WEIGHTS")
    if not path:
        pytest.skip("no published checkpoint: CURATOR_SYNCNET_WEIGHTS is not set")
    files = {**model_files(SyncNet()), "checkpoint": Path(path)}
    found = {
        name: SyncNetAligner().estimate(
            _measured(shared(f"fixtures/sync/{name}.mp4"), files).pair, max_offset_seconds=0.6
        )
        for name in ("sync_000", "sync_p120", "sync_m200", "dubbed")
    }
    base = found["sync_000"]
    assert base.seconds is not None
    assert base.confidence > 3
    for name, late in (("sync_p120", 0.12), ("sync_m200", -0.2)):
        assert found[name].seconds == pytest.approx(base.seconds + late, abs=0.04)
    assert found["dubbed"].confidence < base.confidence - 1
