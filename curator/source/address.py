"""Addresses of footage: paths and fsspec URLs, opened, joined, and shown without their secrets."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

__all__ = [
    "VIDEO_SUFFIXES",
    "anchored",
    "describe",
    "is_hidden",
    "is_local",
    "is_missing",
    "is_video",
    "join",
    "local_path",
    "open_address",
    "open_file",
    "redacted",
    "remote_errors",
    "split",
    "suffix",
]

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv",
    ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv",
    ".ts", ".vob", ".webm", ".wmv", ".y4m",
})
# fmt: on
"""What a folder or a glob without a suffix of its own takes for a video."""

_USER = re.compile(r"([A-Za-z][\w+.-]*://)[^/\s@'\"]*@")
_QUERY = re.compile(r"\?[^\s'\"<>?]*?=.*?(?=::|[\s'\"<>)]|$)")


def redacted(text: str) -> str:
    """`text` with the user names, passwords and query strings of its URLs left out: they may be keys."""
    return _QUERY.sub("?...", _USER.sub(r"\1", text))


def is_local(url: str) -> bool:
    """Whether `url` is a path of this machine (``file://`` too)."""
    return "::" not in url and ("://" not in url or url.startswith(("file://", "local://")))


def local_path(url: str) -> Path:
    """The path of a local url."""
    for scheme in ("file://", "local://"):
        url = url.removeprefix(scheme)
    return Path(url).expanduser()


def anchored(url: str, base: Path | None = None) -> str:
    """`url` with one spelling, openable from the working directory.

    A relative path that starts there stays relative, as its user wrote it. Links are not followed.
    """
    *inner, last = url.split("::")
    if is_local(last):
        last = os.path.normpath((base or Path()) / local_path(last))
    return "::".join([*inner, last])


def suffix(url: str) -> str:
    """The lower-case file suffix of an address, its query left out: ``.mp4``."""
    first = url.split("::")[0]
    if "://" in first:
        first = re.sub(r"\?.*=.*", "", first)
    return PurePosixPath(first).suffix.lower()


def is_video(url: str) -> bool:
    """Whether the name ends as videos do."""
    return suffix(url) in VIDEO_SUFFIXES


def is_hidden(parts: Iterable[str]) -> bool:
    """Whether a file or folder among `parts` is one that shells do not show, or archive litter."""
    return any(part.startswith(".") and part not in (".", "..") for part in parts)


def split(url: str) -> tuple[str, str]:
    """Folder and file name; the folder keeps scheme and archive, and loses a query."""
    head, *rest = url.split("::")
    scheme, mark, path = head.rpartition("://")
    if mark:
        path = re.sub(r"\?.*=.*", "", path)
    folder, slash, name = path.rpartition("/")
    folder = f"{scheme}{mark}{folder or slash}"
    return "::".join([folder or ".", *rest]), name


def join(folder: str, name: str) -> str:
    """`name` beside the other files of `folder`, unless it says itself where it is."""
    if "://" in name or name.startswith(("/", "~")):
        return name
    head, *rest = folder.split("::")
    scheme, mark, path = head.rpartition("://")
    joined = posixpath.normpath(posixpath.join(path, name))
    return "::".join([f"{scheme}{mark}{joined}", *rest])


def open_address(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    A cell of a table (`curator.source.cells`) is a file as well. Archives (``zip://a.mp4::films.zip``) are opened anew each time: fsspec would keep the listing
    of one that has changed.

    Raises:
        OSError: also for a protocol that is not known or not installed.
        Others: see `remote_errors`.
    """
    from fsspec.core import url_to_fs

    if url.startswith("cell://"):
        from curator.source.cells import open_cells  # it opens its table with this function

        path, _, table = url.partition("::")
        return open_cells(table), path
    if url.startswith("tar://") and suffix(url.partition("::")[2]) == ".tar":
        from curator.source.tars import open_tar  # likewise

        path, _, archive = url.partition("::")
        return open_tar(archive), path.removeprefix("tar://")
    *inner, last = url.split("::")
    if inner and is_local(last):
        last = f"file://{os.path.abspath(local_path(last))}"  # noqa: PTH100 - links stay as written
    # Read now: the Hub's client reads it once, when it is imported.
    hub = {"hf": {"endpoint": os.environ.get("HF_ENDPOINT") or None}} if "hf://" in last else {}
    try:
        fs, path = url_to_fs("::".join([*inner, last]), skip_instance_cache=bool(inner), **hub)
    except (ValueError, ImportError) as error:
        raise OSError(str(error)) from error
    return fs, str(path)


def open_file(url: str, *, block_bytes: int = 1 << 20, is_exact: bool = False) -> BinaryIO:
    """A file opened for reading, wherever it is. Raises as `open_address`.

    Args:
        block_bytes: what a remote one is read ahead by.
        is_exact: Read what is asked for and nothing ahead.
    """
    if is_local(url):
        return local_path(url).open("rb")
    fs, path = open_address(url)
    cache = {"cache_type": "none"} if is_exact else {}
    return cast("BinaryIO", fs.open(path, "rb", block_size=block_bytes, **cache))


def remote_errors() -> tuple[type[BaseException], ...]:
    """What file systems raise when they cannot be reached or do not let us in.

    Some have bases of their own, known only once their library is loaded: write
    ``except remote_errors() as error``, which is evaluated when something was raised.
    """
    known: list[type[BaseException]] = [OSError]
    for module, name in (
        ("aiohttp", "ClientError"),
        ("botocore.exceptions", "BotoCoreError"),
        ("botocore.exceptions", "ClientError"),
        ("httpx", "HTTPError"),
        ("httpx2", "HTTPError"),
        ("zipfile", "BadZipFile"),
    ):
        if module in sys.modules:
            known.append(getattr(sys.modules[module], name))
    return tuple(known)


def is_missing(error: BaseException) -> bool:
    """Whether an error says that the file is not there, rather than that nobody answered."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        return False
    # fsspec's HTTP says FileNotFoundError for everything; the cause knows better.
    cause = error.__cause__
    status = getattr(cause, "status", None)
    # The Hub tells a missing file from a repository that is not there, or not for us.
    said = getattr(getattr(cause, "response", None), "headers", {}).get("X-Error-Code")
    return cause is None or status in (404, 410) or said == "EntryNotFound"


def describe(error: BaseException) -> str:
    """An error in words, from its first cause, without secrets."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return redacted(f"{type(error).__name__}: {text}" if text else type(error).__name__)
