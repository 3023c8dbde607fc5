"""A real release, and every kind of fault planted in it: each must be found, named and placed.

After a fault is planted the manifest is signed anew, so that no digest gives it away.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curator.cli import run
from curator.engine.progress import Silent
from curator.media.mux import flac
from curator.release.build import build
from curator.release.manifest import VERSION_CHARS, content_digest, describe
from curator.release.read import NOT_CONTENT, open_release
from curator.release.verify import Fault, verify
from curator.spec.compile import compile_recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.footage import flat, make_video, pan

pytestmark = pytest.mark.slow

RATE = 16000
Rows = list[dict[str, Any]]


def babble(seconds: float, seed: int) -> Any:
    """Noise whose loudness changes: like nothing but itself."""
    random = np.random.default_rng(seed)
    count = round(seconds * 48000)
    loud = np.repeat(random.uniform(0.02, 0.3, count // 4800 + 1), 4800)[:count]
    return (loud * random.standard_normal(count)).astype(np.float32)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for seed, name in enumerate(("a.mp4", "b.mkv")):
        parts = [
            flat(1, 0.02),
            pan(5, pixels=120, seed=seed),
            flat(1, 0.02),
            pan(5, pixels=150, seed=seed + 5),
        ]
        make_video(folder / name, parts, fps=Fraction(25), audio=babble(12, seed))
    return folder


@pytest.fixture(scope="module")
def whole(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of at least four clips with pictures, sound and a track, at 25 fps."""
    root = tmp_path_factory.mktemp("release")
    recipe = compile_recipe(
        {
            "name": "verified",
            "target": "test",
            "sources": {"films": {"url": f"{films}/*", "license": "CC0-1.0"}},
            "segment": {
                "seconds": {"min": 1, "max": 6, "trim": 0.1},
                "where": {"bright": {"of": "luma.mean", "min": 40}},
            },
            "sample": {
                "video": {"height": 144, "fps": 25},
                "audio": {"sample_rate_hz": RATE},
                "tracks": {"light": {"of": "luma.mean"}},
            },
        }
    )
    settings = Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(root / "store")),
    )
    (result,) = build([recipe], settings, Silent())
    return result.release.folder


@pytest.fixture
def release(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "release"))


def shard_of(release: Path) -> Path:
    return next(iter(sorted(release.glob("data/*.parquet"))))


def change(release: Path, edit: Callable[[Rows], Rows | None]) -> None:
    """Let `edit` have the rows of the first shard, and sign the release anew."""
    path = shard_of(release)
    schema = pq.read_schema(path)
    rows = pq.read_table(path).to_pylist()
    rows = edit(rows) or rows
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    sign(release)


def sign(release: Path, **other: Any) -> None:
    """Make the manifest tell of the files as they are now."""
    path = release / "manifest.json"
    manifest = json.loads(path.read_text()) | other
    manifest["files"] = describe(release, manifest["files"])
    content = {name: one for name, one in manifest["files"].items() if name not in NOT_CONTENT}
    manifest["digest"] = content_digest(manifest["name"], content)
    manifest["version"] = manifest["digest"][:VERSION_CHARS]
    path.write_text(json.dumps(manifest))


def found(release: Path, *, sources: bool = False) -> list[Fault]:
    return list(verify(release, sources=sources).faults)


def remuxed(
    data: bytes, *, drop: int | None = None, late: float = 0.0, keep_sound: bool = True
) -> bytes:
    """An MP4 again: without picture `drop`, its sound later; pictures are encoded anew, losslessly."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(data), "r") as source,
        av.open(out, "w", format="mp4", container_options={"movie_timescale": "48000"}) as sink,
    ):
        video = source.streams.video[0]
        made = sink.add_stream("libx264", rate=25, options={"crf": "1", "preset": "ultrafast"})
        made.width, made.height, made.pix_fmt = video.width, video.height, "yuv420p"
        sound = sink.add_stream_from_template(source.streams.audio[0]) if keep_sound else None
        number = 0
        for packet in source.demux(*source.streams.video, *source.streams.audio):
            if packet.stream.type == "audio":
                if sound is not None and packet.dts is not None:
                    packet.stream = sound
                    packet.pts += round(late / packet.time_base)
                    packet.dts += round(late / packet.time_base)
                    sink.mux(packet)
                continue
            for frame in packet.decode():
                number += 1
                if number - 1 != drop:
                    frame.pict_type = 0
                    sink.mux(made.encode(frame))
        sink.mux(made.encode(None))
    return out.getvalue()


def shifted(data: bytes, samples: int) -> bytes:
    """A FLAC whose sound is later by `samples`, with as many of them as before."""
    with av.open(io.BytesIO(data)) as source:
        values = np.concatenate([f.to_ndarray().reshape(-1) for f in source.decode(audio=0)])
    moved = np.roll(values, samples).astype(np.float32) / 32768
    return flac(moved[None], RATE)


def test_a_release_that_was_just_built_is_sound(whole: Path) -> None:
    told = verify(whole, sources=True)
    assert told.faults == ()
    assert told.samples >= 4
    assert (told.clips, told.sources_compared) == (2 * told.samples, told.samples)
    assert json.loads((whole / "manifest.json").read_text())["schema"] == 2
    assert list(told.lines())[-1] == "nothing is wrong"


def drop_frame(rows: Rows) -> None:
    rows[0]["video"]["bytes"] = remuxed(rows[0]["video"]["bytes"], drop=20)


def drop_frame_and_count(rows: Rows) -> None:
    drop_frame(rows)
    rows[0]["num_frames"] -= 1


def late_player_sound(rows: Rows) -> None:
    rows[0]["video"]["bytes"] = remuxed(rows[0]["video"]["bytes"], late=0.2)


def late_exact_sound(rows: Rows) -> None:
    rows[0]["audio"]["bytes"] = shifted(rows[0]["audio"]["bytes"], RATE // 25)


def no_player_sound(rows: Rows) -> None:
    rows[0]["video"]["bytes"] = remuxed(rows[0]["video"]["bytes"], keep_sound=False)


def swapped_cells(rows: Rows) -> None:
    rows[0]["video"], rows[1]["video"] = rows[1]["video"], rows[0]["video"]


def swapped_sound(rows: Rows) -> None:
    a, b = rows[0]["audio"], rows[1]["audio"]
    a["bytes"], b["bytes"] = b["bytes"], a["bytes"]


def truncated(rows: Rows) -> None:
    rows[0]["video"]["bytes"] = rows[0]["video"]["bytes"][:-3000]


def no_video_at_all(rows: Rows) -> None:
    rows[0]["video"]["bytes"] = b"nothing of the kind"


def missing_media(rows: Rows) -> None:
    rows[0]["audio"] = None


def wrong_frame_count(rows: Rows) -> None:
    rows[0]["num_frames"] += 1


def wrong_sample_count(rows: Rows) -> None:
    rows[0]["num_samples"] -= 160


def wrong_size(rows: Rows) -> None:
    rows[0]["width_px"] += 2


def shifted_track(rows: Rows) -> None:
    times = rows[0]["tracks.light"]["seconds"]
    rows[0]["tracks.light"]["seconds"] = [time + 1.5 for time in times]


def unordered_track(rows: Rows) -> None:
    rows[0]["tracks.light"]["seconds"].reverse()


def short_track(rows: Rows) -> None:
    rows[0]["tracks.light"]["values"].pop()


def deleted_row(rows: Rows) -> Rows:
    return rows[1:]


def doubled_row(rows: Rows) -> Rows:
    return [*rows, rows[0]]


def renamed_row(rows: Rows) -> None:
    rows[0]["id"] = "0" * 12


def moved_span(rows: Rows) -> None:
    rows[0]["start_seconds"] += 0.04


def other_split(rows: Rows) -> None:
    rows[0]["split"] = "test"


FAULTS = {
    drop_frame: "num-frames",
    drop_frame_and_count: "num-frames",
    late_player_sound: "audio-start",
    late_exact_sound: "skew",
    no_player_sound: "media-missing",
    swapped_cells: "media-path",
    swapped_sound: "other-sound",
    truncated: "num-frames",
    no_video_at_all: "undecodable",
    missing_media: "media-missing",
    wrong_frame_count: "num-frames",
    wrong_sample_count: "num-samples",
    wrong_size: "size",
    shifted_track: "track-outside",
    unordered_track: "track-times",
    short_track: "track-count",
    deleted_row: "row-missing",
    doubled_row: "id-twice",
    renamed_row: "row-unknown",
    moved_span: "manifest-differs",
    other_split: "split-leak",
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(release: Path, plant: Callable[[Rows], Rows | None]) -> None:
    first = pq.read_table(shard_of(release)).to_pylist()[0]["id"]
    change(release, plant)
    faults = found(release)
    assert FAULTS[plant] in {fault.reason for fault in faults}
    (named, *_) = [fault for fault in faults if fault.reason == FAULTS[plant]]
    assert named.file == shard_of(release).relative_to(release).as_posix()
    assert named.sample in {first, "0" * 12}
    assert named.what
    assert named.next_step
    # The digests hold: nothing but the fault is complained of.
    assert not {fault.kind for fault in faults} & {"file", "manifest", "schema"}


def test_sound_that_is_late_in_both_tracks_is_found_by_the_source(release: Path) -> None:
    """Re-encoding both tracks later leaves them in agreement with each other."""

    def late(rows: Rows) -> None:
        late_exact_sound(rows)
        with av.open(io.BytesIO(rows[0]["audio"]["bytes"])) as source:
            sound = np.concatenate([f.to_ndarray().reshape(-1) for f in source.decode(audio=0)])
        rows[0]["video"]["bytes"] = with_sound(rows[0]["video"]["bytes"], sound)

    change(release, late)
    assert found(release) == []
    (fault,) = found(release, sources=True)
    assert (fault.reason, fault.kind) == ("skew", "source")
    assert "+40.00 ms late" in fault.what


def with_sound(data: bytes, sound: Any) -> bytes:
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(data), "r") as source,
        av.open(out, "w", format="mp4", container_options={"movie_timescale": "48000"}) as sink,
    ):
        copy = sink.add_stream_from_template(source.streams.video[0])
        made = sink.add_stream("aac", rate=RATE, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                sink.mux(packet)
        for start in range(0, len(sound), 1024):
            block = np.ascontiguousarray(sound[None, start : start + 1024].astype(np.int16))
            frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            sink.mux(made.encode(frame))
        sink.mux(made.encode(None))
    return out.getvalue()


def test_a_clip_of_another_instant_is_found_by_the_source(release: Path) -> None:
    """The first picture left out and the last one shown twice: all counts and times are right."""

    def one_frame_on(rows: Rows) -> None:
        rows[0]["video"]["bytes"] = one_on(rows[0]["video"]["bytes"])

    change(release, one_frame_on)
    assert found(release) == []
    (fault,) = found(release, sources=True)
    assert fault.reason == "first-frame"
    assert fault.sample is not None


def one_on(data: bytes) -> bytes:
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(data), "r") as source,
        av.open(out, "w", format="mp4", container_options={"movie_timescale": "48000"}) as sink,
    ):
        video = source.streams.video[0]
        pictures = [frame.to_ndarray(format="yuv420p") for frame in source.decode(video)]
        made = sink.add_stream("libx264", rate=25, options={"crf": "1", "preset": "ultrafast"})
        made.width, made.height, made.pix_fmt = video.width, video.height, "yuv420p"
        sound = sink.add_stream_from_template(source.streams.audio[0])
        for number, picture in enumerate([*pictures[1:], pictures[-1]]):
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            sink.mux(made.encode(frame))
        sink.mux(made.encode(None))
        source.seek(0)
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = sound
                sink.mux(packet)
    return out.getvalue()


def test_a_source_that_changed_or_went_is_told_apart_from_a_fault_of_the_sample(
    release: Path, tmp_path: Path
) -> None:
    make_video(tmp_path / "other.mp4", [flat(1)], fps=Fraction(25))

    def elsewhere(rows: Rows) -> None:
        for row in rows:
            row["url"] = str(tmp_path / "gone.mp4")
        rows[0]["url"] = str(tmp_path / "other.mp4")
        rows[1]["url"] = "s3://bucket/a.mp4"

    change(release, elsewhere)
    told = verify(release, sources=True)
    assert [fault.reason for fault in told.faults] == ["source-changed"]
    assert told.sources_skipped == {
        "the source has changed": 1,
        "the source is not on this machine": 1,
        "the source is not where it was": told.samples - 2,
    }
    assert told.sources_compared == 0


def test_files_are_checked_against_the_manifest(release: Path) -> None:
    shard = shard_of(release)
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (release / "report.html").unlink()
    (release / "data" / "notes.txt").write_text("mine")
    with (release / "README.md").open("a") as card:
        card.write("more\n")
    told = {(fault.reason, fault.file) for fault in found(release) if fault.kind == "file"}
    name = shard.relative_to(release).as_posix()
    assert {
        ("checksum", name),
        ("file-missing", "report.html"),
        ("file-size", "README.md"),
        ("file-unknown", "data/notes.txt"),
    } <= told


def test_a_manifest_that_does_not_follow_from_its_files_is_found(release: Path) -> None:
    path = release / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"digest": "0" * 64, "schema": 99}))
    assert {fault.reason for fault in found(release)} == {"digest", "version", "schema-version"}


def test_columns_are_checked_against_the_schema(release: Path) -> None:
    path = shard_of(release)
    table = pq.read_table(path)
    table = table.drop_columns(["attribution"]).append_column("mine", pa.array([1] * len(table)))
    table = table.set_column(
        table.schema.get_field_index("fps"), "fps", table["fps"].cast("float32")
    )
    pq.write_table(table, path)
    sign(release)
    told = [fault.what for fault in found(release) if fault.reason == "column"]
    assert len(told) == 4
    for name in ("attribution", "mine", "fps"):
        assert any(f"'{name}'" in what for what in told)


def test_a_shard_that_is_no_parquet_costs_its_rows_and_no_traceback(release: Path) -> None:
    shard_of(release).write_bytes(b"PAR1 and nothing else PAR1")
    sign(release)
    reasons = {fault.reason for fault in found(release)}
    assert {"shard-unreadable", "row-missing"} <= reasons


def test_the_command_says_what_is_wrong_and_ends_with_1(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(release)]) == 0
    assert capsys.readouterr().out.endswith("nothing is wrong\n")
    change(release, wrong_frame_count)
    assert run(["verify", str(release), "--json"]) == 1
    *words, document = capsys.readouterr().out.splitlines()
    assert words[0].startswith("fault[num-frames]: data/")
    assert words[1].startswith("  help: ")
    told = json.loads(document)
    assert told["sound"] is False
    assert told["faults"][0]["sample"]
    assert run(["verify", str(release.parent)]) == 1
    assert run(["verify"]) == 2
    assert run(["verify", str(release), "--quickly"]) == 2


def test_open_release_and_verify_agree_on_damage(release: Path) -> None:
    (release / "shots.parquet").unlink()
    assert open_release(release).damage()
    assert ("file-missing", "shots.parquet") in {(f.reason, f.file) for f in found(release)}
