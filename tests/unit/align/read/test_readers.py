"""What holds for every reader that is installed."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curator.abc.reader import Sidecar, TrackReader
from curator.errors import SourceError
from curator.model.track import Track
from curator.registry import load_reader, readers
from curator.spec.operators import instance, read_params
from curator.spec.places import Places
from curator.spec.read import Reader
from curator.spec.schema import field_docs
from curator.store.tracks import decode_track, encode_track
from tests.footage import shared
from tests.sidecars import existing, sidecar

NAMES = sorted(readers())
SUFFIXES = sorted({suffix for name in NAMES for suffix in load_reader(name).suffixes})
HOSTILE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)


def made(name: str) -> TrackReader:
    """With a rate where a reader takes one, so that it reads beyond missing times."""
    kind = load_reader(name)
    rated = any(f.name == "fps" for f in dataclasses.fields(kind))  # type: ignore[arg-type]
    return kind(fps=Fraction(25)) if rated else kind()  # type: ignore[call-arg]


def attempt(reader: TrackReader, file: Sidecar) -> tuple[SourceError | None, Mapping[str, Track]]:
    """What comes of reading a file; any other error is a fault of the reader."""
    try:
        return None, reader.read(file)
    except SourceError as error:
        return error, {}


def test_there_are_readers() -> None:
    assert len(NAMES) >= 14


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_says_what_it_is_and_what_its_settings_mean(name) -> None:
    kind = load_reader(name)
    reader = kind()
    assert isinstance(reader, TrackReader)
    assert (kind.name, kind.version >= 1) == (name, True)
    assert all(one == one.lower() and one.startswith(".") for one in kind.suffixes)
    assert kind.__doc__
    docs = field_docs(kind)
    assert all(docs.get(f.name) for f in dataclasses.fields(kind))  # type: ignore[arg-type]
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_no_suffix_has_two_readers() -> None:
    counts = Counter(suffix for name in NAMES for suffix in load_reader(name).suffixes)
    assert not [suffix for suffix, count in counts.items() if count > 1]


def starts() -> list[bytes]:
    """How files of the formats begin, so that noise gets past their first check."""
    return [
        b"", b"WEBVTT\n\n00:01.000 --> ", b"1\n00:00:01,000 --> 00:00:02,000\n", b"[00:01.00]",
        b"HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n", b'{"segments": [', b'[{"start": 1, "end": 2, "text":',
        b"PathFileType\t4\n", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"PAR1", b"\x89HDF\r\n\x1a\n",
        b"\x89MCAP0\r\n", b"\x02\x50", b"\x1a\x45\xdf\xa3", b"t,x\n0,1\n",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("table", {"unit": "ms", "fps": "30000/1001", "between": {"grip": "hold"}, "tracks": {"a": ["x"]}}),
        ("bvh", {"unit": "inch", "up": "z", "fps": 29.97}),
        ("joints", {"joints": ["a", "b"], "parents": {"b": "a"}, "time_unit": "us"}),
        ("json", {"unit": "ms", "by": "kind"}),
        ("mcap", {"topics": {"state": "/arm"}, "stamp": "publish"}),
    ],
)  # fmt: skip
def test_settings_go_through_a_recipe_as_json(name, given) -> None:
    recipe = Reader(Places())
    params = read_params(load_reader(name), given, "sources.films.read.x", recipe)
    recipe.finish()
    assert set(params) >= set(given)
    assert instance(load_reader(name), json.loads(json.dumps(params))) == instance(
        load_reader(name), params
    )


@pytest.mark.parametrize("name", NAMES)
@HOSTILE
@given(st.sampled_from(starts()), st.binary(max_size=300), st.sampled_from(["", *SUFFIXES]))
@example(b"", b"\xff\xfe\x00\xd8", ".srt")
@example(b"", b"[1e400]", ".json")
@example(b"", b'{"frames": [{"transform_matrix": {}}]}', ".json")
def test_noise_is_refused_or_read_and_never_breaks_a_reader(
    tmp_path, name, start, noise, suffix
) -> None:
    own = load_reader(name).suffixes
    file = sidecar(tmp_path, f"a{suffix or (own[0] if own else '.bin')}", start + noise)
    error, tracks = attempt(made(name), file)
    if error is not None:
        assert error.reason == "sidecar-invalid"
        assert "a." in error.message
    assert all(encode_track(track) for track in tracks.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_not_there_is_refused(tmp_path, name) -> None:
    suffix = (load_reader(name).suffixes or (".npz",))[0]
    with pytest.raises(SourceError, match="none") as caught:
        made(name).read(existing(tmp_path / f"none{suffix}"))
    assert caught.value.reason == "sidecar-invalid"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("srt", "subs/jfk.srt"),
        ("vtt", "subs/subtitles_en.vtt"),
        ("json", "gt/jfk.json"),
        ("bvh", "mocap/jumping_jacks.bvh"),
        ("joints", "mocap/jumping_jacks_joints.npz"),
        ("table", "robotics/bridge_episodes/ep03.npz"),
        ("subtitles", "formats/v_jfk_subs_2tracks.mkv"),
    ],
)
def test_tracks_of_real_files_can_be_stored(name, path) -> None:
    for track in made(name).read(existing(shared(f"fixtures/{path}"))).values():
        data = encode_track(track)
        assert encode_track(decode_track(data)) == data


def test_damage_anywhere_in_a_real_file_is_refused_or_read(tmp_path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", positions=np.zeros((9, 2, 3)), names=["a", "b"], parents=[-1, 0])
    pq.write_table(pa.table({"t": np.arange(50.0), "x": np.ones(50)}), tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text(json.dumps([{"start": 1, "end": 2, "text": "hello"}] * 5))
    refusals = 0
    for name, path in [("joints", "a.npz"), ("table", "a.parquet"), ("json", "a.json")]:
        whole = (tmp_path / path).read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            for at in rng.integers(len(data), size=3):
                data[at] = int(rng.integers(256))
            error, _ = attempt(made(name), sidecar(tmp_path, f"b.{path[2:]}", bytes(data)))
            refusals += error is not None
    assert refusals > 30
