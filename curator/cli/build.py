"""`curator build`."""

from __future__ import annotations

from curator.cli.composed import OVERRIDES_HELP, recipes_and_settings
from curator.cli.output import Output
from curator.errors import render

__all__ = ["HELP", "run"]

HELP = f"""
usage: curator build RECIPE [key=value ...] [-m] [--json]

Measure what is not known yet, select, encode what is kept, and write a release.
Run it again at any time: what is known is not computed twice.
{OVERRIDES_HELP}
"""


def run(words: list[str], output: Output) -> int:
    """Build every recipe of the command line in one go."""
    recipes, settings = recipes_and_settings(words)
    if settings is None:
        return 0
    from curator.cli.progress import progress_for
    from curator.release.build import build

    results = build(recipes, settings, progress_for(output))
    for result in results:
        output.say(result.lines())
    over = [result.over_budget for result in results if result.over_budget is not None]
    for error in over:
        # The release is there all the same, so the facts come last, not the error.
        output.complain(render(error))
    facts = [result.to_json() for result in results]
    output.document(facts[0] if len(facts) == 1 else {"builds": facts})
    return over[0].exit_code if over else 0
