"""Where words go: facts on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curator.errors import CuratorError, RecipeErrors, render

__all__ = ["Output"]

_FLAGS = {
    "--json": "json",
    "-q": "quiet",
    "--quiet": "quiet",
    "-v": "verbose",
    "--verbose": "verbose",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How the user wants to be told."""

    json: bool = False
    """The last line of stdout is one JSON object."""
    quiet: bool = False
    verbose: bool = False

    @staticmethod
    def of(argv: Sequence[str]) -> Output:
        """From the flags of a command line."""
        return Output(**{_FLAGS[word]: True for word in argv if word in _FLAGS})

    @staticmethod
    def without_flags(words: Sequence[str]) -> tuple[list[str], bool]:
        """The words that are left for a verb, and whether help is asked for."""
        helped = any(word in {"-h", "--help"} for word in words)
        return [
            word for word in words if word not in _FLAGS and word not in {"-h", "--help"}
        ], helped

    def say(self, lines: Iterable[str]) -> None:
        """Facts for people."""
        if not self.quiet:
            for line in lines:
                print(line)

    def document(self, document: Mapping[str, Any]) -> None:
        """Facts for programs, when asked for: one line, the last of stdout."""
        if self.json:
            import json

            # NaN is no JSON: whoever reports it has a bug that should show here.
            print(json.dumps(document, allow_nan=False, default=str), flush=True)

    def complain(self, text: str) -> None:
        """One line on stderr."""
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)

    def error(self, error: CuratorError) -> None:
        """What went wrong, for people and (with ``--json``) for programs."""
        self.complain(render(error))
        parts = error.errors if isinstance(error, RecipeErrors) else (error,)
        self.document({"errors": [_as_data(part) for part in parts]})


def _as_data(error: CuratorError) -> dict[str, Any]:
    where = error.where
    return {
        "reason": error.reason,
        "message": error.message,
        "where": None
        if where is None
        else {"path": where.path, "line": where.line, "column": where.column},
        "hint": error.hint,
    }
