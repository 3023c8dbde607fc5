"""A recipe drops films that carry a mark from shot to shot, and keeps what has none or cannot tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.engine.inspect import preview
from curator.engine.progress import Silent
from curator.release.build import build
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from tests.footage import own

pytestmark = pytest.mark.slow

TAKES = (
    "juggle_720p.mp4",
    "toy_frog.mp4",
    "hands_blocks_topdown_720p.mp4",
    "static_bottles_40s.mp4",
    "talk_f_01_hdtf.mp4",
)
WIDTH, HEIGHT, FPS, SECONDS = 480, 270, 15, 5


def film(path: Path, takes: Sequence[str], *, opacity: float) -> None:
    """Five seconds of each take, under a ring of 48 px in the upper right corner."""
    ring = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(ring, (430, 40), 20, 255, 7, cv2.LINE_AA)
    share = opacity * ring.astype(np.float32)[..., None] / 255
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "26", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for take in takes:
            with av.open(own(take)) as source:
                shown = 0
                for frame in source.decode(video=0):
                    while shown < SECONDS * FPS and frame.time >= shown / FPS - 1e-6:
                        picture = frame.to_ndarray(width=WIDTH, height=HEIGHT, format="rgb24")
                        under = picture * (1 - share) + 235 * share
                        shot = av.VideoFrame.from_ndarray(under.astype(np.uint8), "rgb24")
                        out.mux(stream.encode(shot))
                        shown += 1
        out.mux(stream.encode(None))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    film(folder / "clean.mp4", TAKES, opacity=0)
    film(folder / "marked.mp4", TAKES, opacity=0.4)
    film(folder / "one_shot.mp4", TAKES[3:4], opacity=0.4)
    return folder


def recipe(films: Path, most: float = 2) -> Recipe:
    document: dict[str, Any] = {
        "name": "unbranded",
        "target": "test",
        "sources": {"films": {"url": f"{films}/*.mp4", "license": "CC0-1.0"}},
        "segment": {"seconds": {"min": 1, "max": 10}},
        "keep": {"unbranded": {"of": "logos.scenes.p75", "max": most, "absent": "keep"}},
        "sample": {"video": {"height": 90}, "audio": None},
    }
    return compile_recipe(document)


def settings(root: Path) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )


def test_marked_films_fall_and_others_stay(films: Path, tmp_path: Path) -> None:
    (result,) = build([recipe(films)], settings(tmp_path), Silent())
    rows = pq.read_table(result.release.folder / "metrics.parquet").to_pylist()
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        if row["unit"] == "clip":
            length = row["end_seconds"] - row["start_seconds"]
            seconds[Path(row["video"]).name, row["reason"]] += length
    assert seconds["marked.mp4", "unbranded:high"] > 0.9 * 25
    assert seconds["clean.mp4", "ok"] > 0.9 * 25
    assert seconds["one_shot.mp4", "ok"] > 0.9 * 5
    assert set(seconds) - {("marked.mp4", "ok")} == {
        ("marked.mp4", "unbranded:high"),
        ("clean.mp4", "ok"),
        ("one_shot.mp4", "ok"),
    }
    fell = [row for row in rows if row["reason"] == "unbranded:high"]
    for name, place in (("x", 430 / WIDTH), ("y", 40 / HEIGHT), ("width", 0.1), ("height", 0.174)):
        assert fell[0][f"logos.{name}.median"] == pytest.approx(place, abs=0.03), name


def test_a_looser_bound_decodes_nothing_and_keeps_them(films: Path, tmp_path: Path) -> None:
    build([recipe(films)], settings(tmp_path), Silent())
    looser = preview(recipe(films, 100), settings(tmp_path))
    assert looser.clips["dropped"] == 0
    assert looser.not_measured_seconds == 0
    (result,) = build([recipe(films, 100)], settings(tmp_path), Silent())
    assert result.frames_decoded == result.frames_encoding
