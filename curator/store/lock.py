"""One writer per store: a lock that dies with its process, so it can never be stale."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path

from curator.errors import StoreError

__all__ = ["WriterLock"]

_POLL_SECONDS = 0.1


class WriterLock:
    """An exclusive ``flock`` on a file that says who holds it.

    The kernel lets go when the process ends, however it ends. Raises:
        StoreError: ``store-busy``, naming the holder, after `wait_seconds`.
    """

    def __init__(
        self,
        path: Path,
        *,
        wait_seconds: float = 0.0,
        what: str = "another build is writing to the store",
    ) -> None:
        self._what = what
        # Close-on-exec is Python's default: a worker started by the coordinator does not keep the lock.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire(path, time.monotonic() + wait_seconds)
        except BaseException:
            os.close(self._file)
            raise
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(holder).encode(), 0)

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self._file)

    def _acquire(self, path: Path, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                    continue
                raise StoreError(
                    f"{self._what} {path.parent}{self._holder()}",
                    reason="store-busy",
                    hint="wait until it is done, or give this build its own `store.root`",
                ) from error
            return

    def _holder(self) -> str:
        try:
            said = json.loads(os.pread(self._file, 4096, 0))
            minutes = max(0.0, time.time() - said["since"]) / 60
            return f" (process {said['pid']} on {said['host']}, for {minutes:.0f} min)"
        except (ValueError, KeyError, TypeError):  # it is just writing its name
            return ""
