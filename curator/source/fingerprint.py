"""What a video is, by content: the same bytes have the same fingerprint wherever they lie.

========================  =====================================================================
local file                sha256 of the bytes, remembered by (path, size, mtime, inode)
``hf://``                 the sha256 of its LFS object: equal to the local one
S3, HTTP                  digest of (etag, size), where the etag is strong and itself a digest
                          (32 hex digits or more; ``-N`` of a multipart upload included)
GCS, Azure                digest of (MD5, size) where the service states one
everything else           sha256 of the bytes, remembered by (url, size, etag or date)
========================  =====================================================================

An etag that is weak, or that is no digest (nginx: time and size), names one state of one URL: two
different files may share it. So it is used to notice changes, and never as a name for content.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from curator.errors import MediaError
from curator.model.video import VideoRef
from curator.source.address import (
    describe,
    is_local,
    is_missing,
    local_path,
    open_address,
    redacted,
    remote_errors,
)
from curator.source.commits import at_commit, is_fixed

__all__ = [
    "Memo",
    "Observed",
    "Stated",
    "changed",
    "changed_error",
    "fingerprint",
    "media_error",
    "observe",
    "observe_remote",
    "recall",
    "remember_content",
]

_CHUNK_BYTES = 1 << 20
_DIGEST = re.compile(r'"?([0-9a-f]{32,128}(-\d+)?)"?', re.IGNORECASE)
_SETTLED_SECONDS = 2.0
"""A file younger than this may be written again without another time of change."""


class Memo(Protocol):
    """Remembers fingerprints between builds (the store does)."""

    def memo(self, path: str, size: int, mtime_ns: int, inode: int) -> str | None: ...  # noqa: D102

    def remember(  # noqa: D102
        self, path: str, size: int, mtime_ns: int, inode: int, fingerprint: str
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A video as it was when it was looked at."""

    fingerprint: str
    """64 hex digits; never depends on where the file is or what it is called."""
    size: int
    """Bytes."""
    token: str
    """Changes when the file does: times and inode, or etag, or date."""
    is_content: bool
    """Whether `fingerprint` is the SHA-256 of the bytes, so that a copy can be verified by it."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file system says of a remote file without sending it."""

    size: int | None
    token: str
    digest: str | None
    """A fingerprint made of what it states, if that names content."""
    is_content: bool


def fingerprint(ref: VideoRef, *, memo: Memo | None = None) -> str:
    """The fingerprint of a video, 64 hex digits. Raises as `observe`."""
    return observe(ref, memo=memo).fingerprint


def observe(ref: VideoRef, *, memo: Memo | None = None) -> Observed:
    """Look at a video: fingerprint, and what tells later whether it changed.

    Reads the whole file only where neither `memo` nor the service knows its digest.

    Raises:
        MediaError: ``not-found``, ``unreadable``, or ``changed-while-read``.
    """
    try:
        if is_local(ref.url):
            return _observe_local(ref, memo)
        stated = observe_remote(ref)
        return recall(ref, stated, memo) or _read_remote(ref, stated, memo)
    except remote_errors() as error:
        raise media_error(ref, error) from error


def changed(ref: VideoRef, observed: Observed) -> bool:
    """Whether a video is no longer what it was. Ask again after reading it.

    A file that cannot be found or asked any more has changed.
    """
    try:
        if is_local(ref.url):
            path = local_path(ref.url)
            if _local_token(path.stat()) == observed.token:
                return False
            # Touched, moved back or copied over: only its bytes can tell.
            return _hash_file(path) != observed.fingerprint
        stated = observe_remote(ref)
    except remote_errors():
        return True
    return stated.token != observed.token or stated.size not in (None, observed.size)


def observe_remote(ref: VideoRef) -> Stated:
    """Ask a file system about a file. Raises what it raises (`remote_errors`)."""
    where = at_commit(ref.url, ref.pins)
    fs, path = open_address(where)
    if not is_fixed(where):
        fs.invalidate_cache()  # s3fs answers from an older listing otherwise
    stated = _stated(fs.info(path))
    *_, archive = ref.url.split("::")
    if archive == ref.url:
        return stated
    # A member of an archive changes no later than its archive.
    outer = (
        _local_token(local_path(archive).stat())
        if is_local(archive)
        else observe_remote(_at(ref, archive)).token
    )
    return Stated(stated.size, f"{stated.token} in {outer}", None, is_content=False)


def recall(ref: VideoRef, stated: Stated, memo: Memo | None) -> Observed | None:
    """What can be observed without reading the file, if the service or `memo` knows enough."""
    if stated.digest is not None and stated.size is not None:
        return Observed(
            fingerprint=stated.digest,
            size=stated.size,
            token=stated.token,
            is_content=stated.is_content,
        )
    if memo is None or not stated.token:
        return None
    numbers = _numbers(stated.token)
    size = stated.size
    if size is None:
        noted = memo.memo(_size_of(ref), 0, *numbers)
        size = int(noted) if noted is not None else None
    known = memo.memo(ref.url, size, *numbers) if size is not None else None
    if known is None or size is None:
        return None
    return Observed(fingerprint=known, size=size, token=stated.token, is_content=True)


def remember_content(ref: VideoRef, observed: Observed, stated: Stated, memo: Memo | None) -> None:
    """Note the SHA-256 of a remote file for the next build, and its size where nobody states it."""
    if memo is not None and observed.token:
        numbers = _numbers(observed.token)
        memo.remember(ref.url, observed.size, *numbers, observed.fingerprint)
        if stated.size is None:
            memo.remember(_size_of(ref), 0, *numbers, str(observed.size))


def _size_of(ref: VideoRef) -> str:
    return f"size of {ref.url}"


def media_error(ref: VideoRef, error: BaseException) -> MediaError:
    """The error of one video that could not be read."""
    name = redacted(ref.url)
    if is_missing(error):
        return MediaError(f"{name} is not there", reason="not-found")
    return MediaError(f"{name} cannot be read: {describe(error)}", reason="unreadable")


def changed_error(ref: VideoRef) -> MediaError:
    """The error of one video that did not hold still."""
    return MediaError(
        f"{redacted(ref.url)} changed while it was read",
        reason="changed-while-read",
        hint="build again when nobody writes to it",
    )


def _observe_local(ref: VideoRef, memo: Memo | None) -> Observed:
    path = local_path(ref.url)
    before = path.stat()
    where = os.path.abspath(path)  # noqa: PTH100 - links stay as written
    look = (where, before.st_size, before.st_mtime_ns, before.st_ino)
    known = memo.memo(*look) if memo is not None else None
    if known is None:
        known = _hash_file(path)
        if _local_token(path.stat()) != _local_token(before):
            raise changed_error(ref)
        is_settled = time.time() - before.st_mtime > _SETTLED_SECONDS
        if memo is not None and is_settled:
            memo.remember(*look, known)
    return Observed(
        fingerprint=known, size=before.st_size, token=_local_token(before), is_content=True
    )


def _read_remote(ref: VideoRef, stated: Stated, memo: Memo | None) -> Observed:
    fs, path = open_address(at_commit(ref.url, ref.pins))
    hashed, size = hashlib.sha256(), 0
    with fs.open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
            size += len(chunk)
    observed = Observed(
        fingerprint=hashed.hexdigest(), size=size, token=stated.token, is_content=True
    )
    if changed(ref, observed):
        raise changed_error(ref)
    remember_content(ref, observed, stated, memo)
    return observed


def _stated(info: Mapping[str, Any]) -> Stated:
    size = info.get("size")
    lfs = info.get("lfs")
    if lfs:  # Hugging Face
        return Stated(lfs["size"], lfs["sha256"], lfs["sha256"], is_content=True)
    etag = str(info.get("ETag") or info.get("etag") or "")
    content = _DIGEST.fullmatch(etag) or _DIGEST.fullmatch(_md5(info))
    name = None
    if content is not None and size is not None:
        named = f"etag {content[1].lower()} {size}"
        name = hashlib.sha256(named.encode()).hexdigest()
    dates = [
        str(info[key])
        for key in ("LastModified", "Last-Modified", "mtime", "updated", "created", "modified")
        if info.get(key)
    ]
    names = [
        f"{key.lower()} {info[key]}" for key in ("CRC", "blob_id") if info.get(key) is not None
    ]
    token = " ".join([etag, *dates[:1], *names])
    return Stated(size, token.strip(), name, is_content=False)


def _md5(info: Mapping[str, Any]) -> str:
    """The MD5 that Google Cloud Storage and Azure state, as hex digits; empty when they do not."""
    settings = info.get("content_settings") or {}
    stated = info.get("md5Hash") or settings.get("content_md5") or b""
    return (base64.b64decode(stated) if isinstance(stated, str) else bytes(stated)).hex()


def _numbers(token: str) -> tuple[int, int]:
    # A remote file has no inode: its token takes the place of the numbers.
    hashed = hashlib.sha256(token.encode()).digest()
    return int.from_bytes(hashed[:7]), int.from_bytes(hashed[7:14])


def _local_token(stat: os.stat_result) -> str:
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino} {stat.st_dev}"


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _at(ref: VideoRef, url: str) -> VideoRef:
    return VideoRef(url=url, source=ref.source, rights=ref.rights, pins=ref.pins)
