"""From what a user writes to the remote that it means."""

from __future__ import annotations

import re
from pathlib import Path

from curator.errors import RemoteError
from curator.hub.folder import FolderRemote
from curator.hub.hugging_face import HuggingFaceRemote
from curator.hub.remote import Remote

__all__ = ["open_remote", "split_revision"]

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB = re.compile(r"(?:hf://)?(?:datasets/)?([^/@]+/[^/@]+)")
_VERSION = re.compile(r"@([^@/:]+|refs/[^@:]+)$")


def open_remote(address: str) -> Remote:
    """``org/name`` is a dataset of the Hub; a path (``./x``, ``/x``, ``~/x``) or a URL is a folder.

    Raises:
        RemoteError: ``remote-name`` for what is neither.
    """
    found = _HUB.fullmatch(address)
    if found and _NAME.fullmatch(found[1]):
        return HuggingFaceRemote(found[1])
    if "://" in address and not address.startswith("hf://"):
        return FolderRemote(address)
    if address.startswith(("/", "./", "../", "~/")):
        return FolderRemote(str(Path(address).expanduser().resolve()))
    raise RemoteError(
        f"'{address}' is neither a dataset of the Hub nor a folder",
        reason="remote-name",
        hint="org/name, ./folder, /folder, or a URL such as s3://bucket/folder",
    )


def split_revision(address: str) -> tuple[str, str | None]:
    """``org/name@v1.2.0`` as its two parts; None where no version is written."""
    found = _VERSION.search(address)
    if found is None or "/" not in address[: found.start()]:
        return address, None
    return address[: found.start()], found[1]
