from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest

from curator.errors import MediaError
from curator.media.clips import PictureSize, decode_pictures, decode_sound, decoded_frames
from curator.media.mp4 import ClipIndex, read_index
from tests.loading import LEVEL, RAMP, STEP, Shape, sound, video

SHAPES = {
    "plain": Shape(frames=60),
    "irregular": Shape(frames=40, irregular=True),
    "ntsc": Shape(frames=45, fps=Fraction(30000, 1001)),
    "groups": Shape(frames=60, group=7),
    "one": Shape(frames=1),
}


def part_of(data: bytes):
    return lambda offset, size: data[offset : offset + size]


@pytest.fixture(scope="module", params=SHAPES, ids=list(SHAPES))
def clip(request, tmp_path_factory) -> tuple[Shape, bytes]:
    shape = SHAPES[request.param]
    return shape, video(tmp_path_factory.mktemp("clip") / "a.mp4", shape)


def index_of(data: bytes) -> ClipIndex:
    return read_index(part_of(data))


def test_the_index_says_what_the_demuxer_says(clip):
    shape, data = clip
    index = index_of(data)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        assert index.time_base == stream.time_base
        assert (index.width_px, index.height_px) == (stream.width, stream.height)
        assert index.configuration == stream.codec_context.extradata
    assert index.offsets.tolist() == [p.pos for p in packets]
    assert index.sizes.tolist() == [p.size for p in packets]
    assert index.keys.tolist() == [k for k, p in enumerate(packets) if p.is_keyframe]
    assert index.ticks.tolist() == sorted(p.pts for p in packets)
    assert [packets[k].pts for k in index.turn] == index.ticks.tolist()
    told = [float(index.time(k)) for k in range(len(index) + 1)]
    assert told == pytest.approx([float(t) for t in shape.times], abs=1e-5)


@pytest.mark.parametrize("cut_at", [4, 40, 200, 600])
def test_an_index_that_is_cut_off_or_changed_is_damage_and_not_a_crash(clip, cut_at):
    _, data = clip
    with pytest.raises(MediaError) as caught:
        index_of(data[:cut_at])
    assert caught.value.reason == "clip-damaged"
    random = np.random.default_rng(cut_at)
    head = data.index(b"mdat")
    for _ in range(200):
        broken = bytearray(data)
        broken[int(random.integers(head))] = int(random.integers(256))
        with contextlib.suppress(MediaError):
            index_of(bytes(broken))


def test_other_kinds_of_files_are_refused_by_name():
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame(64, 64, "yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(MediaError) as caught:
        index_of(out.getvalue())
    assert caught.value.reason == "clip-unknown"


def levels(pictures: np.ndarray) -> list[int]:
    """Which frame a picture is of, by its brightness (full range: 219 levels are 255)."""
    means = pictures.reshape(len(pictures), -1).mean(axis=1)
    return [round(((m * 219 / 255) + 16 - LEVEL) / STEP) for m in means]


def windows(count: int) -> Sequence[list[int]]:
    random = np.random.default_rng(1)
    starts = random.integers(0, count, 12).tolist()
    return [list(range(s, min(s + int(random.integers(1, 9)), count))) for s in starts]


def test_any_window_shows_its_frames(clip):
    shape, data = clip
    index = index_of(data)
    for frames in [*windows(shape.frames), list(range(shape.frames))]:
        pictures = decode_pictures(index, part_of(data), frames)
        assert pictures.shape == (len(frames), 3, shape.height, shape.width)
        assert levels(pictures) == frames


def test_a_window_has_the_same_pictures_as_decoding_from_the_start(noisy):
    with av.open(io.BytesIO(noisy)) as container:
        told = [f.to_ndarray() for f in container.decode(video=0)]
    index = index_of(noisy)
    assert len(index.keys) > 2
    for frames in windows(len(told)):
        found = decoded_frames(index, part_of(noisy), np.asarray(frames))
        for number, frame in zip(frames, found, strict=True):
            assert np.array_equal(frame.to_ndarray(), told[number])


def test_frames_may_be_skipped_and_repeated(clip):
    shape, data = clip
    frames = [k for k in range(0, shape.frames, 3) for _ in range(2)]
    assert levels(decode_pictures(index_of(data), part_of(data), frames)) == frames


def test_only_the_part_of_the_file_that_a_window_needs_is_read(noisy):
    index, asked = index_of(noisy), []

    def read(offset, size):
        asked.append((offset, size))
        return noisy[offset : offset + size]

    decode_pictures(index, read, [25, 26])
    [(offset, size)] = asked
    assert offset == index.offsets[index.keys[index.keys <= index.turn[25]][-1]]
    assert size < len(noisy) / 4


def test_packets_that_nothing_refers_to_are_not_decoded_on_the_way(noisy, monkeypatch):
    from curator.media import clips

    index = index_of(noisy)
    fed = []
    monkeypatch.setattr(clips, "Packet", lambda part: fed.append(1) or av.Packet(part))
    last = int(index.keys[1]) - 1
    frame = int(np.flatnonzero(index.turn == last)[0])
    decode_pictures(index, part_of(noisy), [frame])
    assert len(fed) < last + 1


@pytest.fixture(scope="module")
def noisy() -> bytes:
    """Moving noise with B-frames and a keyframe every 12 frames."""
    out, random = io.BytesIO(), np.random.default_rng(5)
    base = random.integers(0, 255, (96, 256), dtype=np.uint8)
    options = {"g": "12", "flags": "+cgop", "bf": "3", "preset": "veryfast", "threads": "1"}
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(60):
            pixels = np.stack([base[:, number : number + 128]] * 3, axis=-1)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def test_colours_are_those_of_the_matrix_within_three_levels():
    shape = Shape(width=64, height=48)
    out = io.BytesIO()
    random = np.random.default_rng(2)
    yuv = random.integers(60, 190, 3)
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, "yuv420p"
        stream.codec_context.colorspace = 1
        planes = np.full((shape.height * 3 // 2, shape.width), yuv[0], np.uint8)
        planes[shape.height :].reshape(2, -1)[:] = yuv[1:, None]
        frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    data = out.getvalue()
    [picture] = decode_pictures(index_of(data), part_of(data), [0])
    y, u, v = (yuv[0] - 16) / 219, (yuv[1] - 128) / 224, (yuv[2] - 128) / 224
    told = np.array([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u]) * 255
    assert np.abs(picture.mean(axis=(1, 2)) - told.clip(0, 255)).max() <= 3


@pytest.mark.parametrize("size", [(24, 32), (32, 32), (20, 60), (96, 128)])
def test_pictures_fill_the_size_that_is_asked_for_and_keep_their_shape(size):
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        planes = np.full((72, 64), 128, np.uint8)
        planes[:48] = 40
        planes[:48, 32:] = 200  # an edge in the middle stays in the middle
        frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    data = out.getvalue()
    wanted = PictureSize(height=size[0], width=size[1])
    [picture] = decode_pictures(index_of(data), part_of(data), [0], size=wanted)
    assert picture.shape == (3, *size)
    half = size[1] // 2
    assert picture[:, :, : half - 4].mean() == pytest.approx(28, abs=3)
    assert picture[:, :, half + 4 :].mean() == pytest.approx(214, abs=3)


def test_missing_bytes_are_damage(clip):
    shape, data = clip
    index = index_of(data)
    with pytest.raises(MediaError) as caught:
        decode_pictures(index, part_of(data[: index.offsets[index.turn[-1]]]), [shape.frames - 1])
    assert caught.value.reason == "clip-damaged"


@pytest.mark.parametrize(
    "shape",
    [Shape(frames=200), Shape(frames=90, rate=44100, channels=2), Shape(frames=30, rate=8000)],
)
def test_any_stretch_of_sound_has_exactly_its_samples(shape):
    data, random = sound(shape), np.random.default_rng(3)
    total = shape.num_samples
    for start in [0, total - 1, *random.integers(0, total, 12).tolist()]:
        count = int(random.integers(1, 20000))
        samples, info = decode_sound(data, start, count)
        assert (info.sample_rate_hz, info.channels) == (shape.rate, shape.channels)
        told = np.arange(start, min(start + count, total)) % RAMP
        assert np.array_equal(samples, np.repeat(told[None] / 32768, shape.channels, axis=0))


def test_what_is_no_sound_is_damage():
    with pytest.raises(MediaError) as caught:
        decode_sound(b"not a track", 0, 10)
    assert caught.value.reason == "clip-damaged"
