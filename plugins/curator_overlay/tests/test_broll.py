"""The recipe `broll`: of the same landscape it keeps the calm ride and drops what nobody cuts between scenes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from curator_overlay import Text

from curator.abc.measure import FrameNeed, View
from curator.engine.progress import Silent
from curator.measure.face import Face
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import Tiles
from curator.release.build import build
from curator.spec.compile import compile_recipe
from curator.spec.compose import compose
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.spec.words import parse_words
from tests.footage import own
from tests.measured import model_files

pytestmark = pytest.mark.slow

Picture = npt.NDArray[np.uint8]
_SIZE = (854, 480)
_FRAMES = 100


def landscape() -> Picture:
    """A meadow of the animated film Big Buck Bunny, 1280 x 720."""
    need = FrameNeed(view=View.rgb, fps=Fraction(1), max_side_px=1280)
    path = own("bbb_0_30.webm")
    for one in read_tiles(path, probe(path), (need,), Tiles.all(3), stats=DecodeStats()):
        if one.index == 2:
            return np.array(one.blocks[need].pixels[1])  # type: ignore[union-attr]
    raise AssertionError("30 s have a third tile")


def ride(picture: Picture, *, pace: float = 3.0, shake: float = 0.0, title: str = "") -> list[Picture]:  # fmt: skip
    """A camera that glides over the picture by `pace` px a frame, shaken by `shake` px."""
    jolts = np.random.default_rng(1).normal(0, 1, (_FRAMES, 2)) * shake
    out = []
    for index, (right, down) in enumerate(jolts):
        move = np.array([[1, 0, -40 - pace * index - right], [0, 1, -120 - down]], np.float64)
        frame = cv2.warpAffine(picture, move, _SIZE)
        if title:
            cv2.putText(frame, title, (200, 300), cv2.FONT_HERSHEY_DUPLEX, 1.5, (255, 255, 255), 3)
        out.append(np.asarray(frame, np.uint8))
    return out


def write(path: Path, frames: list[Picture]) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode(None))


def test_a_calm_ride_is_kept_and_tripod_shake_titles_and_halves_are_not(tmp_path: Path) -> None:
    for measure in (Face(), Text()):
        model_files(measure)
    picture, films = landscape(), tmp_path / "films"
    films.mkdir()
    calm = ride(picture)
    write(films / "calm.mp4", calm)
    write(films / "tripod.mp4", ride(picture, pace=0))
    write(films / "shaken.mp4", ride(picture, shake=20))
    write(films / "titled.mp4", ride(picture, title="Holiday 2024"))
    mirrored = [frame[:, ::-1] for frame in ride(picture, pace=2)]
    halves = [np.concatenate([a[:, :427], b[:, 427:] // 2], axis=1) for a, b in zip(calm, mirrored, strict=True)]  # fmt: skip
    write(films / "halves.mp4", halves)
    assert reasons(films, tmp_path) == {
        "calm.mp4": "kept",
        "tripod.mp4": "travels",
        "shaken.mp4": "steady",
        "titled.mp4": "unmarked",
        "halves.mp4": "whole",
    }


def reasons(films: Path, root: Path) -> dict[str, str]:
    """By file: ``kept``, or the condition that dropped its longest piece."""
    words = ["broll", f"sources.films.url={films}/*.mp4", "sources.films.license=CC-BY-3.0"]
    (composed,) = compose(parse_words(words))
    recipe = compile_recipe(composed.recipe, composed.places)
    settings = Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )
    (result,) = build([recipe], settings, Silent())
    rows: list[dict[str, Any]] = pq.read_table(
        result.release.folder / "metrics.parquet"
    ).to_pylist()
    found: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["end_seconds"] - row["start_seconds"]):
        name = str(row["video"]).rsplit("/", 1)[-1]
        found[name] = "kept" if row["verdict"] == "kept" else str(row["reason"]).split(":")[0]
    return found
