"""How fast windows come: `python benchmarks/loader.py RELEASE [--frames K] [--workers N] [--keyframes S] [--json]`.

Every row has the same number of worker processes and the same samples of a release:

decode      PyAV decodes every file from its first frame to its last, one thread each; frames are
            thrown away where they are. The bar: nothing is converted and nothing leaves a worker.
rgb         the same, and every frame becomes an array: ``frame.to_ndarray(format="rgb24")``
loader      `curator.load(...)` in a `DataLoader`: windows of K frames at random positions with their
            sound, as batches of RGB in the main process
planes      the same with ``colours="yuv"``: luma and chroma
torchcodec, decord    the same windows as RGB without sound, when they are installed

One row runs at a time, for a second or two, in turn, its processes stopped in between: so what else
the machine does, and how fast it is at the moment, is the same for all. A row's figures are frames per
second and frames per CPU-second of all its processes over all rounds: decoded ones for the first two,
delivered ones for the others. Before that it runs until its memory has been in use.
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

WARM_SECONDS = 2.0
WARM_BATCHES = 6
"""Of each worker: by then it has written to every block of memory that it uses again."""


class Speed(NamedTuple):
    """What a row did while it ran."""

    frames: int
    wall_seconds: float
    cpu_seconds: float

    @property
    def wall(self) -> float:
        """Frames per second."""
        return self.frames / self.wall_seconds

    @property
    def cpu(self) -> float:
        """Frames per CPU-second."""
        return self.frames / self.cpu_seconds


def main() -> None:
    """Run the rounds; the last line of output is one JSON object."""
    args = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        release, grown = args.release, 1.0
        if args.keyframes is not None:
            release = Path(folder) / "release"
            grown = _again(args.release, release, Fraction(args.keyframes))
        rows = _rows(release, args)
        runs = _run(rows, args)
        if not args.json:
            for name, run in runs.items():
                wall, cpu = round(run.wall), round(run.cpu)
                sys.stdout.write(f"{name:12s}{wall:6d} frames per s{cpu:6d} per CPU-s\n")
        report = _report(args, release, grown, runs)
        for row in rows.values():
            row.close()
    sys.stdout.write(json.dumps(report) + "\n")


def _run(rows: dict[str, _Row], args: argparse.Namespace) -> dict[str, Speed]:
    for row in rows.values():
        row.warm()
    parts: dict[str, list[Speed]] = {name: [] for name in rows}
    for number in range(args.rounds):
        # Not always after the same one: what is in the caches is another's.
        names = list(rows)[number % len(rows) :] + list(rows)[: number % len(rows)]
        for name in names:
            parts[name].append(rows[name].run(args.seconds))
    return {name: Speed(*map(sum, zip(*part, strict=True))) for name, part in parts.items()}


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
    parser.add_argument("--seconds", type=float, default=1.5, help="of each row in each round")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--keyframes", help="seconds between keyframes, e.g. 1 or 1/2")
    return parser.parse_args()


def _report(
    args: argparse.Namespace, release: Path, grown: float, runs: dict[str, Speed]
) -> dict[str, Any]:
    def ratios(bar: str, kind: str) -> dict[str, float]:
        per = {name: getattr(run, kind) for name, run in runs.items()}
        return {name: round(per[name] / per[bar], 3) for name in per if name != bar}

    held = _samples(release)
    return {
        "frames_per_second": {name: round(run.wall, 1) for name, run in runs.items()},
        "frames_per_cpu_second": {name: round(run.cpu, 1) for name, run in runs.items()},
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


def _rows(release: Path, args: argparse.Namespace) -> dict[str, _Row]:
    videos = _samples(release)
    rows: dict[str, _Row] = {
        "decode": _Sequential(videos, args.workers, convert=False),
        "rgb": _Sequential(videos, args.workers, convert=True),
        "loader": _loader(release, args, "rgb"),
        "planes": _loader(release, args, "yuv"),
    }
    for name, read in (("torchcodec", _torchcodec), ("decord", _decord)):
        if importlib.util.find_spec(name) is not None:
            source = _Windows(videos, args, read)
            rows[name] = _Loaded(source, args.workers, lambda batch: sum(map(len, batch)))
    return rows


def _samples(release: Path) -> list[bytes]:
    tables = [
        pq.read_table(path, columns=["video"]) for path in sorted(release.glob("data/*.parquet"))
    ]
    return [row["bytes"] for table in tables for row in table.column("video").to_pylist()]


def _count(video: bytes) -> int:
    with av.open(io.BytesIO(video)) as container:
        return container.streams.video[0].frames


# --- rows


class _Row:
    """Worker processes that run when they are told to."""

    def _workers(self) -> list[psutil.Process]:
        raise NotImplementedError

    def _count(self, until: float) -> int:
        """Frames that come until that moment; may be late by an item."""
        raise NotImplementedError

    def warm(self) -> None:
        """Run until what is made once is made, then stop."""
        self.run(WARM_SECONDS)

    def run(self, seconds: float) -> Speed:
        """Go on for a while, then stop."""
        workers = self._workers()
        used, start = self._cpu_seconds(workers), time.perf_counter()
        for worker in workers:
            worker.resume()
        frames = self._count(start + seconds)
        for worker in workers:
            worker.suspend()
        wall = time.perf_counter() - start
        return Speed(frames, wall, self._cpu_seconds(workers) - used)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers():
            worker.resume()

    @staticmethod
    def _cpu_seconds(workers: list[psutil.Process]) -> float:
        """Of the workers and of this process, which receives."""
        times = [one.cpu_times() for one in (psutil.Process(), *workers)]
        return sum(one.user + one.system for one in times)


class _Sequential(_Row):
    """Files one after another, from start to end."""

    def __init__(self, videos: list[bytes], workers: int, *, convert: bool) -> None:
        context = multiprocessing.get_context("fork")
        self._counts = [context.Value("q", 0, lock=False) for _ in range(workers)]
        self._processes = [
            context.Process(target=_decode_on, args=(videos, convert, k, count), daemon=True)
            for k, count in enumerate(self._counts)
        ]
        for process in self._processes:
            process.start()
            psutil.Process(process.pid).suspend()

    def _workers(self) -> list[psutil.Process]:
        return [psutil.Process(process.pid) for process in self._processes]

    def close(self) -> None:
        for process in self._processes:
            process.kill()

    def _count(self, until: float) -> int:
        before = sum(count.value for count in self._counts)
        time.sleep(max(0.0, until - time.perf_counter()))
        return sum(count.value for count in self._counts) - before


def _decode_on(
    videos: list[bytes],
    convert: bool,  # noqa: FBT001 - a process takes its arguments in order
    number: int,
    count: Any,
) -> None:
    while True:
        with av.open(io.BytesIO(videos[number % len(videos)])) as container:
            stream = container.streams.video[0]
            stream.thread_type, stream.codec_context.thread_count = "NONE", 1
            for frame in container.decode(stream):
                if convert:
                    frame.to_ndarray(format="rgb24")
                count.value += 1
        number += 1


class _Loaded(_Row):
    """Batches that a `DataLoader` gives."""

    def __init__(self, source: Any, workers: int, count: Callable[[Any], int]) -> None:
        from torch.utils.data import DataLoader

        before = {child.pid for child in psutil.Process().children()}
        self._batches = iter(DataLoader(source, batch_size=None, num_workers=workers))
        self._frames, self._total = count, workers
        next(self._batches)  # workers are up
        children = psutil.Process().children(recursive=True)
        self._own = [child for child in children if child.pid not in before]
        for child in self._own:
            child.suspend()

    def _workers(self) -> list[psutil.Process]:
        return self._own

    def warm(self) -> None:
        for child in self._own:
            child.resume()
        for _ in range(WARM_BATCHES * self._total):
            next(self._batches)
        for child in self._own:
            child.suspend()

    def close(self) -> None:
        super().close()
        del self._batches  # ends its workers in good order

    def _count(self, until: float) -> int:
        frames = 0
        while time.perf_counter() < until:
            frames += self._frames(next(self._batches))
        return frames


# --- windows


def _loader(release: Path, args: argparse.Namespace, colours: str) -> _Loaded:
    import curator

    data = curator.load(
        release, frames=args.frames, size=args.size, tracks=["video", "audio"], colours=colours
    )
    source = _Forever(data, args.batch)
    return _Loaded(source, args.workers, lambda batch: int(batch["video_mask"].sum()))


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
