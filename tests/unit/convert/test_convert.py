from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path

import av
import pyarrow.parquet as pq
import pytest

from curator.cli.convert import HELP
from curator.convert.clips import Clips
from curator.convert.convert import FORMATS, convert
from curator.errors import ConvertError, UsageError
from curator.hub.where import Where
from tests.loading import Shape


def frames(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_every_format_is_in_the_help() -> None:
    told = [
        line.split()[0]
        for line in HELP.splitlines()
        if line.startswith("  ") and line[2:3].isalpha()
    ]
    assert told == list(FORMATS)


@pytest.mark.parametrize("to", list(FORMATS))
def test_every_format_is_whole_or_not_there(make, tmp_path: Path, to: str) -> None:
    made = make([Shape(), Shape(frames=30)])
    done = convert(made, tmp_path / "out" / "set", to=to)
    assert (done.samples, done.left_out) == (2, 0)
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["set"]
    held = {path: path.read_bytes() for path in done.folder.rglob("*") if path.is_file()}
    assert all(held.values())
    with pytest.raises(ConvertError) as failed:
        convert(made, tmp_path / "out" / "set", to=to)
    assert failed.value.reason == "convert-exists"
    assert held == {path: path.read_bytes() for path in done.folder.rglob("*") if path.is_file()}


def test_the_same_release_gives_the_same_bytes(make, tmp_path: Path) -> None:
    made = make([Shape(), Shape(frames=30)])
    for to in ("webdataset", "files", "diffsynth", "lerobot"):
        trees = []
        for where in ("a", "b"):
            folder = convert(made, tmp_path / where / to, to=to).folder
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            trees.append([(str(path.relative_to(folder)), path.read_bytes()) for path in files])
        assert trees[0] == trees[1]


def test_an_empty_folder_may_be_filled(make, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert convert(make([Shape()]), tmp_path / "set", to="ltx").samples == 1


def test_a_failure_leaves_nothing(make, tmp_path: Path) -> None:
    made = make([Shape(), Shape(width=96)])
    with pytest.raises(ConvertError) as failed:
        convert(made, tmp_path / "out" / "set", to="lerobot")
    assert failed.value.reason == "convert-sizes"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"to": "webdatset"}, "convert-format"),
        ({"to": "files", "split": "test"}, "convert-empty"),
        ({"to": "files", "where": Where.parse("fps > 100")}, "convert-empty"),
        ({"to": "files", "caption": "txt"}, "caption-unknown"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    make, tmp_path: Path, options, reason: str
) -> None:
    with pytest.raises(ConvertError) as failed:
        convert(make([Shape()]), tmp_path / "set", **options)
    assert failed.value.reason == reason
    assert failed.value.hint
    assert not (tmp_path / "set").exists()


def test_a_condition_leaves_samples_out(make, tmp_path: Path) -> None:
    made = make([Shape(), Shape(frames=30), Shape(fps=Fraction(30))])
    clips = Clips(made, where=Where.parse("num_frames == 30"))
    assert [clip.id[-1] for clip in clips] == ["1"]
    with pytest.raises(UsageError):
        Clips(made, where=Where.parse("num_farmes == 30"))


def test_media_belong_to_their_rows(make) -> None:
    shapes = [Shape(frames=20 + 5 * n, sound=n != 2) for n in range(6)]
    clips = Clips(make(shapes))
    for place in ([0, 1, 2, 3, 4, 5], [5, 0, 3]):
        for at, clip in zip(place, clips.take(place), strict=True):
            assert frames(clip.video) == clip.row["num_frames"] == shapes[at].frames
            assert (clip.audio is None) == (at == 2)


def test_captions_come_from_the_words_of_the_clip_else_from_the_recipe(make) -> None:
    made = make([Shape(frames=10), Shape(frames=10, tracks=False)])
    assert [clip.caption for clip in Clips(made)] == ["word 0 word 1/5", "A grey ramp."]
    assert [clip.caption for clip in Clips(made, caption="container.codec")] == ["h264", "h264"]


def test_the_command_converts(make, tmp_path: Path, capsys) -> None:
    from curator.cli import run

    made = make([Shape()])
    words = ["convert", str(made.folder), "--to", "videox-fun", str(tmp_path / "x"), "--json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["samples"] == 1
    assert run(words[:2]) == UsageError.exit_code
    assert run(words) == 1
    assert pq.read_schema(next((made.folder / "data").iterdir())).names[0] == "id"
