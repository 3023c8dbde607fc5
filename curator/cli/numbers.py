"""Numbers behind flags."""

from __future__ import annotations

from collections.abc import Sequence

from curator.errors import UsageError

__all__ = ["number_after"]


def number_after(words: Sequence[str], flag: str) -> tuple[float | None, list[str]]:
    """The number after `flag` (or behind its ``=``), None without the flag; and the words without both.

    Raises:
        UsageError: when what follows is no number above 0.
    """
    for index, word in enumerate(words):
        name, equals, text = word.partition("=")
        if name != flag:
            continue
        value = text if equals else next(iter(words[index + 1 : index + 2]), "")
        rest = [*words[:index], *words[index + (1 if equals else 2) :]]
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise UsageError(f"{flag} takes a number above 0", reason="usage-option")
        return number, rest
    return None, list(words)
