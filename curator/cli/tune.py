"""`curator tune`."""

from __future__ import annotations

from curator.cli.composed import OVERRIDES_HELP, recipes_and_settings
from curator.cli.numbers import number_after
from curator.cli.output import Output
from curator.errors import UsageError

__all__ = ["HELP", "run"]

HELP = f"""
usage: curator tune RECIPE --hours H [--only NAME,NAME] [key=value ...] [--json]

Bounds with which a build releases H hours, from what earlier builds found out, and what each bound
does alone. Copies and quotas are settled as in a build, and what they cost is said. All bounds move
by the same share of their own distribution. Decodes nothing.

  --hours H               how much to keep, in hours
  --only keep.sharp,...   move these conditions only
{OVERRIDES_HELP}
"""


def run(words: list[str], output: Output) -> int:
    """Tune one recipe."""
    hours, words = number_after(words, "--hours")
    only, words = _names(words)
    if hours is None:
        raise UsageError(
            "how many hours?", reason="usage-no-hours", hint="curator tune avatar --hours 50"
        )
    recipes, settings = recipes_and_settings(words)
    if settings is None:
        return 0
    if len(recipes) > 1:
        raise UsageError("tune takes one recipe, not a sweep", reason="usage-sweep")
    from curator.calibrate.tune import tune

    report = tune(recipes[0], settings, hours=hours, only=only)
    output.say(report.lines())
    output.document(report.to_json())
    return 0


def _names(words: list[str]) -> tuple[list[str], list[str]]:
    for index, word in enumerate(words):
        if word == "--only":
            return words[index + 1].split(",") if index + 1 < len(words) else [], (
                words[:index] + words[index + 2 :]
            )
        if word.startswith("--only="):
            return word.removeprefix("--only=").split(","), words[:index] + words[index + 1 :]
    return [], words
