"""Crops from the recipe to the release."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.engine.progress import Silent
from curator.measure.face import Face
from curator.release.build import BuildResult, build
from curator.release.read import open_release
from curator.release.verify import verify
from curator.release.verify.clips import decode_media
from curator.release.verify.rows import Rows
from curator.release.verify.sources import Sources
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Bars, VideoSpec
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.footage import make_video, pan
from tests.footage import own, shared
from tests.measured import model_files

pytestmark = pytest.mark.slow


def built(root: Path, film: Path, video: dict[str, Any], seconds: float = 3) -> BuildResult:
    recipe = compile_recipe(
        {
            "name": "cropped",
            "target": "test",
            "sources": {"films": {"url": str(film), "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 0.1, "max": seconds}},
            "sample": {"video": {"crf": 10, **video}, "audio": None},
        }
    )
    settings = Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )
    (result,) = build([recipe], settings, Silent())
    return result


def rows(result: BuildResult) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(result.release.folder / "data").to_pylist()
    return sorted(found, key=lambda row: row["start_seconds"])


def frames(data: Any) -> list[np.ndarray]:
    with av.open(data, "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def letterboxed(path: Path) -> None:
    """A moving picture of 320 x 132 between black bars of 24 rows."""
    rng = np.random.default_rng(3)
    texture = cv2.resize(rng.uniform(60, 220, (12, 60, 3)).astype(np.uint8), (640, 132))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(50):
            shown = texture[:, 4 * number : 4 * number + 320]
            padded = np.pad(shown, ((24, 24), (0, 0), (0, 0))).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(padded, "rgb24")))
        out.mux(stream.encode(None))


def test_bars_are_cut_and_the_release_says_what_is_left(tmp_path: Path) -> None:
    letterboxed(tmp_path / "a.mp4")
    result = built(tmp_path, tmp_path / "a.mp4", {"bars": "cut", "width": 160, "height": 64})
    for clip in rows(result):
        assert (clip["width_px"], clip["height_px"]) == (160, 64)
        pictures = frames(io.BytesIO(clip["video"]["bytes"]))
        assert min(picture[row].mean() for picture in pictures for row in (0, -1)) > 30
        crop = clip["tracks.crop"]
        assert len(crop["values"]) == clip["num_frames"] == len(pictures)
        x, y, width, height = crop["values"][0]
        assert (x, width) == (0, 320)
        assert 24 <= y <= 28
        assert 152 <= y + height <= 156
    assert "`tracks.crop`" in (result.release.folder / "README.md").read_text()


def test_verify_compares_crops_with_the_part_of_the_source_that_they_name(tmp_path: Path) -> None:
    letterboxed(tmp_path / "a.mp4")
    result = built(tmp_path, tmp_path / "a.mp4", {"bars": "cut"})
    said = verify(result.release.folder, sources=True)
    assert (said.faults, said.sources_compared) == ((), len(rows(result)))
    video = VideoSpec(crf=10, bars=Bars.cut)
    recipe = replace(result.recipe, sample=replace(result.recipe.sample, video=video))
    for box, reason in (
        ([100.0, 30.0, 160.0, 64.0], "size"),
        ([0.0, 0.0, 320.0, 128.0], "first-frame"),
        (None, "crop"),
    ):
        (row,) = Rows(open_release(result.release.folder)).read()
        held = None if box is None else {"seconds": [0.0], "values": [box]}
        wrong = replace(row, values={**row.values, "tracks.crop": held})
        reasons = {fault.reason for fault in Sources(recipe).check(wrong, decode_media(row))}
        assert reasons == {reason}


def test_a_crop_shows_the_face_and_maps_back_to_the_source(tmp_path: Path) -> None:
    model_files(Face())
    film = own("talk_f_01_hdtf.mp4")
    result = built(tmp_path, film, {"crop": {"follow": "face", "size": 128, "margin": 0.1}})
    source = frames(str(film))
    clips = rows(result)
    assert clips
    for clip in clips:
        shown = frames(io.BytesIO(clip["video"]["bytes"]))
        boxes = clip["tracks.crop"]["values"]
        times = np.array(clip["tracks.crop"]["seconds"]) + clip["start_seconds"]
        assert len(shown) == len(boxes) == clip["num_frames"]
        for k in range(0, len(shown), 10):
            x, y, width, height = boxes[k]
            origin = source[round(times[k] * 25)]
            centre = (x + width / 2 - 0.5, y + height / 2 - 0.5)
            part = cv2.getRectSubPix(origin, (round(width), round(height)), centre)
            truth = cv2.resize(part, (128, 128), interpolation=cv2.INTER_AREA)
            assert np.abs(truth.astype(float) - shown[k].astype(float)).mean() < 4
    again = built(tmp_path, film, {"crop": {"follow": "face", "size": 128, "margin": 0.1}})
    assert (again.frames_decoded, again.release.digest) == (0, result.release.digest)
    other = built(tmp_path, film, {"crop": {"follow": "face", "size": 128, "margin": 0.2}})
    assert other.frames_encoding > 0


def test_a_clip_without_what_the_crop_follows_is_dropped_with_the_reason(tmp_path: Path) -> None:
    model_files(Face())
    make_video(tmp_path / "a.mp4", [pan(2)], fps=Fraction(25), size=(320, 180))
    result = built(tmp_path, tmp_path / "a.mp4", {"crop": {"follow": "face"}})
    assert result.hours_kept == 0
    assert [step.name for step in result.funnel if step.seconds_out == 0][:1] == ["crop:no-subject"]


def test_hdr_is_kept_out_or_mapped_as_the_recipe_says(tmp_path: Path) -> None:
    film = shared("fixtures/formats/hlg10-color-test.mp4")
    refused = built(tmp_path, film, {"height": 270}, seconds=1)
    assert refused.hours_kept == 0
    assert refused.videos["failed"] == 1
    (clip,) = rows(built(tmp_path, film, {"height": 270, "hdr": "tonemap"}, seconds=1))
    assert clip["height_px"] == 270
    assert clip["num_frames"] > 0
