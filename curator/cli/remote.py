"""What commands about published datasets have in common."""

from __future__ import annotations

from curator.errors import UsageError

__all__ = ["option", "the_one"]


def option(words: list[str], name: str) -> tuple[list[str], str | None]:
    """The words without an option, and its value; ``--name VALUE`` and ``--name=VALUE`` are the same.

    Raises:
        UsageError: ``usage-option`` when the value is missing.
    """
    for index, word in enumerate(words):
        if word.startswith(f"{name}="):
            return words[:index] + words[index + 1 :], word.partition("=")[2]
        if word == name:
            if index + 1 == len(words):
                raise UsageError(f"{name} needs a value", reason="usage-option")
            return words[:index] + words[index + 2 :], words[index + 1]
    return words, None


def the_one(words: list[str], what: str, example: str) -> str:
    """The only word that is left.

    Raises:
        UsageError: ``usage-words`` when there are none or more.
    """
    if len(words) != 1 or words[0].startswith("-"):
        raise UsageError(
            f"{what}, got: {' '.join(words) or 'nothing'}", reason="usage-words", hint=example
        )
    return words[0]
