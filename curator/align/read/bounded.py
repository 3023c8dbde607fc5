"""Sidecars are files from strangers: read whole, up to a size, as the text that they say they are."""

from __future__ import annotations

import codecs
import stat
from typing import BinaryIO

from curator.abc.reader import Sidecar
from curator.errors import SourceError

__all__ = [
    "DATA_BYTES",
    "TEXT_BYTES",
    "check_size",
    "invalid",
    "missing_extra",
    "open_bytes",
    "read_bytes",
    "read_text",
]

TEXT_BYTES = 64 << 20
"""Most that a text sidecar may hold: a day of words with times takes some 20 MB as JSON."""
DATA_BYTES = 2 << 30
"""Most that a sidecar of numbers may hold, unpacked too: an hour of 100 joints at 120 Hz takes 0.5 GB."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def invalid(
    file: Sidecar, message: str, *, at: str | None = None, hint: str | None = None
) -> SourceError:
    """The error of a file that is not what it should be; `at` is its line, row or frame."""
    place = f"{file.name}, {at}" if at else file.name
    return SourceError(f"{place}: {message}", reason="sidecar-invalid", hint=hint)


def missing_extra(library: str, extra: str) -> SourceError:
    """The error of a library that is not installed."""
    return SourceError(
        f"{library} is not installed",
        reason="extra-missing",
        hint=f"pip install 'curator-build[{extra}]'",
    )


def read_bytes(file: Sidecar, limit: int) -> bytes:
    """The whole file.

    Raises:
        SourceError: ``sidecar-invalid``: not there, no regular file, or larger than `limit`.
    """
    check_size(file, limit)
    try:
        with file.path.open("rb") as opened:
            data = opened.read(limit + 1)
    except OSError as error:
        raise invalid(file, f"cannot be read: {error.strerror}") from error
    if len(data) > limit:  # it grew meanwhile
        raise _too_large(file, len(data), limit)
    return data


def open_bytes(file: Sidecar) -> BinaryIO:
    """The file, opened for a library that reads it.

    Raises:
        SourceError: ``sidecar-invalid``, as `check_size`.
    """
    check_size(file)
    try:
        return file.path.open("rb")
    except OSError as error:
        raise invalid(file, f"cannot be read: {error.strerror}") from error


def check_size(file: Sidecar, limit: int = DATA_BYTES) -> None:
    """Refuse what is no regular file, or larger than `limit`, before a library opens it.

    Raises:
        SourceError: ``sidecar-invalid``.
    """
    try:
        status = file.path.stat()
    except OSError as error:
        raise invalid(file, f"cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise invalid(file, "is not a regular file")
    if status.st_size > limit:
        raise _too_large(file, status.st_size, limit)


def read_text(file: Sidecar, encoding: str | None = None, *, limit: int = TEXT_BYTES) -> str:
    """The file as text with ``\\n`` line ends, without a byte order mark.

    UTF-8, or UTF-16 with a byte order mark, unless `encoding` says otherwise. Nothing is guessed:
    a wrong guess makes words that nobody said.

    Raises:
        SourceError: ``sidecar-invalid``, with the first line that is not in that encoding.
    """
    data = read_bytes(file, limit)
    for mark, name in _BOMS:
        if data.startswith(mark):
            # An encoding that was asked for wins: editors put the mark before anything.
            data, encoding = data[len(mark) :], encoding or name
            break
    try:
        text = data.decode(encoding or "utf-8")
    except LookupError as error:
        raise invalid(file, f"there is no encoding '{encoding}'") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise invalid(
            file,
            f"byte {data[error.start]:#04x} is no {encoding or 'UTF-8'} text",
            at=f"line {line}",
            hint="say which encoding it has, e.g. encoding: latin-1",
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise invalid(file, "holds zero bytes: no text file", at=f"line {line}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _too_large(file: Sidecar, size: int, limit: int) -> SourceError:
    return invalid(file, f"{size} bytes, at most {limit} are read")
