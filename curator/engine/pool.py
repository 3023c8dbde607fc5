"""Worker processes with limits: one that crashes, hangs or bloats costs its task, not the build."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

import psutil

from curator.engine.task import Lost, Reply, Task
from curator.engine.worker import serve

__all__ = ["Done", "Pool"]

_POLL_SECONDS = 0.2
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_TRIES = 2
"""A worker that dies is given the task once more: when a machine goes down, workers die before the
coordinator does, and that must not be remembered as the video's fault."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task and what came of it."""

    number: int
    reply: Reply


@dataclass(slots=True)
class _Job:
    number: int
    task: Task
    tries: int = 0


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    job: _Job | None = None
    deadline: float = 0.0
    watch: psutil.Process | None = field(default=None)


class Pool:
    """A fixed number of workers; tasks are answered in any order.

    Args:
        workers: how many processes.
        task_seconds: a task that takes longer is stopped (``timeout``).
        task_memory_gib: a worker whose resident memory grows larger is stopped (``memory``).
    """

    def __init__(self, *, workers: int, task_seconds: float, task_memory_gib: float) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._limit_seconds = task_seconds
        self._limit_bytes = int(task_memory_gib * 2**30)
        self._size = workers
        self._beside = workers < (os.cpu_count() or 1)
        self._workers: list[_Worker] = []
        self._queue: deque[_Job] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            self._stop(worker)
        self._workers.clear()

    @property
    def waiting(self) -> int:
        """Tasks that no worker has begun."""
        return len(self._queue)

    @property
    def busy(self) -> int:
        """Tasks that a worker is on."""
        return sum(worker.job is not None for worker in self._workers)

    def submit(self, number: int, task: Task) -> None:
        """Queue a task under a number of the caller's choice."""
        self._queue.append(_Job(number, task))
        self._assign()

    def collect(self, timeout: float) -> list[Done]:
        """What is finished, waiting at most `timeout` seconds for the first."""
        end = time.monotonic() + timeout
        done: list[Done] = []
        while not done:
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return done
            pause = min(_POLL_SECONDS, max(0.0, end - time.monotonic()))
            ready = set(wait([worker.connection for worker in busy], timeout=pause))
            for worker in busy:
                done.extend(self._look(worker, ready=worker.connection in ready))
            self._assign()
            if time.monotonic() >= end:
                return done
        return done

    def _look(self, worker: _Worker, *, ready: bool) -> list[Done]:
        job = worker.job
        assert job is not None, "only busy workers are looked at"
        if ready:
            try:
                number, reply = worker.connection.recv()
            except (EOFError, ConnectionError):
                return self._lost(worker, "crash", _exit_message(worker), again=True)
            worker.job = None
            return [Done(number, reply)]
        if time.monotonic() > worker.deadline:
            message = f"took longer than {self._limit_seconds:g} s"
            return self._lost(worker, "timeout", message, again=False)
        if self._resident(worker) > self._limit_bytes:
            message = f"needed more than {self._limit_bytes / 2**30:.1f} GiB of memory"
            return self._lost(worker, "memory", message, again=False)
        return []

    def _lost(self, worker: _Worker, reason: str, message: str, *, again: bool) -> list[Done]:
        job = worker.job
        assert job is not None, "only busy workers are lost"
        self._stop(worker)
        self._workers.remove(worker)
        job.tries += 1
        if again and job.tries < _TRIES:
            self._queue.appendleft(job)
            return []
        return [Done(job.number, Lost(reason=reason, message=message))]

    def _assign(self) -> None:
        for worker in [w for w in self._workers if w.job is None and not w.process.is_alive()]:
            self._stop(worker)  # it died with nothing in hand
            self._workers.remove(worker)
        while self._queue:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None and len(self._workers) < self._size:
                idle = self._start()
            if idle is None:
                return
            job = self._queue.popleft()
            idle.job = job
            idle.deadline = time.monotonic() + self._limit_seconds
            try:
                idle.connection.send((job.number, job.task))
            except (BrokenPipeError, ConnectionError):
                continue  # it died while idle: `_look` finds the pipe closed and tries again

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self._beside), daemon=True)
        with _one_thread():
            process.start()
        theirs.close()  # so that the pipe closes with the worker
        worker = _Worker(process=process, connection=ours)
        self._workers.append(worker)
        return worker

    def _resident(self, worker: _Worker) -> int:
        try:
            worker.watch = worker.watch or psutil.Process(worker.process.pid)
            return int(worker.watch.memory_info().rss)
        except psutil.NoSuchProcess:
            return 0

    def _stop(self, worker: _Worker) -> None:
        worker.connection.close()
        if worker.process.is_alive():
            worker.process.kill()
        worker.process.join()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """What starts meanwhile uses one thread per library, however many cores there are.

    A worker cannot see to that itself: when its first line runs, NumPy has been imported and its
    threads are there, which then spin on every core that other workers are at work on.
    """
    had = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in had.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _exit_message(worker: _Worker) -> str:
    worker.process.join(timeout=1)
    return f"the worker died (exit code {worker.process.exitcode})"
