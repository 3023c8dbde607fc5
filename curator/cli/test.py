"""`curator test`."""

from __future__ import annotations

from curator.cli.composed import OVERRIDES_HELP, recipes_and_settings
from curator.cli.numbers import number_after
from curator.cli.output import Output

__all__ = ["HELP", "run"]

HELP = f"""
usage: curator test RECIPE labels.url=FILE [key=value ...] [--suggest] [--alter] [--beta B] [--json]

Precision and recall of a recipe in seconds of labelled footage, what each threshold lets through,
stops and alone decides, where the mistakes lie, and what a build would release once copies and
what is over a quota have fallen. Every second is measured with every measure (cached like any
build); no sample is written.

  labels.url=FILE         .csv, .jsonl or .json: video, start_seconds, end_seconds, label, why
  labels.right=A,B        labels that are right    (the recipe's target)
  --suggest               bounds that would do better, each checked by cross-validation
  --alter                 re-encode, brighten and shrink the footage: which verdicts flip?
  --beta B                recall counts B times as much as precision    (1)
{OVERRIDES_HELP}
"""


def run(words: list[str], output: Output) -> int:
    """Test each recipe of the command line."""
    beta, words = number_after(words, "--beta")
    flags = {"--suggest", "--alter"} & set(words)
    recipes, settings = recipes_and_settings([word for word in words if word not in flags])
    if settings is None:
        return 0
    from curator.calibrate.examine import examine
    from curator.cli.progress import progress_for

    facts = []
    for recipe in recipes:
        report = examine(
            recipe,
            settings,
            progress_for(output),
            beta=1.0 if beta is None else beta,
            suggesting="--suggest" in flags,
            altering="--alter" in flags,
        )
        output.say(report.lines())
        facts.append(report.to_json())
    output.document(facts[0] if len(facts) == 1 else {"tests": facts})
    return 0
