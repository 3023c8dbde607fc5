"""How fast windows come: `python benchmarks/loader.py RELEASE [--frames K] [--workers N] [--keyframes S] [--json]`.

One round runs, one after the other, each for a few seconds and with the same number of worker
processes on the same samples of a release:

decode      PyAV decodes every file from its first frame to its last, one thread each; frames are
            thrown away where they are. The bar: nothing is converted and nothing leaves a worker.
rgb         the same, and every frame becomes an array: ``frame.to_ndarray(format="rgb24")``
loader      `curator.load(...).stream(batch_size=...)` in a `DataLoader`: windows of K frames at random
            positions with their sound, as batches in the main process
torchcodec, decord    the same windows without sound, when they are installed

A row's figures are frames per second and frames per CPU-second of all its processes: decoded ones for the
first two, delivered ones for the others. Ratios are taken round by round, and their medians reported.
On a machine with other work only the CPU figures mean anything. Before it counts, every row runs for three seconds.
`--keyframes` encodes the samples again, with a keyframe at least every S seconds, and says what that costs.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

WARM_SECONDS = 3.0


class Speed(NamedTuple):
    """Frames per second."""

    wall: float
    cpu: float


def main() -> None:
    """Run the rounds; the last line of output is one JSON object."""
    args = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        release, grown = args.release, 1.0
        if args.keyframes is not None:
            release = Path(folder) / "release"
            grown = _again(args.release, release, Fraction(args.keyframes))
        rows = _rows(release, args)
        runs: dict[str, list[Speed]] = {name: [] for name in rows}
        for number in range(args.rounds):
            for name, row in rows.items():
                runs[name].append(row())
            if not args.json:
                told = ", ".join(f"{n} {s[-1].wall:.0f} {s[-1].cpu:.0f}" for n, s in runs.items())
                sys.stdout.write(f"round {number + 1}, frames per s and CPU-s: {told}\n")
        sys.stdout.write(json.dumps(_report(args, release, grown, runs)) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path)
    parser.add_argument("--json", action="store_true", help="nothing but the JSON line")
    parser.add_argument("--frames", type=int, default=48, help="in a window (%(default)s)")
    parser.add_argument(
        "--size", type=int, help="pictures of the loader; the clips' own without it"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=6, help="of each row in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keyframes", help="seconds between keyframes, e.g. 1 or 1/2")
    return parser.parse_args()


def _report(
    args: argparse.Namespace, release: Path, grown: float, runs: dict[str, list[Speed]]
) -> dict[str, Any]:
    def ratios(bar: str, kind: str) -> dict[str, float]:
        return {
            name: round(
                statistics.median(
                    getattr(a, kind) / getattr(b, kind)
                    for a, b in zip(speeds, runs[bar], strict=True)
                ),
                3,
            )
            for name, speeds in runs.items()
            if name != bar
        }

    def medians(kind: str) -> dict[str, float]:
        return {
            n: round(statistics.median(getattr(s, kind) for s in speeds), 1)
            for n, speeds in runs.items()
        }

    held = _samples(release)
    return {
        "frames_per_second": medians("wall"),
        "frames_per_cpu_second": medians("cpu"),
        "samples_per_second": round(medians("wall")["loader"] / args.frames, 2),
        "cpu_ratio_to_decode": ratios("decode", "cpu"),
        "cpu_ratio_to_rgb": ratios("rgb", "cpu"),
        "ratio_to_decode": ratios("decode", "wall"),
        "ratio_to_rgb": ratios("rgb", "wall"),
        "window_frames": args.frames,
        "size": args.size,
        "workers": args.workers,
        "keyframes": args.keyframes,
        "bytes_to_release": round(grown, 3),
        "samples": len(held),
        "mean_frames": round(statistics.mean(_count(video) for video in held), 1),
        "rounds": args.rounds,
        "load_average": os.getloadavg()[0],
    }


def _rows(release: Path, args: argparse.Namespace) -> dict[str, Callable[[], Speed]]:
    videos = _samples(release)
    rows = {
        "decode": lambda: _sequential(videos, args, convert=False),
        "rgb": lambda: _sequential(videos, args, convert=True),
        "loader": lambda: _loader(release, args),
    }
    for name, read in (("torchcodec", _torchcodec), ("decord", _decord)):
        if importlib.util.find_spec(name) is not None:
            rows[name] = lambda read=read: _peer(videos, args, read)  # type: ignore[misc]
    return rows


def _samples(release: Path) -> list[bytes]:
    tables = [
        pq.read_table(path, columns=["video"]) for path in sorted(release.glob("data/*.parquet"))
    ]
    return [row["bytes"] for table in tables for row in table.column("video").to_pylist()]


def _count(video: bytes) -> int:
    with av.open(io.BytesIO(video)) as container:
        return container.streams.video[0].frames


# --- one file after another


def _sequential(videos: list[bytes], args: argparse.Namespace, *, convert: bool) -> Speed:
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    workers = [
        context.Process(target=_decode_on, args=(videos, args.seconds, convert, number, results))
        for number in range(args.workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told = [results.get() for _ in workers]
    return Speed(
        sum(count / wall for count, wall, _ in told),
        sum(count for count, _, _ in told) / sum(cpu for _, _, cpu in told),
    )


def _decode_on(
    videos: list[bytes],
    seconds: float,
    convert: bool,  # noqa: FBT001 - a process takes its arguments in order
    number: int,
    results: Any,
) -> None:
    start, count, at = time.perf_counter(), 0, number
    counted, used = start + WARM_SECONDS, 0.0
    while (now := time.perf_counter()) < start + WARM_SECONDS + seconds:
        if now >= counted and count == 0:
            counted, used = now, time.process_time()
        decoded = _decode(videos[at % len(videos)], convert=convert)
        count += decoded if now >= counted else 0
        at += 1
    results.put((count, time.perf_counter() - counted, time.process_time() - used))


def _decode(video: bytes, *, convert: bool) -> int:
    count = 0
    with av.open(io.BytesIO(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        for frame in container.decode(stream):
            if convert:
                frame.to_ndarray(format="rgb24")
            count += 1
    return count


# --- windows


def _loader(release: Path, args: argparse.Namespace) -> Speed:
    import curator

    data = curator.load(release, frames=args.frames, size=args.size, tracks=["video", "audio"])
    stream = _Forever(data, args.batch)
    return _timed(stream, args, lambda batch: int(batch["video_mask"].sum()))


def _peer(videos: list[bytes], args: argparse.Namespace, read: Callable[..., Any]) -> Speed:
    return _timed(_Windows(videos, args, read), args, lambda batch: sum(len(one) for one in batch))


def _timed(source: Any, args: argparse.Namespace, count: Callable[[Any], int]) -> Speed:
    from torch.utils.data import DataLoader

    loader = DataLoader(source, batch_size=None, num_workers=args.workers)
    batches = iter(loader)
    next(batches)  # workers are up
    start = time.perf_counter()
    while time.perf_counter() < start + WARM_SECONDS:
        next(batches)
    frames, start, used = 0, time.perf_counter(), _cpu_seconds()
    while time.perf_counter() < start + args.seconds:
        frames += count(next(batches))
    return Speed(frames / (time.perf_counter() - start), frames / max(1e-9, _cpu_seconds() - used))


def _cpu_seconds() -> float:
    """Of this process and the workers that it has now."""
    here = psutil.Process()
    times = [one.cpu_times() for one in (here, *here.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def _dataset() -> type[Any]:
    from torch.utils.data import IterableDataset

    return IterableDataset  # type: ignore[no-any-return]


class _Forever(_dataset()):  # type: ignore[misc]
    """Epoch after epoch of the stream, so that a release of few samples lasts."""

    def __init__(self, data: Any, batch: int) -> None:
        self._data, self._batch = data, batch

    def __iter__(self) -> Iterator[Any]:
        from torch.utils.data import get_worker_info

        worker = get_worker_info().id
        for epoch in range(10**6):
            # Each worker an epoch of its own: a batch of a small release is most of an epoch.
            order = np.random.default_rng((worker, epoch)).permutation(len(self._data))
            for start in range(0, len(order), self._batch):
                picked = order[start : start + self._batch].tolist()
                yield _collate(self._data.read_batch(picked, epoch=epoch * 97 + worker))


def _collate(samples: list[Any]) -> Any:
    import curator

    return curator.collate(samples)


class _Windows(_dataset()):  # type: ignore[misc]
    """Windows at random positions by another library."""

    def __init__(self, videos: list[bytes], args: argparse.Namespace, read: Any) -> None:
        self._videos, self._args, self._read = videos, args, read
        self._counts = [_count(video) for video in videos]

    def __iter__(self) -> Iterator[Any]:
        import torch
        from torch.utils.data import get_worker_info

        torch.set_num_threads(1)
        random = np.random.default_rng(get_worker_info().id)
        while True:
            order = random.permutation(len(self._videos))
            for first in range(0, len(order), self._args.batch):
                yield [self._window(k, random) for k in order[first : first + self._args.batch]]

    def _window(self, number: int, random: np.random.Generator) -> Any:
        count = min(self._args.frames, self._counts[number])
        start = int(random.integers(self._counts[number] - count + 1))
        return self._read(self._videos[number], start, count)


def _torchcodec(video: bytes, start: int, count: int) -> Any:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(video, num_ffmpeg_threads=1, seek_mode="approximate")
    return decoder.get_frames_in_range(start, start + count).data


def _decord(video: bytes, start: int, count: int) -> Any:
    import decord

    reader = decord.VideoReader(io.BytesIO(video), num_threads=1)
    return reader.get_batch(range(start, start + count)).asnumpy()


# --- other keyframes


def _again(release: Path, out: Path, keyframes: Fraction) -> float:
    """The release with its samples encoded again; how many times the bytes that it takes."""
    (out / "data").mkdir(parents=True)
    shutil.copy(release / "manifest.json", out)
    before = after = 0
    for path in sorted(release.glob("data/*.parquet")):
        table = pq.read_table(path)
        cells = table.column("video").to_pylist()
        made = []
        for cell in cells:
            # Both from the same decoded pictures, so that only the keyframes differ.
            plain, data = (_encoded(cell["bytes"], gap) for gap in (None, keyframes))
            before, after = before + len(plain), after + len(data)
            made.append({"bytes": data, "path": cell["path"]})
        at = table.column_names.index("video")
        column = pa.array(made, table.schema.field("video").type)
        table = table.set_column(at, table.schema.field("video"), column)
        pq.write_table(table, out / "data" / path.name, compression="none", use_dictionary=False)
    return after / before


def _encoded(video: bytes, keyframes: Fraction | None) -> bytes:
    from curator.media.mux import ClipWriter, VideoTrack
    from curator.media.probe import probe

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.mp4"
        path.write_bytes(video)
        found = probe(path)
        fps = Fraction(found.info.fps).limit_denominator(1001)
        track = VideoTrack(
            fps=None if found.info.is_variable_rate else fps, keyframe_seconds=keyframes
        )
        writer = ClipWriter(Path(folder) / "out.mp4", found.info.video, track, sound=None)
        with av.open(io.BytesIO(video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                time_, end = found.table.time(number), found.table.time(number + 1)
                writer.add_picture(writer.upright(frame), time_, end - time_)
        return writer.close()


if __name__ == "__main__":
    main()
