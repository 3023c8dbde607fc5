"""JSON and JSONL from strangers: parsed within bounds, with the place of each mistake."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid, read_text

__all__ = ["number", "read_document", "read_rows"]

_SHOWN = 40


def read_document(file: Sidecar) -> Any:
    """The file's one JSON value.

    Raises:
        SourceError: ``sidecar-invalid``, with the line of what is no JSON.
    """
    return _parsed(file, read_text(file), 1)


def read_rows(file: Sidecar) -> Iterator[tuple[str, Any]]:
    """Place and value of every line that is not empty.

    Raises:
        SourceError: ``sidecar-invalid``, with the line of what is no JSON.
    """
    for line, text in enumerate(read_text(file).split("\n"), 1):
        if text.strip():
            yield f"line {line}", _parsed(file, text, line)


def number(file: Sidecar, value: Any, where: str, name: str) -> float:
    """A finite number, also when it was written as text.

    Raises:
        SourceError: ``sidecar-invalid`` for anything else.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(file, f"'{name}' is no number: {value!r:.{_SHOWN}}", at=where) from error
    if not math.isfinite(found):
        raise invalid(file, f"'{name}' is not finite", at=where)
    return found


def _parsed(file: Sidecar, text: str, line: int) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        at = f"line {line + error.lineno - 1}"
        raise invalid(file, f"no JSON: {error.msg}", at=at) from error
    except (RecursionError, ValueError) as error:
        raise invalid(file, f"no JSON that can be read: {error}", at=f"line {line}") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
