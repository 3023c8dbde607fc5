"""`curator explain`."""

from __future__ import annotations

import re

from curator.cli.composed import OVERRIDES_HELP, recipes_and_settings, settings_only
from curator.cli.output import Output
from curator.errors import UsageError

__all__ = ["HELP", "run"]

# The URL of a video may hold an equals sign; what comes before it is then no name of a setting.
_SETTING = re.compile(r"~|\+{0,2}[A-Za-z_][\w.]*=")

HELP = f"""
usage: curator explain TARGET [RECIPE] [key=value ...] [--json]

Every signal, threshold and margin of one clip, or of what lies at one instant of a video, and where
it fell. TARGET is a clip id, a video (path or URL), or VIDEO@SECONDS.
Without RECIPE the newest release under `out` answers.
{OVERRIDES_HELP}
"""


def run(words: list[str], output: Output) -> int:
    """Explain one target."""
    targets = [word for word in words if not word.startswith("-") and not _SETTING.match(word)]
    target = targets[0] if targets else None
    if target is None:
        raise UsageError(
            "explain what?",
            reason="usage-no-target",
            hint="curator explain CLIP, or VIDEO, or VIDEO@SECONDS",
        )
    rest = list(words)
    rest.remove(target)
    if len(targets) > 1 or any(word.startswith("recipe=") for word in rest):
        recipes, settings = recipes_and_settings(rest)
    else:
        recipes, settings = [], settings_only(rest)
    if settings is None:
        return 0
    if len(recipes) > 1:
        raise UsageError("explain takes one recipe, not a sweep", reason="usage-sweep")
    from curator.release.explain import explain

    report = explain(target, settings, recipes[0] if recipes else None)
    output.say(report.lines())
    output.document(report.to_json())
    return 0
