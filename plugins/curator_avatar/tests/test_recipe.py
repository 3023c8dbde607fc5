"""The recipe `avatar` keeps a talker, and drops the same picture when noise or a second voice is heard."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from curator_avatar import Speakers

from plugins.curator_avatar.tests.sounds import RATE_HZ, mixed, sound_of
from tests.footage import own, shared
from tests.measured import model_files

pytestmark = pytest.mark.slow

TALKER = "talk_f_01_hdtf.mp4"


def with_sound(path: Path, sound: npt.NDArray[np.float32]) -> None:
    """The talker's own packets, with another sound track."""
    with av.open(str(own(TALKER))) as old, av.open(str(path), "w") as new:
        pictures = old.streams.video[0]
        video = new.add_stream_from_template(pictures)
        audio = new.add_stream("aac", rate=RATE_HZ, layout="mono")
        for packet in old.demux(pictures):
            if packet.dts is not None:
                packet.stream = video
                new.mux(packet)
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = RATE_HZ
        new.mux(audio.encode(frame))
        new.mux(audio.encode(None))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("avatar")
    voice = sound_of(own(TALKER))
    other = sound_of(shared("fixtures/audio/jfk.flac"))
    noise = np.random.default_rng(0).normal(0, 1, len(voice)).astype(np.float32)
    half = len(voice) // 2
    level = np.sqrt(np.mean(voice**2) / np.mean(other**2))
    both = np.concatenate([voice[:half], level * other[: len(voice) - half]]).astype(np.float32)
    with_sound(folder / "alone.mp4", voice)
    with_sound(folder / "noise.mp4", mixed(voice, noise, ratio_db=0))
    with_sound(folder / "two.mp4", both)
    store = next(iter(model_files(Speakers()).values())).parents[1]
    (folder / "store").mkdir()
    (folder / "store" / "weights").symlink_to(store / "weights")
    command = [sys.executable, "-m", "curator", "build", "avatar", "sources.films.license=CC0-1.0"]
    command += [f"sources.films.url='{folder}/*.mp4'", "~keep.lips", "~keep.light", "--json"]
    command += [f"out={folder}/out", f"store.root={folder}/store"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    release = json.loads(done.stdout.splitlines()[-1])["release"]
    return pq.read_table(Path(release) / "metrics.parquet").to_pylist()


def test_the_talker_alone_is_kept(rows: list[dict[str, Any]]) -> None:
    kept = [row for row in rows if row["video"].endswith("alone.mp4") and row["verdict"] == "kept"]
    assert sum(row["end_seconds"] - row["start_seconds"] for row in kept) > 6


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("noise.mp4", {"clean:low"}),
        ("two.mp4", {"one_voice:low", "one_speaker:high"}),
    ],
)
def test_noise_and_a_second_voice_are_reasons(
    rows: list[dict[str, Any]], name: str, reasons: set[str]
) -> None:
    found = [row for row in rows if row["video"].endswith(name)]
    assert {row["verdict"] for row in found} == {"dropped"}
    assert reasons & {row["reason"] for row in found}
