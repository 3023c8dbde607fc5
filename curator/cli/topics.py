"""Argument parsing shared by the commands that take a topic (`curator recipes show`, `curator cache stats`)."""

from __future__ import annotations

import argparse
from typing import NoReturn

from curator.errors import UsageError

__all__ = ["Parser", "topics"]


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are ours, so that they look like all others and reach ``--json``."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing and leaving.

        Raises:
            UsageError: always.
        """
        raise UsageError(message, reason="usage-arguments", hint=self.format_usage().strip())


def topics(verb: str) -> tuple[Parser, argparse._SubParsersAction[Parser]]:
    """A parser for ``curator VERB TOPIC ...``; help is printed by the command itself."""
    parser = Parser(prog=f"curator {verb}", add_help=False)
    choices = parser.add_subparsers(dest="topic", required=True, parser_class=Parser)
    return parser, choices
