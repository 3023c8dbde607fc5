"""What goes wrong, and at which request: decided beforehand, so that every run is the same."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["KINDS", "Fault", "Schedule"]

KINDS = (
    "error",  # answers `status` without doing anything; 429 comes with Retry-After
    "echo",  # like error, and tells the client the token that it sent
    "error-after",  # does it, then answers `status`
    "drop",  # closes the connection without doing anything
    "drop-mid-body",  # reads half of the request's body, then closes the connection
    "drop-after",  # does it, then closes the connection: the answer is lost
    "truncate",  # sends half of the answer's body, then closes the connection
    "corrupt",  # flips one byte of the answer's body, or of an LFS object as it arrives
    "slow",  # waits `seconds` first
    "call",  # calls `action`, e.g. to kill the client, without doing anything
    "before",  # calls `action` first, e.g. to let a rival be faster, then does it
    "call-after",  # does it, then calls `action` before it answers
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to fail, for some of the requests."""

    kind: str
    at: int | None = None
    """At the request with this number (0 is the first after the schedule was set); None: at any that fits."""
    onwards: bool = False
    """Also at every later one: the server is down until the schedule is cleared."""
    method: str | None = None
    path: str | None = None
    """Regular expression that the request's path must hold."""
    times: int | None = 1
    """After so many it has happened often enough; None: never."""
    status: int = 500
    retry_after_seconds: int = 1
    seconds: float = 0.2
    action: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind
        assert self.kind not in {"call", "call-after", "before"} or self.action, "call what?"

    def fits(self, number: int, method: str, path: str) -> bool:
        """Whether it is this request's turn, as far as the request alone tells."""
        if self.at is not None and not (number == self.at or (self.onwards and number > self.at)):
            return False
        if self.method is not None and method != self.method:
            return False
        return self.path is None or re.search(self.path, path) is not None


@dataclass
class Schedule:
    """The faults of a server; counts requests from when it was set."""

    faults: tuple[Fault, ...] = ()
    _number: int = 0
    _done: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, method: str, path: str) -> Fault | None:
        """What shall go wrong with the request that has just come in."""
        with self._lock:
            number, self._number = self._number, self._number + 1
            for index, fault in enumerate(self.faults):
                often = fault.times is not None and not fault.onwards
                if often and self._done.get(index, 0) >= (fault.times or 0):
                    continue
                if fault.fits(number, method, path):
                    self._done[index] = self._done.get(index, 0) + 1
                    return fault
        return None
