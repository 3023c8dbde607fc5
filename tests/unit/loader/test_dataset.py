from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader

import curator
from curator.errors import LoaderError, MediaError
from curator.loader import collate
from tests.loading import CAMERA_FPS, LEVEL, MOTION_FPS, RAMP, STATE_FPS, STEP
from tests.unit.loader.conftest import SHAPES


def frames_of(sample, name="video"):
    """Which frames the pictures show, by their brightness."""
    means = sample[name].float().mean(dim=(1, 2, 3))
    return [round(((float(m) * 219 / 255) + 16 - LEVEL) / STEP) for m in means]


def assert_one_instant(sample):
    """Every track of a window begins at the same instant, and says so in its content."""
    shape = SHAPES[int(sample["id"], 16)]
    start, length = sample["start_seconds"], sample["seconds"]
    times = [float(t) for t in shape.times]
    first = frames_of(sample)[0]
    assert times[first] == pytest.approx(start, abs=1e-5)
    for frame, seconds in zip(frames_of(sample), sample["video_seconds"].tolist(), strict=True):
        assert times[frame] - 1e-5 <= start + seconds < times[frame + 1]
    assert_camera(sample, shape)
    if shape.sound:
        channels, count = sample["audio"].shape
        at = round(start * shape.rate)
        assert (channels, sample["audio_rate_hz"]) == (shape.channels, shape.rate)
        assert count == min(round(length * shape.rate), shape.num_samples - at)
        told = (torch.arange(at, at + count) % RAMP) / 32768
        assert torch.equal(sample["audio"], told.float().expand(channels, -1))
    else:
        assert sample["audio"] is None
    if not shape.tracks:
        assert sample["state"] is sample["motion"] is sample["text"] is None
        return
    for name, fps in (("state", STATE_FPS), ("motion", MOTION_FPS)):
        values, seconds = sample[name], sample[f"{name}_seconds"]
        flat = values.reshape(len(values), -1)[:, 0]
        assert (seconds.dtype, values.dtype) == (torch.float64, torch.float32)
        assert flat.double() == pytest.approx((seconds + start).numpy(), abs=1e-5)
        inside = [
            k
            for k in range(int(shape.seconds * fps))
            if start - 1e-9 <= k / fps < start + length - 1e-9
        ]
        assert len(values) == len(inside)
    for begin, end, text in sample["text"]:
        assert begin < length
        assert end > 0
        word = start + begin
        assert eval(text.removeprefix("word ")) == pytest.approx(word, abs=1e-9)


def assert_camera(sample, shape):
    """The other camera shows what it saw in the window."""
    if not shape.camera:
        assert sample["video.wrist"] is sample["video.wrist_seconds"] is None
        return
    start, seconds = sample["start_seconds"], sample["video.wrist_seconds"].tolist()
    frames = frames_of(sample, "video.wrist")
    last = int(shape.seconds * CAMERA_FPS) - 1
    if (
        seconds == sample["video_seconds"].tolist()
    ):  # at a rate: the frames on screen at its instants
        told = [min(int((start + s) * CAMERA_FPS + 1e-3), last) for s in seconds]
    else:
        told = [
            k
            for k in range(last + 1)
            if start - 1e-5 <= k / CAMERA_FPS < start + sample["seconds"] - 1e-5
        ]
        assert seconds == pytest.approx([k / CAMERA_FPS - start for k in told], abs=1e-4)
    assert frames == told


OPTIONS = [
    {"frames": 6},
    {"window_seconds": 0.48},
    {"window_seconds": 0.5, "fps": 12},
    {"frames": 9, "fps": 29.97},
    {"frames": 20, "fps": 60, "at": "middle"},
    {"at": "start"},
    {"frames": 5, "size": 32},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_all_tracks_are_cut_at_the_same_instant(folder, options):
    data = curator.load(folder, **options)
    for epoch in range(3):
        data.set_epoch(epoch)
        for number in range(len(data)):
            assert_one_instant(data[number])


def test_an_item_is_the_same_in_any_process_and_another_in_another_epoch_or_with_another_seed(
    folder,
):
    def starts(data):
        return [data[k]["start_seconds"] for k in range(len(data))]

    data = curator.load(folder, frames=5, seed=7)
    told = starts(data)
    assert starts(pickle.loads(pickle.dumps(data))) == told
    script = (
        "import sys, curator\n"
        "data = curator.load(sys.argv[1], frames=5, seed=7)\n"
        "print([data[k]['start_seconds'] for k in range(len(data))])"
    )
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True)
    assert eval(done.stdout) == told
    data.set_epoch(1)
    assert starts(data) != told
    assert starts(curator.load(folder, frames=5, seed=8)) != told
    assert len(set(told)) > 5


def test_which_tracks_are_read_does_not_move_the_windows(folder):
    every = curator.load(folder, frames=5)
    few = curator.load(folder, frames=5, tracks=["state"], signals=False)
    assert few.tracks == ("state",)
    for number in range(len(every)):
        one, other = every[number], few[number]
        assert set(other) == {"id", "start_seconds", "seconds", "state", "state_seconds"}
        assert one["start_seconds"] == other["start_seconds"]


def test_tracks_come_at_the_times_of_the_pictures_on_request(folder):
    data = curator.load(folder, frames=6, on_frames=["state", "motion"])
    for number in range(len(data)):
        sample = data[number]
        if sample["state"] is None:
            continue
        instants = sample["start_seconds"] + sample["video_seconds"].numpy()
        for name, fps in (("state", STATE_FPS), ("motion", MOTION_FPS)):
            assert f"{name}_seconds" not in sample
            held = np.floor(instants * fps + 1e-6) / fps
            flat = sample[name].reshape(len(instants), -1)[:, 0].numpy()
            assert flat == pytest.approx(held, abs=1e-5)


def test_signals_come_with_the_sample(folder):
    sample = curator.load(folder, frames=2)[3]
    assert sample["signals"] == {"container.codec": "h264", "speech.share": 0.03}


def test_short_samples_are_whole_or_left_out(folder):
    data = curator.load(folder, frames=30)
    assert len(data) == len(SHAPES)
    assert data[13]["video"].shape[0] == 8
    data = curator.load(folder, frames=30, short="drop")
    assert len(data) == len(data.ids) == len(SHAPES) - 1
    assert all(len(data[k]["video"]) == 30 for k in range(len(data)))
    assert sum(data.groups) == len(data)
    assert len(curator.load(folder, window_seconds=1.9, short="drop")) == 3


def test_a_transform_makes_of_an_item_what_it_wants(folder):
    data = curator.load(folder, frames=2, transform=lambda sample: sample["video"].float() / 255)
    assert data[0].dtype == torch.float32


def test_media_that_is_compressed_is_read_all_the_same(folder, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    for path in (folder / "data").iterdir():
        pq.write_table(
            pq.read_table(path), tmp_path / "data" / path.name, compression="zstd", row_group_size=5
        )
    one, other = curator.load(folder, frames=5), curator.load(tmp_path, frames=5)
    for number in range(len(one)):
        a, b = one[number], other[number]
        assert a.keys() == b.keys()
        assert torch.equal(a["video"], b["video"])
        assert (a["audio"] is None) is (b["audio"] is None)
        assert a["audio"] is None or torch.equal(a["audio"], b["audio"])


def test_a_sample_is_read_without_its_row_group(folder, monkeypatch):
    from curator.loader.rows import Rows

    def never(*_):
        raise AssertionError("a row group was read for media")

    monkeypatch.setattr(Rows, "_from_whole", never)
    data = curator.load(folder, frames=3)
    assert {data[k]["id"] for k in range(len(data))} == set(data.ids)


# --- streams


def batches(stream, workers, **options):
    return list(DataLoader(stream, batch_size=None, num_workers=workers, **options))


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other[name]), name
        else:
            assert str(value) == str(other[name]), name


def test_a_data_loader_with_workers_reads_by_number(folder):
    data = curator.load(folder, frames=5)
    loader = DataLoader(data, batch_size=4, num_workers=2, collate_fn=collate)
    ids = [one for batch in loader for one in batch["id"]]
    assert ids == data.ids


@pytest.mark.parametrize("batch_size", [None, 3])
def test_a_stream_gives_every_sample_once_and_the_same_batches_for_any_workers(folder, batch_size):
    data = curator.load(folder, frames=4, tracks=["video", "state"])
    told = batches(data.stream(batch_size=batch_size, pool=4), 0)
    ids = [one["id"] for one in told]
    flat = ids if batch_size is None else list(itertools.chain(*ids))
    assert sorted(flat) == data.ids
    assert flat != data.ids
    for workers in (1, 2):
        given = batches(data.stream(batch_size=batch_size, pool=4), workers)
        assert len(given) == len(told) == len(data.stream(batch_size=batch_size))
        for one, other in zip(told, given, strict=True):
            same(one, other)


def test_ranks_share_the_samples(folder, monkeypatch):
    data = curator.load(folder, frames=4, tracks=["video"])
    ids = []
    for rank in range(3):
        ids += [i for b in data.stream(batch_size=2, rank=rank, ranks=3) for i in b["id"]]
    assert sorted(ids) == data.ids
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    mine = [b["id"] for b in data.stream(batch_size=2)]
    assert mine == [b["id"] for b in data.stream(batch_size=2, rank=1, ranks=3)]
    full = [len(list(data.stream(batch_size=2, rank=r, ranks=3, uneven="drop"))) for r in range(3)]
    assert full == [2, 2, 2]


@pytest.mark.parametrize(("workers", "then"), [(0, 2), (2, 0), (2, 1), (2, 2)])
def test_an_epoch_goes_on_where_it_stopped_with_other_workers(folder, workers, then):
    data = curator.load(folder, frames=4)
    told = batches(data.stream(batch_size=2, epoch=3), 0)
    first = data.stream(batch_size=2, epoch=3)
    reading = iter(DataLoader(first, batch_size=None, num_workers=workers))
    for _ in range(3):
        last = next(reading)
    state = pickle.loads(pickle.dumps(first.state_dict(after=last)))
    second = data.stream(batch_size=2)
    second.load_state_dict(state)
    assert (second.epoch, len(second)) == (3, len(told) - 3)
    second.set_epoch(second.epoch)  # as a loop over epochs does
    rest = batches(second, then)
    assert len(rest) == len(told) - 3
    for one, other in zip(told[3:], rest, strict=True):
        same(one, other)
    second.set_epoch(4)
    assert len(batches(second, then)) == len(told)


def test_an_epoch_goes_on_with_other_ranks(folder):
    data = curator.load(folder, frames=4, tracks=["video"])
    done = []
    for rank in range(2):
        for last in itertools.islice(data.stream(batch_size=2, rank=rank, ranks=2), 2):
            done += last["id"]
    state = data.stream(batch_size=2).state_dict(after=last)
    for rank in range(3):
        stream = data.stream(batch_size=1, rank=rank, ranks=3)
        stream.load_state_dict(state)
        done += [i for b in stream for i in b["id"]]
    assert sorted(done) == data.ids


def test_without_workers_the_stream_knows_itself_where_it_stands(folder):
    data = curator.load(folder, frames=4, tracks=["video"])
    told = [b["id"] for b in data.stream(batch_size=2)]
    stream = data.stream(batch_size=2)
    for _ in itertools.islice(stream, 2):
        state = stream.state_dict()
    again = data.stream(batch_size=2)
    again.load_state_dict(state)
    assert [b["id"] for b in again] == told[2:]


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # torchdata 0.11 calls it
@pytest.mark.parametrize("workers", [0, 2])
def test_stateful_data_loaders_resume(folder, workers):
    stateful = pytest.importorskip("torchdata.stateful_dataloader")
    data = curator.load(folder, frames=4, tracks=["video"])

    def loader():
        return stateful.StatefulDataLoader(
            data.stream(batch_size=2), batch_size=None, num_workers=workers
        )

    told = [b["id"] for b in loader()]
    first = loader()
    ids = [batch["id"] for batch in itertools.islice(first, 3)]
    state = first.state_dict()
    again = loader()
    again.load_state_dict(state)
    assert ids + [b["id"] for b in again] == told


def test_workers_that_live_on_see_the_next_epoch(folder):
    stream = curator.load(folder, frames=4, tracks=["video"]).stream(batch_size=2)
    loader = DataLoader(stream, batch_size=None, num_workers=2, persistent_workers=True)
    first = [(b["id"], b["start_seconds"].tolist()) for b in loader]
    stream.set_epoch(1)
    second = [(b["id"], b["start_seconds"].tolist()) for b in loader]
    told = curator.load(folder, frames=4, tracks=["video"]).stream(batch_size=2, epoch=1)
    assert second == [(b["id"], b["start_seconds"].tolist()) for b in told] != first


def test_a_state_is_refused_where_it_would_be_wrong(folder):
    data = curator.load(folder, frames=4, tracks=["video"])
    stream = data.stream(batch_size=2)
    last = batches(stream, 2)[-1]
    with pytest.raises(LoaderError) as caught:
        stream.state_dict()
    assert caught.value.reason == "state-needs-item"
    state = stream.state_dict(after=last)
    with pytest.raises(LoaderError) as caught:
        data.stream(batch_size=2, seed=1).load_state_dict(state)
    assert caught.value.reason == "state-of-another-stream"
    singles = DataLoader(data.stream(), batch_size=3, num_workers=2, collate_fn=collate)
    with pytest.raises(LoaderError) as caught:
        stream.state_dict(after=next(iter(singles)))
    assert caught.value.reason == "state-of-singles"


# --- what is refused


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tracks": ["vidoe"]}, "track-unknown"),
        ({"split": "test"}, "no-split"),
        ({"frames": 0}, "window-option"),
        ({"frames": 3, "window_seconds": 1}, "window-option"),
        ({"fps": -1}, "window-option"),
        ({"fps": "30000/0"}, "window-option"),
        ({"at": "end"}, "window-option"),
        ({"short": "pad"}, "window-option"),
        ({"size": 0}, "window-option"),
        ({"on_frames": ["video"]}, "window-option"),
        ({"on_frames": ["state"], "tracks": ["video"]}, "window-option"),
        ({"revision": "v1"}, "release-revision"),
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_refused_with_what_would(folder, options, reason):
    with pytest.raises(LoaderError) as caught:
        curator.load(folder, **options)
    assert caught.value.reason == reason
    assert caught.value.hint


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"uneven": "x"}, {"rank": 0}, {"rank": 3, "ranks": 3}], ids=str
)
def test_a_stream_refuses_options_that_make_no_sense(folder, options):
    with pytest.raises(LoaderError) as caught:
        curator.load(folder).stream(**options)
    assert caught.value.reason == "stream-option"


def test_a_number_beyond_the_end_is_an_index_error(folder):
    data = curator.load(folder, frames=2)
    assert data[-1]["id"] == data.ids[-1]
    with pytest.raises(IndexError):
        data[len(data)]


def test_a_damaged_sample_is_named(folder, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    for path in (folder / "data").iterdir():
        data = path.read_bytes()
        (tmp_path / "data" / path.name).write_bytes(data.replace(b"moov", b"moof", 1))
    damaged = curator.load(tmp_path, frames=2)
    with pytest.raises(MediaError, match=damaged.ids[0]) as caught:
        damaged[0]
    assert caught.value.reason == "clip-damaged"


def test_importing_the_package_loads_no_torch_and_no_media():
    script = (
        "import sys, curator\n"
        "assert not {'torch', 'av', 'numpy', 'pyarrow', 'curator.loader'} & set(sys.modules)\n"
        "assert curator.load is curator.loader.loading.load\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError):
        curator.nothing  # noqa: B018


def test_a_release_without_a_folder_is_not_found(tmp_path: Path):
    with pytest.raises(LoaderError) as caught:
        curator.load(tmp_path / "nowhere")
    assert caught.value.reason == "release-not-found"


def test_pictures_as_they_are_coded_become_the_same_rgb(folder):
    options = {"frames": 8, "tracks": ["video", "video.wrist"], "signals": False}
    rgb, yuv = (curator.load(folder, colours=c, **options) for c in ("rgb", "yuv"))
    for row in range(len(rgb)):
        plain, coded = rgb[row], yuv[row]
        for name in ("video", "video.wrist"):
            if plain[name] is None:
                assert coded[name] is coded[f"{name}_chroma"] is coded[f"{name}_to_rgb"] is None
                continue
            assert coded[name].shape == (*plain[name].shape[:1], 1, *plain[name].shape[2:])
            assert torch.equal(coded[f"{name}_seconds"], plain[f"{name}_seconds"])
            made = curator.to_rgb(coded, name)
            assert (made.dtype, made.shape) == (torch.uint8, plain[name].shape)
            assert int((made.int() - plain[name].int()).abs().max()) <= 3


def test_batches_of_coded_pictures_come_whole_from_workers(folder):
    options = {"frames": 8, "tracks": ["video"], "signals": False}
    rgb, yuv = (curator.load(folder, colours=c, **options) for c in ("rgb", "yuv"))
    both = [
        DataLoader(data.stream(batch_size=3, seed=1), batch_size=None, num_workers=2)
        for data in (rgb, yuv)
    ]
    for plain, coded in zip(*both, strict=True):
        assert plain["id"] == coded["id"]
        made = curator.to_rgb(coded)
        mask = coded["video_mask"]
        assert torch.equal(mask, plain["video_mask"])
        assert int((made[mask].int() - plain["video"][mask].int()).abs().max()) <= 3
        assert "video_chroma_mask" not in coded


def test_colours_that_there_are_not_are_refused(folder):
    with pytest.raises(LoaderError) as caught:
        curator.load(folder, colours="bgr")
    assert caught.value.reason == "window-option"
    with pytest.raises(LoaderError) as caught:
        curator.to_rgb(curator.load(folder, frames=2)[0])
    assert caught.value.reason == "no-chroma"


@pytest.mark.parametrize("cores", [1, 64])
def test_items_are_the_same_with_and_without_a_core_to_spare(folder, cores, monkeypatch):
    told = [curator.load(folder, frames=5, size=32)[row]["video"] for row in range(3)]
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    data = curator.load(folder, frames=5, size=32)
    assert all(torch.equal(data[row]["video"], told[row]) for row in range(3))
