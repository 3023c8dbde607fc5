"""What the client of the Hub raises, in our words and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from curator.errors import RemoteError
from curator.hub.secrets import redact

__all__ = ["PassingError", "moved", "translated"]

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_REASONS: Mapping[int, tuple[str, str, str]] = {
    401: (
        "remote-unauthorized",
        "the Hub does not know who you are",
        "log in (`hf auth login`) or set HF_TOKEN",
    ),
    403: (
        "remote-forbidden",
        "your token may not do this",
        "use a token with write access to that user or organisation",
    ),
    413: ("remote-too-large", "the Hub takes no request of that size", "lower pack.shard_mib"),
    429: ("remote-unreachable", "the Hub is asked too often", "wait and run the same again"),
}


class PassingError(RemoteError):
    """It may work in a moment."""

    wait_seconds: float | None = None
    """What the Hub asked for."""


@contextmanager
def translated(repo: str) -> Iterator[None]:
    """What the client raises, as an error of ours.

    Its own errors may quote requests, so they are left behind: no secret is in what is shown.
    """
    from huggingface_hub.errors import HfHubHTTPError

    # The client's HTTP library has changed its name before; its errors are a base of this one.
    network: type[Exception] = next(
        one for one in HfHubHTTPError.__mro__ if one.__name__ == "HTTPError"
    )
    try:
        yield
    except (network, OSError, RuntimeError, ValueError) as error:
        raise _as_ours(error, repo) from None


def moved(repo: str) -> RemoteError:
    """Somebody else was faster."""
    return RemoteError(
        f"somebody else published to {repo} meanwhile; nothing of yours is visible",
        reason="remote-moved",
        hint="run the same command again: it compares with what is there now",
    )


def _as_ours(error: BaseException, repo: str) -> RemoteError:
    """The same in our words."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, RevisionNotFoundError):
            return RemoteError(f"{repo} has no such version", reason="remote-revision")
        if isinstance(one, LocalEntryNotFoundError):  # the Hub did not answer
            return _of_network(chain, repo)
        if isinstance(one, EntryNotFoundError):
            return RemoteError(f"{repo} has no such file", reason="remote-no-file")
        if isinstance(one, RepositoryNotFoundError):
            return _not_there(repo)
        if isinstance(one, HFValidationError):
            return RemoteError(
                f"'{repo}' is no name on the Hub: {redact(str(one))}",
                reason="remote-name",
                hint="publish.repo=org/name; a folder is written ./folder or file:///folder",
            )
    told = next((one for one in chain if getattr(one, "response", None) is not None), None)
    if told is not None:
        return _of_status(told, repo)
    if any(isinstance(one, FileNotFoundError) for one in chain):
        return RemoteError(redact(str(error)), reason="remote-local-file")
    return _of_network(chain, repo)


def _not_there(repo: str) -> RemoteError:
    return RemoteError(
        f"the Hub shows no dataset {repo} to you",
        reason="remote-missing",
        hint="check the name; for a private one log in (`hf auth login`) or set HF_TOKEN",
    )


def _of_status(error: BaseException, repo: str) -> RemoteError:
    response = cast("Any", error).response
    status = int(response.status_code)
    why = redact(" ".join(str(error).split()))
    if status == 412:
        return moved(repo)
    if status == 409:
        return RemoteError(f"{repo}: {why}", reason="remote-conflict")
    reason, about, hint = _REASONS.get(
        status, ("remote-refused", "the Hub refused", "see the Hub's message")
    )
    if status in _TRANSIENT:
        passing = PassingError(
            f"{repo}: the Hub answers {status}: {why}",
            reason="remote-unreachable",
            hint="nothing is lost: run the same command again",
        )
        passing.wait_seconds = _wait_seconds(response.headers)
        return passing
    return RemoteError(f"{repo}: {about} ({status}): {why}", reason=reason, hint=hint)


def _of_network(chain: Sequence[BaseException], repo: str) -> RemoteError:
    """Errors without an answer: the network, or a client that refuses what it was given."""
    root = chain[-1]
    why = redact(" ".join(f"{type(root).__name__}: {root}".split()))
    if all(isinstance(one, ValueError) for one in chain):
        return RemoteError(f"{repo}: {why}", reason="remote-refused")
    return PassingError(
        f"the Hub cannot be reached for {repo}: {why}",
        reason="remote-unreachable",
        hint="nothing is lost: run the same command again",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _wait_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the Hub asks to wait: ``RateLimit: "api";r=0;t=120``, or ``Retry-After: 120``."""
    found = re.search(r"\bt=(\d+)", headers.get("RateLimit", ""))
    text = found[1] if found else headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
