"""Nsfw: the network gets exactly the input it was trained on, and harmless footage scores low."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from curator_overlay import Nsfw
from curator_overlay.nsfw import OPEN_NSFW, prepared
from PIL import Image

from curator.abc.measure import FrameNeed, View
from curator.errors import MeasureError
from curator.infer.onnx import open_session
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import Tiles
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run
from tests.footage import own, shared
from tests.measured import measured, model_files


class TestNsfw(MeasureTests):
    measure = Nsfw()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def by_pillow(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The network's input as its publishers make it."""
    small = Image.fromarray(picture).resize((256, 256), resample=Image.Resampling.BILINEAR)
    data = BytesIO()
    small.save(data, format="JPEG")
    again = np.asarray(Image.open(data).convert("RGB"), np.float32)[16:240, 16:240]
    return again[..., ::-1] - np.array([104, 117, 123], np.float32)


def first_picture(path: Path) -> npt.NDArray[np.uint8]:
    need = next(iter(Nsfw().needs.values()))
    assert isinstance(need, FrameNeed)
    assert need.view is View.rgb
    tile = next(iter(read_tiles(path, probe(path), (need,), Tiles.all(1), stats=DecodeStats())))
    return np.array(tile.blocks[need].pixels[0])  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["talk_f_01_hdtf.mp4", "juggle_720p.mp4", "toy_rabbit_vp8_240p.webm"])  # fmt: skip
def test_the_input_is_that_of_the_publishers(name: str) -> None:
    picture = first_picture(own(name))
    ours, theirs = prepared(picture), by_pillow(picture)
    assert ours.shape == (224, 224, 3)
    assert float(np.abs(ours - theirs).mean()) < 0.5
    session = open_session(model_files(Nsfw())[OPEN_NSFW.name], wanted_by="test", extra="overlay")
    scores = [float(session.run(None, {"input_0": one[None]})[0][0, 1]) for one in (ours, theirs)]
    assert scores[0] == pytest.approx(scores[1], abs=0.005)
    found = run(Nsfw(), Footage(picture[None]), weights=model_files(Nsfw()))
    assert float(found["score"].values[0]) == pytest.approx(scores[0], abs=1e-5)


def test_red_and_blue_are_not_swapped() -> None:
    skin = np.full((300, 300, 3), (230, 170, 140), np.uint8)
    # The mean that is taken off is that of blue, green, red.
    assert prepared(skin)[100, 100].tolist() == pytest.approx([140 - 104, 170 - 117, 230 - 123], abs=3)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["talk_f_01_hdtf.mp4", "juggle_720p.mp4", "asl_book.mkv", "toy_frog.mp4", "static_bottles_40s.mp4"],
)  # fmt: skip
def test_harmless_footage_scores_low(name: str) -> None:
    assert float(measured(Nsfw(), own(name)).values("score").max()) < 0.3


def test_what_the_network_mistakes_stays_below_what_its_makers_call_unsafe() -> None:
    for name in ("reject/toy_pig.mp4", "reject/pancake_240p_opus.mkv"):
        score = measured(Nsfw(), shared(f"fixtures/{name}")).values("score")
        assert 0.3 < float(score.max()) < 0.8  # a pink toy and a hand over a pan are no nudes


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nsfw.onnx"
    path.write_bytes(b"no network at all")
    with pytest.raises(MeasureError) as caught:
        Nsfw().start({OPEN_NSFW.name: path})
    assert caught.value.reason == "weights-unreadable"
