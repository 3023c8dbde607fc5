"""`curator preview`."""

from __future__ import annotations

from curator.cli.composed import OVERRIDES_HELP, recipes_and_settings
from curator.cli.output import Output

__all__ = ["HELP", "run"]

HELP = f"""
usage: curator preview RECIPE [key=value ...] [-m] [--json]

What the recipe would keep, from what earlier builds found out. Decodes nothing, so trying a
threshold takes seconds: curator preview avatar keep.sharp.min=0.4
{OVERRIDES_HELP}
"""


def run(words: list[str], output: Output) -> int:
    """Preview each recipe of the command line."""
    recipes, settings = recipes_and_settings(words)
    if settings is None:
        return 0
    from curator.engine.inspect import preview

    facts = []
    for recipe in recipes:
        report = preview(recipe, settings)
        output.say(report.lines())
        facts.append(report.to_json())
    output.document(facts[0] if len(facts) == 1 else {"previews": facts})
    return 0
