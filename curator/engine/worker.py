"""A worker process: receives tasks, decodes, measures, encodes. It never touches the store."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import gc
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from curator.abc.measure import AudioBlock, FrameBlock, Measure, Running, Tile
from curator.engine.sync import align, film, heard_of, read
from curator.engine.task import (
    AlignTask,
    Encoded,
    EncodedClip,
    EncodeTask,
    Measured,
    MeasureTask,
    Opened,
    OpenTask,
    Part,
    ReadTask,
    Refused,
    Reply,
    Task,
    Work,
)
from curator.errors import CuratorError, MeasureError, MediaError
from curator.media.decode import DecodedTile, DecodeStats, read_tiles
from curator.media.encode import cut
from curator.media.probe import Probe, probe
from curator.media.stored import dump, load
from curator.model.series import Series
from curator.model.tile import TileRange
from curator.store.series import encode_series

__all__ = ["serve", "spare_collector"]

_PR_SET_PDEATHSIG = 1


def serve(connection: Connection, beside: bool) -> None:  # noqa: FBT001 - a process's arguments have no names
    """Answer tasks until the pipe closes. The main function of every worker process.

    `beside`: there are more cores than workers, so decoding goes on beside measuring.
    """
    _settle()
    spare_collector()
    running: dict[str, Running] = {}
    while True:
        try:
            number, task = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            connection.send((number, answer(task, running, beside=beside)))


def answer(task: Task, running: dict[str, Running], *, beside: bool = False) -> Reply:
    """Do one task. `running` keeps loaded models from task to task."""
    try:
        if isinstance(task, OpenTask):
            return _open(task)
        if isinstance(task, MeasureTask):
            return _measure(task, running, beside=beside)
        if isinstance(task, ReadTask):
            return read(task)
        return align(task) if isinstance(task, AlignTask) else _encode(task)
    except CuratorError as error:
        return Refused(error=error)
    except Exception as error:  # noqa: BLE001 - plugins and libraries may raise anything: it costs one video
        return Refused(
            error=MediaError(
                f"{type(task).__name__} failed: {type(error).__name__}: {error}",
                reason="task-broke",
                hint="the other videos go on; please report it with the file",
            )
        )


def _settle() -> None:
    """No signal from the terminal, no life after the coordinator, no threads of OpenCV's own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides when work ends
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    import cv2

    cv2.setNumThreads(1)


def spare_collector() -> None:
    """Keep Python's cycle collector from walking through every loaded module again and again.

    Frames and arrays are freed by their reference counts; a worker makes hardly any cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _open(task: OpenTask) -> Opened:
    begun = time.process_time()
    found = probe(task.path)
    return Opened(probe=dump(found), seconds=time.process_time() - begun)


def _measure(task: MeasureTask, running: dict[str, Running], *, beside: bool) -> Reply:
    begun = time.process_time()
    found = load(task.probe)
    for work in task.works.values():
        if work.key not in running:
            with _hushed():
                running[work.key] = work.measure.start(work.weights)
    stats = DecodeStats()
    desks = [_Desk(key, work, running[work.key]) for key, work in task.works.items()]
    for tile in _tiles(task, found, stats, beside=beside):
        for desk in desks:
            if tile.index not in desk.wanted:
                continue
            try:
                desk.take(tile, found)
            except MeasureError as error:
                return Refused(error=error, op=desk.key, tile=tile.index)
            except Exception as error:  # noqa: BLE001 - see `answer`
                broke = _measure_broke(desk.measure, tile, error)
                return Refused(error=broke, op=desk.key, tile=tile.index)
    whole = time.process_time() - begun
    measuring = sum(desk.seconds for desk in desks)
    return Measured(
        parts=tuple(part for desk in desks for part in desk.parts()),
        frames_decoded=stats.frames_decoded,
        seconds=whole,
        decode_seconds=max(0.0, whole - measuring),
    )


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Model runtimes greet on file descriptor 2 when they load, whatever their log level says."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _tiles(
    task: MeasureTask, found: Probe, stats: DecodeStats, *, beside: bool
) -> Iterator[DecodedTile]:
    needs = {need for work in task.works.values() for need in work.measure.needs.values()}
    return read_tiles(
        task.path, found, needs, task.tiles, threads=task.threads, beside=beside, stats=stats
    )


def _measure_broke(measure: Measure, tile: DecodedTile, error: Exception) -> CuratorError:
    return MeasureError(
        f"measure '{measure.name}' failed on {tile.span}: {type(error).__name__}: {error}",
        reason="measure-broke",
        hint="the other videos go on; please report it to the measure's author",
    )


class _Desk:
    """One measure's share of a task: sees the tiles it is wanted on, keeps what it says."""

    def __init__(self, key: str, work: Work, running: Running) -> None:
        self.key = key
        self.measure = work.measure
        self.wanted = frozenset(work.tiles)
        self._tiles = work.tiles
        self.seconds = 0.0
        self._running = running
        self._said: dict[int, Mapping[str, Series]] = {}
        self._spent: dict[int, float] = {}

    def take(self, tile: DecodedTile, found: Probe) -> None:
        begun = time.thread_time()  # decoding may go on in other threads meanwhile
        self._said[tile.index] = self._running.tile(self._tile(tile, found))
        spent = time.thread_time() - begun
        self._spent[tile.index] = spent
        self.seconds += spent

    def parts(self) -> Iterator[Part]:
        """One part for each run of tiles without a gap."""
        for run in self._tiles.ranges:
            yield Part(
                key=self.key,
                tiles=run,
                output=encode_series(self._joined(run)),
                seconds=sum(self._spent.get(index, 0.0) for index in range(run.first, run.last)),
            )

    def _joined(self, run: TileRange) -> Mapping[str, Series]:
        out: dict[str, Series] = {}
        for spec in self.measure.series:
            said = (self._said.get(index, {}) for index in range(run.first, run.last))
            pieces = [one[spec.name] for one in said if spec.name in one and len(one[spec.name])]
            if pieces:
                out[spec.name] = Series.join(pieces)
        return out

    def _tile(self, tile: DecodedTile, found: Probe) -> Tile:
        frames: dict[str, FrameBlock] = {}
        audio: dict[str, AudioBlock] = {}
        for name, need in self.measure.needs.items():
            block = tile.blocks.get(need)
            if isinstance(block, FrameBlock):
                frames[name] = block
            elif isinstance(block, AudioBlock):
                audio[name] = block
        return Tile(index=tile.index, span=tile.span, video=found.info, frames=frames, audio=audio)


def _encode(task: EncodeTask) -> Encoded:
    begun = time.process_time()
    stats = DecodeStats()
    clips: list[EncodedClip] = []
    found = load(task.probe)
    encoded = cut(
        task.path,
        found,
        task.spans,
        video=task.video,
        audio=task.audio,
        stats=stats,
        heard=heard_of(task, found),
        crops=task.crops,
    )
    for number, clip in enumerate(encoded):
        if task.video is not None and clip.video is None:
            raise MediaError(f"no picture of {clip.span} can be decoded", reason="no-pictures")
        files = {}
        for suffix, data in (("mp4", clip.video), ("flac", clip.audio)):
            if data is not None:
                files[suffix] = task.folder / f"{number}.{suffix}"
                files[suffix].write_bytes(data)
        facts = {
            "width_px": clip.width_px,
            "height_px": clip.height_px,
            "fps": clip.fps,
            "num_frames": clip.num_frames,
            "num_samples": clip.num_samples,
            "sample_rate_hz": clip.sample_rate_hz,
            "channels": clip.channels,
        }
        clips.append(
            EncodedClip(
                span=clip.span, video=files.get("mp4"), audio=files.get("flac"), facts=facts
            )
        )
    seen = {name: film(task, name, camera, stats) for name, camera in task.cameras.items()}
    clips = [
        dataclasses.replace(clip, cameras={name: files[n] for name, files in seen.items()})
        for n, clip in enumerate(clips)
    ]
    assert [clip.span for clip in clips] == list(task.spans), "every span becomes one clip"
    return Encoded(
        clips=tuple(clips),
        frames_decoded=stats.frames_decoded,
        seconds=time.process_time() - begun,
    )
