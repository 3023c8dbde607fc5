"""Labelled footage: which seconds are right for a target, and why the others are not.

One interval per row (CSV, JSON Lines) or per entry of ``segments`` (JSON):

    video, start_seconds, end_seconds, label, why

``video`` is the end of the video's address (``talk.mp4`` or ``set1/talk.mp4``); it may be left out when
the recipe has one video. ``why`` says what is wrong, for rows that are not right; several reasons are
separated by ``+``. ``start_s``, ``end_s`` and ``reject_reasons`` (a list) are taken as well.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from curator.errors import Location, SourceError
from curator.model.span import Span
from curator.source.address import (
    describe,
    is_local,
    local_path,
    open_address,
    remote_errors,
    suffix,
)

__all__ = ["Label", "read_labels"]

_START, _END = ("start_seconds", "start_s", "start"), ("end_seconds", "end_s", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What somebody said of one interval."""

    span: Span
    label: str
    video: str | None = None
    """The end of the video's address; None: the only one."""
    why: str | None = None

    def is_about(self, url: str) -> bool:
        """Whether the interval lies in the video at `url`."""
        return self.video is None or url == self.video or url.endswith(f"/{self.video}")


def read_labels(url: str) -> tuple[Label, ...]:
    """Every interval of a file, in file order.

    Raises:
        SourceError: ``labels-unreadable``, ``labels-invalid`` with file and line.
    """
    text = _read(url)
    out = []
    for line, record in _records(url, text):
        try:
            out.append(_label(record))
        except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
            raise _invalid(url, line, error) from error
    if not out:
        raise _invalid(url, 1, ValueError("no interval in it"))
    return tuple(out)


def _read(url: str) -> str:
    try:
        if is_local(url):
            return local_path(url).read_text(encoding="utf-8-sig")
        fs, path = open_address(url)
        data: bytes = fs.cat_file(path)
        return data.decode("utf-8-sig")
    except remote_errors() as error:
        raise _unreadable(url, error) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(url, error) from error


def _unreadable(url: str, error: BaseException) -> SourceError:
    return SourceError(
        f"the labels cannot be read: {describe(error)}",
        reason="labels-unreadable",
        where=Location(url, 1, 1),
    )


def _records(url: str, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    kind = suffix(url)
    if kind == ".csv":
        for number, row in enumerate(csv.DictReader(io.StringIO(text, newline="")), start=2):
            yield number, {key: value for key, value in row.items() if value}
        return
    try:
        if kind == ".json":
            found = json.loads(text)
            entries = found["segments"] if isinstance(found, dict) else found
            yield from ((1, entry) for entry in entries)
            return
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield number, json.loads(line)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise _invalid(url, getattr(error, "lineno", 1), error) from error


def _label(record: Mapping[str, Any]) -> Label:
    why = record.get("why") or record.get("reject_reasons") or None
    return Label(
        span=Span(_seconds(record, _START), _seconds(record, _END)),
        label=str(record["label"]),
        video=str(record["video"]) if record.get("video") else None,
        why="+".join(map(str, why)) if isinstance(why, list) else why,
    )


def _seconds(record: Mapping[str, Any], names: tuple[str, ...]) -> Fraction:
    name = next((name for name in names if name in record), None)
    if name is None:
        raise KeyError(names[0])
    return Fraction(str(record[name]))


def _invalid(url: str, line: int, error: Exception) -> SourceError:
    what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    return SourceError(
        f"not a file of labels: {what}",
        reason="labels-invalid",
        where=Location(url, line, 1),
        hint="columns: video, start_seconds, end_seconds, label, why",
    )
