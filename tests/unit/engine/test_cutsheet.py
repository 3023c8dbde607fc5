"""What is read from a cut sheet is what was written, or it is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from curator.engine.cutsheet import cut_sheet, read_sheet
from curator.engine.sample import tracks, video_track
from curator.engine.task import SoundPlace
from curator.errors import StoreError
from curator.media.encode import ENCODE_VERSION
from curator.model.crop import CropPath
from curator.model.outcome import CutSheet
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock
from curator.plan.crop import crop_document
from curator.plan.logical import FORMAT
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.store.key import digest

LATE = Clock(offset_seconds=Fraction(31, 100), rate=Fraction(1001, 1000))


def recipe(**sample: Any) -> Recipe:
    document = {
        "name": "x",
        "target": "x",
        "sources": {
            "films": {"url": "x", "license": "CC0-1.0", "sidecars": {"left": "{stem}.mov"}}
        },
        "sample": {"video": {"height": 90, "fps": "30000/1001"}, **sample},
    }
    return compile_recipe(document)


def document(wanted: Recipe, **more: Any) -> dict[str, Any]:
    """As `sample_document` makes it."""
    video, audio = tracks(wanted)
    return {
        "format": FORMAT,
        "kind": "sample",
        "op": "encode",
        "version": ENCODE_VERSION,
        "params": {"video": video, "audio": audio},
        "span": [Fraction(1, 3), Fraction(7, 2)],
        "inputs": {"video": "v" * 64, "start": Fraction(-1, 25)},
        **more,
    }


def path() -> CropPath:
    boxes = np.array([[0.1, 0.2, 64.0, 48.0], [1 / 3, 0.7, 64.0, 48.0]])
    return CropPath(boxes=Series(np.array([9000, 12600]), Fraction(1, 90000), boxes))


def test_a_sheet_says_what_was_written() -> None:
    wanted = recipe()
    written = document(wanted, crop=crop_document(path()))
    read = read_sheet(cut_sheet(written, path()), digest(written), wanted)
    assert (read.video, read.start, read.files) == ("v" * 64, "-1/25", frozenset({"v" * 64}))
    assert read.wanted.span == Span(Fraction(1, 3), Fraction(7, 2))
    assert read.wanted.how == tracks(wanted)
    assert read.wanted.sound is None
    assert read.wanted.crop is not None
    assert np.array_equal(read.wanted.crop.values, path().values)
    assert digest(read.wanted.document) == digest(written)


@pytest.mark.parametrize(
    ("sound", "place", "files"),
    [
        ({"clock": LATE}, SoundPlace(url=None, clock=LATE), 1),
        (
            {"file": "s" * 64, "op": "sound", "params": {"language": "deu"}, "clock": LATE},
            SoundPlace(url="s" * 64, clock=LATE, language="deu"),
            2,
        ),
        (
            {"file": "v" * 64, "op": "sound", "params": {"stream": 1}, "clock": Clock()},
            SoundPlace(url=None, clock=Clock(), stream=1),
            1,
        ),
        ({"file": None}, None, 1),
    ],
)
def test_sound_comes_from_where_it_did(
    sound: dict[str, Any], place: SoundPlace | None, files: int
) -> None:
    wanted = recipe()
    written = document(wanted, sound=sound)
    read = read_sheet(cut_sheet(written, None), digest(written), wanted)
    assert read.wanted.sound == place
    assert (read.wanted.how[1] is None) == (place is None), (
        "a sidecar that was not there is silence"
    )
    assert len(read.files) == files


def test_cameras_are_cut_by_their_clocks() -> None:
    wanted = recipe(videos={"left": {"of": "sidecar.left", "height": 48}})
    camera = {"file": "c" * 64, "clock": LATE, "params": video_track(wanted.sample.videos["left"])}
    written = document(wanted, cameras={"left": camera})
    read = read_sheet(cut_sheet(written, None), digest(written), wanted)
    assert read.wanted.cameras["left"][::2] == ("c" * 64, LATE)
    assert read.files == {"v" * 64, "c" * 64}
    absent = document(wanted, cameras={"left": None})
    assert not read_sheet(cut_sheet(absent, None), digest(absent), wanted).wanted.cameras


def refused(sheet: CutSheet, key: str, wanted: Recipe) -> str:
    with pytest.raises(StoreError) as caught:
        read_sheet(sheet, key, wanted)
    assert caught.value.reason == "cut-sheet"
    return caught.value.message


def test_a_sheet_that_would_give_another_clip_is_refused() -> None:
    wanted = recipe()
    written = document(wanted)
    sheet = cut_sheet(written, None)
    assert "not the sheet of this sample" in refused(sheet, "0" * 64, wanted)
    other = recipe(video={"height": 48})
    assert "another encoding" in refused(sheet, digest(written), other)
    later = document(wanted, version=ENCODE_VERSION + 1)
    assert f"version {ENCODE_VERSION + 1}" in refused(cut_sheet(later, None), digest(later), wanted)
    cropped = document(wanted, crop=crop_document(path()))
    assert "crop" in refused(cut_sheet(cropped, None), digest(cropped), wanted)
    broken = CutSheet(document=json.dumps({"span": [0]}))
    assert "cannot be read" in refused(broken, "0" * 64, wanted)
    assert "cannot be read" in refused(CutSheet(document="["), "0" * 64, wanted)
