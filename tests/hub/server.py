"""The Hub's HTTP: a thread for each connection, real sockets, every byte counted."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.call import Call, Reply
from tests.hub.faults import Fault, Schedule
from tests.hub.routes import answer
from tests.hub.state import Hub, Limits
from tests.hub.xet import XetStore

__all__ = ["HubServer", "Request"]


@dataclass(frozen=True)
class Request:
    """One line of the server's log."""

    number: int
    method: str
    path: str
    status: int | None
    """None when the connection was closed without an answer."""
    bytes_in: int
    bytes_out: int
    fault: str | None


class HubServer:
    """A Hub on a port of this machine, for the length of a ``with`` block.

    Args:
        folder: Keeps LFS objects there instead of in memory.
        limits: The sizes it enforces.
        xet: Offers chunked storage in this folder, for clients that do not switch it off.
    """

    def __init__(
        self,
        folder: Path | None = None,
        limits: Limits | None = None,
        xet: Path | None = None,
    ) -> None:
        self.hub = Hub(folder, limits, XetStore(xet) if xet else None)
        self.schedule = Schedule()
        self.requests: list[Request] = []
        self.leaks: list[str] = []
        """Paths of the storage that were asked for with a token: clients must not send it there."""
        self._open = 0
        self._lock = threading.Lock()
        self._parts: dict[str, dict[int, bytes]] = {}
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """What ``HF_ENDPOINT`` has to be."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage_url(self) -> str:
        """Where LFS objects lie: another origin, as on the real Hub."""
        return f"http://localhost:{self.port}/storage"

    def user(self, name: str, *, orgs: Iterable[str] = (), role: str = "write") -> str:
        """A new user's token."""
        return self.hub.user(name, orgs=orgs, role=role)

    def set_faults(self, *faults: Fault) -> None:
        """From now on; request 0 is the next one. Without any, all goes well again."""
        self.schedule = Schedule(faults)

    def reset_counts(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self.requests.clear()

    @property
    def uploaded_bytes(self) -> int:
        """File content that came in: LFS objects and commits, also where they failed."""
        with self._lock:
            return sum(
                one.bytes_in
                for one in self.requests
                if (one.method == "PUT" and one.path.startswith("/storage/"))
                or (one.method == "POST" and "/commit/" in one.path)
            )

    @property
    def downloaded_bytes(self) -> int:
        """File content that went out."""
        with self._lock:
            return sum(
                one.bytes_out
                for one in self.requests
                if one.method == "GET"
                and ("/resolve/" in one.path or one.path.startswith("/storage/"))
            )

    def note(
        self, method: str, path: str, body: bytes, reply: Reply | None, fault: str | None
    ) -> None:
        with self._lock:
            self.requests.append(
                Request(
                    number=len(self.requests),
                    method=method,
                    path=path,
                    status=reply.status if reply else None,
                    bytes_in=len(body),
                    bytes_out=len(reply.body) if reply else 0,
                    fault=fault,
                )
            )

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """While a request is answered."""
        with self._lock:
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    def wait_until_idle(self, seconds: float = 0.05) -> None:
        """Until nobody has asked for that long: a client that gave up may have threads that have not."""
        seen = -1
        while self._open or seen != len(self.requests):
            seen = len(self.requests)
            time.sleep(seconds)

    def put_part(self, oid: str, number: int, data: bytes) -> None:
        with self._lock:
            self._parts.setdefault(oid, {})[number] = data

    def joined(self, oid: str) -> bytes:
        """An object that came in parts."""
        with self._lock:
            parts = self._parts.pop(oid, {})
        return b"".join(parts[number] for number in sorted(parts))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    owner: HubServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in these tests; anything else is a bug of the server and is shown."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | ValueError):
            super().handle_error(request, client_address)


class _CutError(ConnectionError):
    """The connection ends here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # head and body are two writes; waiting for an ACK costs 40 ms each
    )
    server: _Http
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: `HubServer.requests` has it all."""

    def _handle(self) -> None:
        owner = self.server.owner
        with owner.busy():
            fault = owner.schedule.next(self.command, self.path)
            kind = fault.kind if fault else None
            if kind == "before" and fault and fault.action:
                fault.action()
            if kind == "slow" and fault:
                time.sleep(fault.seconds)
            body = self._body(half=kind == "drop-mid-body")
            try:
                reply = self._reply(fault, body)
                # Written down before it is sent: who has the answer finds the request in the log.
                owner.note(self.command, self.path, body, reply, kind)
                self._send(reply, fault)
            except _CutError:
                self._close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - names of http.server

    def _reply(self, fault: Fault | None, body: bytes) -> Reply:
        kind = fault.kind if fault else None
        if kind in {"drop", "drop-mid-body"}:
            raise self._cut(body, kind)
        if kind == "call" and fault and fault.action:
            fault.action()
            raise self._cut(body, kind)
        if kind == "error" and fault:
            return _failing(fault)
        if kind == "echo" and fault:
            told = f"no good: {self.headers.get('Authorization')}"
            return Reply.json(
                {"error": told}, status=fault.status, headers={"X-Error-Message": told}
            )
        if kind == "corrupt" and self.command == "PUT":
            body = _flipped(body)
        reply = answer(self._call(body))
        if kind == "call-after" and fault and fault.action:
            fault.action()
            raise self._cut(body, kind)
        if kind == "drop-after":
            raise self._cut(body, kind)
        return _failing(fault) if kind == "error-after" and fault else reply

    def _cut(self, body: bytes, kind: str) -> _CutError:
        self.server.owner.note(self.command, self.path, body, None, kind)
        return _CutError()

    def _call(self, body: bytes) -> Call:
        split = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        segments = [unquote(part) for part in split.path.strip("/").split("/")]
        if segments[0] == "storage" and "authorization" in headers:
            self.server.owner.leaks.append(self.path)
        return Call(
            server=self.server.owner,
            method=self.command,
            segments=segments,
            query={
                name: values[-1]
                for name, values in parse_qs(split.query, keep_blank_values=True).items()
            },
            headers=headers,
            body=body,
        )

    def _body(self, *, half: bool) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks(half=half)
        length = int(self.headers.get("Content-Length") or 0)
        if half:
            self.rfile.read(length // 2)
            return b""
        return self.rfile.read(length)

    def _chunks(self, *, half: bool) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            if half:
                return b""
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        body = reply.body
        if fault and fault.kind == "corrupt" and self.command == "GET":
            body = _flipped(body)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault and fault.kind == "truncate":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            raise _CutError
        self.wfile.write(body)

    def _close(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)


def _failing(fault: Fault) -> Reply:
    headers = {"X-Error-Message": "injected"}
    if fault.status == 429:
        headers["Retry-After"] = str(fault.retry_after_seconds)
        headers["RateLimit"] = f'"api";r=0;t={fault.retry_after_seconds}'
    return Reply.json({"error": "injected"}, status=fault.status, headers=headers)


def _flipped(body: bytes) -> bytes:
    if not body:
        return body
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]


def environment(server: HubServer, token: str, home: Path) -> Mapping[str, str]:
    """What a client process needs to talk to this Hub and to no other."""
    return {
        **os.environ,
        "HF_ENDPOINT": server.url,
        "HF_TOKEN": token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
