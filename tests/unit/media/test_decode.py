"""The law of tiles: a block depends on the file, the tile and the need, on nothing else that was asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from av.container import InputContainer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.abc.measure import AudioBlock, AudioNeed, FrameBlock, FrameNeed, Need, View
from curator.media import source
from curator.media.decode import DecodedTile, DecodeStats, read_tiles
from curator.media.probe import Clock, probe
from curator.media.safety import Limits, open_media
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.testing.footage import make_video, noise, pan, read_number, still, tone

EVERY = FrameNeed(view=View.luma)
PICTURES: tuple[Need, ...] = (
    EVERY,
    FrameNeed(view=View.luma, fps=Fraction(4), before=2, after=1),
    FrameNeed(view=View.thumb, before=1),
    FrameNeed(view=View.chroma, fps=Fraction(5, 2)),
    FrameNeed(view=View.rgb, fps=Fraction(1), max_side_px=96),
    FrameNeed(view=View.patch, fps=Fraction(2), after=1),
)
SOUND: tuple[Need, ...] = (
    AudioNeed(),
    AudioNeed(sample_rate_hz=16000, before_seconds=Fraction(1, 2), after_seconds=Fraction(1, 3)),
    AudioNeed(sample_rate_hz=22050, mono=False),
)


def read(
    path: Path,
    needs: Collection[Need],
    tiles: Tiles | None = None,
    *,
    threads: int = 1,
    beside: bool = False,
    stats: DecodeStats | None = None,
) -> list[DecodedTile]:
    found = probe(path)
    chosen = Tiles.all(found.info.num_tiles) if tiles is None else tiles
    stats = DecodeStats() if stats is None else stats
    return list(read_tiles(path, found, needs, chosen, stats=stats, threads=threads, beside=beside))


def frames_of(tile: DecodedTile, need: Need) -> FrameBlock:
    block = tile.blocks[need]
    assert isinstance(block, FrameBlock)
    return block


def sound_of(tile: DecodedTile, need: Need) -> AudioBlock:
    block = tile.blocks[need]
    assert isinstance(block, AudioBlock)
    return block


def content(block: FrameBlock | AudioBlock) -> tuple[object, ...]:
    if isinstance(block, FrameBlock):
        shape = (block.pixels.shape, block.before, block.after)
        return (*shape, block.pixels.tobytes(), block.ticks.tobytes())
    place = (block.start, block.before, block.after, block.samples.shape)
    return (*place, block.samples.tobytes(), block.covered.tobytes())


@cache
def reference(path: Path) -> dict[int, dict[Need, tuple[object, ...]]]:
    tiles = read(path, PICTURES + SOUND)
    return {t.index: {need: content(b) for need, b in t.blocks.items()} for t in tiles}


@pytest.fixture(scope="session", params=["film", "uneven"])
def video(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    needs=st.sets(st.sampled_from(PICTURES + SOUND), min_size=1, max_size=4),
    indices=st.sets(st.integers(0, 3), min_size=1),
    threads=st.sampled_from([1, 2]),
    beside=st.booleans(),
)
def test_a_block_is_the_same_whatever_else_is_asked_for(
    video: Path, needs: set[Need], indices: set[int], threads: int, beside: bool
) -> None:
    whole = reference(video)
    tiles = read(video, needs, Tiles.of(indices), threads=threads, beside=beside)
    assert [t.index for t in tiles] == [k for k in sorted(indices) if k in whole]
    for tile in tiles:
        assert set(tile.blocks) == needs
        for need in needs:
            assert content(tile.blocks[need]) == whole[tile.index][need], (tile.index, need)


def test_every_frame_is_the_one_that_the_table_names(video: Path) -> None:
    found = probe(video)
    number = 0
    for tile in read(video, [EVERY]):
        block = frames_of(tile, EVERY)
        assert tile.span == Span(Fraction(4 * tile.index), min(Fraction(4 * tile.index + 4), found.info.duration_seconds))  # fmt: skip
        for picture, tick in zip(block.pixels, block.ticks, strict=True):
            assert read_number(picture) == number
            assert tick == found.table.ticks[number]
            number += 1
    assert number == len(found.table)


def test_context_reaches_into_the_neighbouring_tiles_and_not_beyond_the_video(film: Path) -> None:
    need = FrameNeed(view=View.luma, fps=Fraction(4), before=2, after=1)
    tiles = read(film, [need])
    selected = probe(film).table.select(Fraction(4)).tolist()
    shown = []
    for tile in tiles:
        block = frames_of(tile, need)
        assert (block.before, block.after) == (2 if tile.index else 0, 1 if tile.index < 3 else 0)
        shown += [read_number(p) for p in block.pixels[block.own]]
    assert shown == selected


def test_what_nobody_needs_is_not_decoded(film: Path) -> None:
    stats = DecodeStats()
    read(film, [AudioNeed()], stats=stats)
    assert stats.frames_decoded == 0
    stats = DecodeStats()
    assert read(film, [], stats=stats)[0].blocks == {}
    assert stats.packets_read == 0


def test_a_later_tile_is_reached_from_the_nearest_keyframe(film: Path) -> None:
    stats = DecodeStats()
    (tile,) = read(film, [EVERY], Tiles.of([2]), stats=stats)
    assert len(frames_of(tile, EVERY).ticks) == 60
    assert 60 <= stats.frames_decoded < 60 + 15 + 5


def test_each_frame_is_decoded_once_for_all_needs(film: Path) -> None:
    stats = DecodeStats()
    read(film, PICTURES + SOUND, stats=stats)
    assert stats.frames_decoded == len(probe(film).table)


def test_blocks_cannot_be_written_to(film: Path) -> None:
    tile = read(film, [EVERY, AudioNeed()], Tiles.of([0]))[0]
    with pytest.raises(ValueError, match="read-only"):
        frames_of(tile, EVERY).pixels[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        sound_of(tile, AudioNeed()).samples[0] = 0


def test_sound_lies_on_the_clock_of_the_pictures(film: Path) -> None:
    """The tone begins 0.5 s after the first frame, pauses from 2.5 to 3.5 s, and goes on as 1 kHz."""
    need = AudioNeed(sample_rate_hz=16000)
    tiles = [sound_of(t, need) for t in read(film, [need])]
    samples = np.concatenate([b.samples[0, b.own] for b in tiles])
    covered = np.concatenate([b.covered[b.own] for b in tiles])
    assert len(samples) == 13 * 16000
    assert [b.start for b in tiles] == [0, 64000, 128000, 192000]
    loud = np.convolve(np.abs(samples), np.ones(32) / 32, "same") > 0.1
    edges = np.flatnonzero(np.diff(loud.astype(int))) / 16000
    assert edges == pytest.approx([0.5, 2.5, 3.5, 12.5], abs=0.004)
    assert not covered[: int(0.45 * 16000)].any()
    assert covered[8200 : int(12.4 * 16000)].all()
    assert not covered[int(12.6 * 16000) :].any()


@pytest.mark.parametrize("rate", [None, 16000, 44100])
@pytest.mark.parametrize("offset", [Fraction(0), Fraction(1, 2)])
def test_sound_is_placed_to_the_sample(tmp_path: Path, rate: int | None, offset: Fraction) -> None:
    path = tmp_path / "a.mkv"
    sounds = {"audio": [tone(4, 440)], "audio_codec": "flac", "audio_offset": offset}
    make_video(path, [still(5)], fps=Fraction(10), size=(64, 64), **sounds)  # type: ignore[arg-type]
    need = AudioNeed(sample_rate_hz=rate)
    block = sound_of(read(path, [need], Tiles.of([0]))[0], need)
    part = slice(block.sample_rate_hz, 3 * block.sample_rate_hz)
    t = np.arange(block.samples.shape[1])[part] / block.sample_rate_hz
    truth = 0.5 * np.sin(2 * np.pi * 440 * (t - float(offset)))
    assert np.abs(block.samples[0, part] - truth).max() < 1e-3  # one sample of 48 kHz off: 0.03


def test_resampled_tiles_join_without_a_seam(film: Path) -> None:
    need = AudioNeed(sample_rate_hz=22050)
    tiles = [sound_of(t, need) for t in read(film, [need])]
    samples = np.concatenate([b.samples[0, b.own] for b in tiles])
    jump = np.abs(np.diff(samples))[int(3.6 * 22050) : int(12.3 * 22050)]
    assert jump.max() < 2 * np.pi * 1000 / 22050 * 0.5 * 1.1  # the steepest slope of the tone


def test_a_video_without_sound_has_no_audio_blocks(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", [still(1)])
    (tile,) = read(tmp_path / "a.mp4", [EVERY, AudioNeed()])
    assert set(tile.blocks) == {EVERY}


def test_damage_costs_the_damaged_packets_only(tmp_path: Path) -> None:
    """Every frame is a keyframe, and one packet in the middle is overwritten."""
    path = tmp_path / "a.mkv"
    make_video(path, [noise(2)], gop=1, fps=Fraction(10), size=(128, 96))
    data, found = bytearray(path.read_bytes()), probe(path)
    middle = len(data) // 2
    data[middle - 2000 : middle + 2000] = bytes(4000)
    path.write_bytes(data)
    stats = DecodeStats()
    shown = [read_number(p) for t in read(path, [EVERY], stats=stats) for p in frames_of(t, EVERY).pixels]  # fmt: skip
    whole = [n for n in shown if n is not None]
    assert len(found.table) == 20
    assert 17 <= len(whole) < 20 or stats.damaged_packets > 0
    assert whole == sorted(whole)


def test_frames_of_a_file_without_times_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    make_video(path, [pan(5)], fps=Fraction(10), gop=10)
    assert probe(path).clock is Clock.output
    tiles = read(path, [EVERY])
    numbers = [read_number(p) for t in tiles for p in frames_of(t, EVERY).pixels]
    assert numbers == list(range(50))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mov", "avi", "flv", "nut"])
def test_every_container_gives_the_same_numbers_in_the_same_tiles(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    codec = "flv" if suffix == "flv" else "mpeg4" if suffix == "avi" else "libx264"
    make_video(path, [pan(9)], fps=Fraction(10), gop=12, codec=codec)
    for tile in read(path, [EVERY], Tiles.of([1, 2])):
        numbers = [read_number(p) for p in frames_of(tile, EVERY).pixels]
        assert numbers == list(range(40 * tile.index, min(90, 40 * tile.index + 40)))


@pytest.fixture(scope="session")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 s of sound, four chapters of audio, over a slide a second."""
    path = tmp_path_factory.mktemp("lecture") / "lecture.mp4"
    sounds = [tone(1 + k % 3, 200 + 40 * k, 0.3) for k in range(100)]
    make_video(path, [still(200)], fps=Fraction(1), size=(64, 48), gop=5, audio=sounds)
    return path


def test_sound_is_the_same_wherever_reading_began_in_a_long_file(lecture: Path) -> None:
    need = AudioNeed(sample_rate_hz=16000, before_seconds=Fraction(1), after_seconds=Fraction(1))
    whole = {t.index: content(t.blocks[need]) for t in read(lecture, [need])}
    for index in (15, 16, 33, 49):  # 64 s is tile 16
        for needs in ([need], [need, EVERY]):
            (tile,) = read(lecture, needs, Tiles.of([index]))
            assert content(tile.blocks[need]) == whole[index], index


def test_a_later_tile_does_not_read_the_sound_before_its_chapter(lecture: Path) -> None:
    stats = DecodeStats()
    read(lecture, [AudioNeed()], Tiles.of([40]), stats=stats)
    assert stats.packets_read < 48000 / 1024 * (64 + 4 + 10)


def test_no_more_than_three_files_are_open_at_a_time(
    lecture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each chapter's decoder comes from the file opened again; it must be closed with its chapter."""
    now: list[int] = [0]
    most: list[int] = [0]

    @contextmanager
    def counted(path: Path, *, limits: Limits) -> Iterator[InputContainer]:
        with open_media(path, limits=limits) as container:
            now[0] += 1
            most[0] = max(most[0], now[0])
            yield container
            now[0] -= 1

    monkeypatch.setattr(source, "open_media", counted)
    read(lecture, [AudioNeed()])
    assert most[0] <= 3  # the file itself, and two chapters where they overlap
    assert now[0] == 0
