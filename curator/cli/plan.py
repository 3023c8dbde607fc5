"""`curator plan`."""

from __future__ import annotations

from curator.cli.composed import OVERRIDES_HELP, recipes_and_settings
from curator.cli.output import Output

__all__ = ["HELP", "run"]

HELP = f"""
usage: curator plan RECIPE [key=value ...] [-m] [--json]

Show the passes of a build, what is cached, what would run and why, and an estimate. Runs nothing.
{OVERRIDES_HELP}
"""


def run(words: list[str], output: Output) -> int:
    """Plan every recipe of the command line as one build."""
    recipes, settings = recipes_and_settings(words)
    if settings is None:
        return 0
    from curator.engine.inspect import plan

    report = plan(recipes, settings)
    output.say(report.lines())
    output.document(report.to_json())
    return 0
