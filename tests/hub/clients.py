"""The real clients, in this process, pointed at a `HubServer`."""

from __future__ import annotations

import time
import types
from pathlib import Path

import pytest

from tests.hub.server import HubServer

__all__ = ["CLIENT_WARNING", "as_user", "without_waiting"]

CLIENT_WARNING = "ignore:Use 'content=:DeprecationWarning"
"""huggingface_hub 2.4 uploads with an argument that its HTTP library renamed; can go when it does not."""


def as_user(
    monkeypatch: pytest.MonkeyPatch,
    server: HubServer,
    token: str,
    home: Path,
    *,
    xet: bool = False,
) -> None:
    """Log in, with caches of its own; the client library has read the environment long ago."""
    import huggingface_hub.constants as constants

    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)


def without_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Backoff takes no time; gives the waits that were asked for."""
    import huggingface_hub.utils._http as http

    waits: list[float] = []
    quick = types.SimpleNamespace(**{name: getattr(time, name) for name in ("time", "monotonic")})
    quick.sleep = waits.append
    monkeypatch.setattr(http, "time", quick)
    monkeypatch.setattr("curator.hub.hugging_face.time", quick)
    monkeypatch.setattr("curator.hub.publish.time", quick)
    return waits
