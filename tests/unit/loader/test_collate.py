from __future__ import annotations

import gc

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from curator.loader import collate
from curator.loader.arena import Arena
from curator.loader.buffers import Buffers


def sample(frames=3, sound=(1, 100), height=4, **more):
    video = None if frames is None else torch.full((frames, 3, height, 5), 7, dtype=torch.uint8)
    audio = None if sound is None else torch.full(sound, 0.5)
    return {"id": "a", "start_seconds": 0.5, "video": video, "audio": audio} | more


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40)), min_size=1, max_size=5))
def test_what_is_real_is_kept_and_masked_and_the_rest_is_zero(lengths):
    batch = collate([sample(frames, (1, count)) for frames, count in lengths])
    for row, (frames, count) in enumerate(lengths):
        assert (batch["video"][row, :frames] == 7).all()
        assert not batch["video"][row, frames:].any()
        assert batch["video_mask"][row].tolist() == [
            k < frames for k in range(max(f for f, _ in lengths))
        ]
        assert batch["audio"][row].sum() == 0.5 * count
        assert batch["audio_mask"][row].sum() == count
    assert batch["start_seconds"].dtype == torch.float64


def test_a_track_that_is_missing_is_all_padding_and_one_that_all_lack_is_none():
    batch = collate([sample(sound=None), sample()])
    assert batch["audio_mask"].sum(dim=1).tolist() == [0, 100]
    assert not batch["audio"][0].any()
    assert collate([sample(sound=None)] * 2)["audio"] == [None, None]


def test_pictures_of_different_sizes_say_how_large_they_are():
    batch = collate([sample(height=4), sample(height=6)])
    assert batch["video"].shape == (2, 3, 3, 6, 5)
    assert batch["video_size"].tolist() == [[4, 5], [6, 5]]
    assert "video_size" not in collate([sample(), sample()])


def test_signals_are_columns_and_texts_stay_lists():
    words = [(0.0, 1.0, "one")]
    rows = [
        sample(signals={"speech.share": 0.5, "codec": "h264"}, text=words),
        sample(signals={"speech.share": None, "codec": None}, text=None),
    ]
    batch = collate(rows)
    share = batch["signals"]["speech.share"]
    assert share[0] == 0.5
    assert np.isnan(share[1])
    assert batch["signals"]["codec"] == ["h264", None]
    assert batch["text"] == [words, None]
    assert batch["id"] == ["a", "a"]


def in_arena(shapes):
    """A batch whose pictures were written where the arena made room: level k in sample k."""
    arena = Arena([{} if shape is None else {"video": shape} for shape in shapes])
    for whole in arena._wholes.values():
        whole.fill_(99)  # what a block holds from its last use
    rows = []
    for number, shape in enumerate(shapes):
        video = None
        if shape is not None:
            array = arena.room(number)("video", shape)
            array[:] = number + 1
            video = arena.slots[array.ctypes.data]
        rows.append(sample() | {"video": video})
    return rows


def test_pictures_that_lie_side_by_side_are_not_copied():
    rows = in_arena([(3, 3, 4, 5)] * 2)
    batch = collate(rows)
    assert batch["video"].data_ptr() == rows[0]["video"].data_ptr()
    assert batch["video"].float().mean(dim=(1, 2, 3, 4)).tolist() == [1, 2]
    assert batch["video_mask"].all()
    assert batch["video_mask"].shape == (2, 3)
    turned = collate(rows[::-1])
    assert turned["video"].float().mean(dim=(1, 2, 3, 4)).tolist() == [2, 1]
    assert len(collate(rows[:1])["video"]) == 1


SHAPE = st.tuples(st.integers(1, 4), st.just(3), st.integers(1, 5), st.integers(1, 6))


@given(st.lists(st.none() | SHAPE, min_size=1, max_size=4).filter(any))
def test_pictures_of_any_shapes_are_padded_where_they_lie(shapes):
    rows = in_arena(shapes)
    batch = collate(rows)
    told = collate([row | {"video": _copy(row["video"])} for row in rows])
    first = next(k for k, shape in enumerate(shapes) if shape is not None)
    assert batch["video"][first].data_ptr() == rows[first]["video"].data_ptr()
    assert batch.keys() == told.keys()
    for name in ("video", "video_mask", "video_size"):
        assert name not in told or torch.equal(batch[name], told[name])


def _copy(value):
    return None if value is None else value.clone()


def test_memory_is_used_again_only_when_nothing_refers_to_it():
    buffers, shape = Buffers(), (4, 3, 512, 512)
    one = buffers.empty(shape)
    where = one.ctypes.data
    part = torch.from_numpy(one)[2:]
    part[:] = 5
    del one
    gc.collect()
    other = buffers.empty(shape)
    other[:] = 6
    assert other.ctypes.data != where
    assert (part == 5).all()
    del part
    gc.collect()
    assert buffers.empty(shape).ctypes.data == where
    assert np.shares_memory(other, other[1:])
