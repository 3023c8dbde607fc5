"""The published sampling, with its traps."""

from __future__ import annotations

import numpy as np
import pytest
from curator_dover.sampling import fragments, segments, thirds, whole
from hypothesis import given
from hypothesis import strategies as st


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _places(height: int, width: int) -> np.ndarray:
    """One frame whose pixels say where they are: row, column, 0 (sides up to 256)."""
    rows, columns = np.indices((height, width))
    return np.stack([rows, columns, 0 * rows], -1).astype(np.uint8)[None]


@given(n=st.integers(1, 3000), seed=st.integers(0, 99))
def test_sampled_frames_are_frames_of_the_video(n: int, seed: int) -> None:
    for indices, shape in ((thirds(n, _rng(seed)), (3, 32)), (segments(n, _rng(seed)), (32,))):
        assert indices.shape == shape
        assert 0 <= indices.min() <= indices.max() < n


@given(n=st.integers(195, 3000), seed=st.integers(0, 99))
def test_long_videos_give_every_second_frame_of_a_stretch_inside_each_third(
    n: int, seed: int
) -> None:
    clips = thirds(n, _rng(seed))
    assert (np.diff(clips, axis=1) == 2).all()
    assert (clips // (n // 3) == np.arange(3)[:, None]).all()


def test_short_videos_run_on_and_begin_again() -> None:
    clips = thirds(60, _rng())
    assert clips[0].tolist() == [*range(0, 60, 2), 0, 2]
    assert clips[2][0] == 40


def test_segments_of_long_videos_are_equal_and_their_last_two_frames_are_never_taken() -> None:
    taken = np.stack([segments(320, _rng(seed)) for seed in range(200)])
    inside = taken - 10 * np.arange(32)
    assert (inside.min(), inside.max()) == (0, 7)


def test_a_video_of_fewer_than_32_frames_is_its_first_frame() -> None:
    assert segments(31, _rng()).tolist() == [0] * 32


def test_fragments_are_native_pieces_inside_their_cells() -> None:
    frame = _places(252, 256)
    spliced = fragments(frame, _rng())[0].astype(int)
    for i in range(7):
        for j in range(7):
            piece = spliced[i * 32 : i * 32 + 32, j * 32 : j * 32 + 32]
            rows, columns = piece[:, 0, 0], piece[0, :, 1]
            assert (np.diff(rows) == 1).all()
            assert (np.diff(columns) == 1).all()
            assert i * 36 <= rows[0] <= i * 36 + 3
            assert j * 36 <= columns[0] <= j * 36 + 3


def test_fragments_lie_at_the_same_places_in_all_frames() -> None:
    frames = np.repeat(_places(250, 240), 32, axis=0)
    spliced = fragments(frames, _rng(3))
    assert (spliced == spliced[:1]).all()


def test_the_grid_of_a_small_video_covers_only_its_top_left_part_as_published() -> None:
    # 112 px are enlarged to 224, but the 7 cells are laid over the first 112 rows: every 16 rows.
    spliced = fragments(_places(112, 200), _rng())[0].astype(float)
    tops = spliced[::32, 0, 0]
    assert tops == pytest.approx([0, 8, 16, 24, 32, 40, 40], abs=1)
    assert spliced[..., 0].max() == pytest.approx(56, abs=1)


def test_frames_without_room_for_a_fragment_are_refused() -> None:
    with pytest.raises(ValueError, match="32 px"):
        fragments(_places(31, 200), _rng())


def test_whole_frames_are_squeezed_without_antialiasing() -> None:
    stripes = np.zeros((1, 448, 896, 3), np.uint8)
    stripes[:, :, ::4] = 240  # a quarter of all columns
    small = whole(stripes)
    assert small.shape == (1, 224, 224, 3)
    # Four columns to one: bilinear without antialiasing sees the middle two, which are black.
    assert small.max() == 0


def test_whole_frames_keep_their_size_when_it_fits() -> None:
    frames = _rng().integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    assert np.array_equal(whole(frames), frames)


def test_a_seed_decides_everything() -> None:
    frames = _rng().integers(0, 256, (2, 300, 400, 3), dtype=np.uint8)
    assert np.array_equal(fragments(frames, _rng(1)), fragments(frames, _rng(1)))
    assert not np.array_equal(fragments(frames, _rng(1)), fragments(frames, _rng(2)))
