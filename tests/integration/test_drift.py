"""A recorder beside a camera whose clocks run apart: one clock for the whole pair, from the recipe to the release."""

from __future__ import annotations

import json
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest

from curator.engine.inspect import preview
from curator.release.build import BuildResult
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.testing.footage import make_video, pan
from tests.building import built, settings

pytestmark = pytest.mark.slow

SECONDS, RATE = 180, 16_000
LATE, DRIFT = 0.05, 0.001
"""After three minutes it is 0.23 s late: beyond the bound of 0.1 s, and beyond the 0.2 s that a clip looks for."""


def bursts(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Noise in bursts, at any times: what both devices hear."""
    rng = np.random.default_rng(5)
    total = (SECONDS + 4) * RATE
    loud = np.repeat(rng.uniform(0.01, 0.3, total // 1600), 1600)
    source = loud * rng.standard_normal(total)
    return np.interp((times + 2) * RATE, np.arange(total), source).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("takes")
    heard = bursts(np.arange(SECONDS * RATE) / RATE)
    make_video(
        root / "take.mkv",
        [pan(SECONDS, seed=1)],
        fps=Fraction(5),
        size=(64, 36),
        audio=heard,
        audio_rate=RATE,
        audio_codec="pcm_s16le",
    )
    stamps = np.arange((SECONDS + 1) * RATE) / RATE
    recorded = bursts((stamps - LATE) / (1 + DRIFT))
    with wave.open(str(root / "take.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((recorded * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return root


def recipe(folder: Path, **changes: Any) -> Recipe:
    return compile_recipe(
        {
            "name": "drift",
            "target": "test",
            "sources": {
                "takes": {
                    "url": str(folder / "take.mkv"),
                    "license": "CC0-1.0",
                    "sidecars": {"boom": "{stem}.wav"},
                }
            },
            "segment": {"seconds": {"min": 5, "max": 20}},
            "align": {"boom": {"op": "envelope", "max_offset_seconds": 0.1, **changes}},
            "sample": {"audio": {"of": "sidecar.boom"}},
            "pack": {"clips": "virtual"},
        }
    )


def clips(result: BuildResult) -> list[dict[str, Any]]:
    rows = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    return [row for row in rows if row["unit"] == "clip"]


def test_drift_between_devices_loses_no_clip(folder: Path, tmp_path: Path) -> None:
    result = built(tmp_path, recipe(folder))
    rows = clips(result)
    assert len(rows) >= 9
    assert {row["reason"] for row in rows} == {"ok"}
    for row in rows:
        middle = (row["start_seconds"] + row["end_seconds"]) / 2
        late = LATE + DRIFT * middle
        assert row["sync.boom.offset_seconds"] == pytest.approx(late, abs=0.001)
        assert row["sync.boom.shift_seconds"] == pytest.approx(late, abs=0.001)
        assert row["sync.boom.drift"] == pytest.approx(DRIFT, abs=1e-5)
        assert abs(row["sync.boom.offset_after_seconds"]) < 0.001
    assert rows[-1]["sync.boom.offset_seconds"] > 0.2
    shards = pq.read_table(result.release.folder / "data").to_pylist()
    for row in shards:
        clock = json.loads(row["cut"]["document"])["sound"]["clock"]
        assert float(Fraction(clock["rate"])) == pytest.approx(1 + DRIFT, abs=1e-5)


def test_the_next_build_and_preview_ask_nothing_again(folder: Path, tmp_path: Path) -> None:
    first = built(tmp_path, recipe(folder))
    said = preview(recipe(folder), settings(tmp_path))
    assert said.clips == dict(first.clips)
    assert said.not_measured_seconds == 0
    again = built(tmp_path, recipe(folder))
    assert again.release.digest == first.release.digest
    other = preview(recipe(folder, search_seconds=0.3), settings(tmp_path))
    assert other.not_measured_seconds == pytest.approx(SECONDS, abs=10)


def test_without_repair_clips_are_judged_by_the_declared_clock(
    folder: Path, tmp_path: Path
) -> None:
    rows = clips(built(tmp_path, recipe(folder, repair=False)))
    reasons = [row["reason"] for row in rows]
    assert reasons[0] == "ok"
    assert reasons[-1] != "ok"
    assert all(row["sync.boom.shift_seconds"] == 0 for row in rows)
