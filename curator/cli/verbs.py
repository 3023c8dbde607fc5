"""The commands, and one line about each. Nothing is imported for it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RECIPE_VERBS", "VERBS", "Verb", "usage"]


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: its module has ``HELP`` and ``run(words, output)``."""

    summary: str
    arguments: str
    topics: tuple[str, ...] = ()
    """What may come next, for completion."""
    module: str = ""


def _verb(name: str, summary: str, arguments: str, *topics: str) -> tuple[str, Verb]:
    return name, Verb(summary, arguments, topics, f"curator.cli.{name}")


VERBS = dict(
    (
        _verb("build", "Build what is not known yet and write a release.", "RECIPE [key=value ...]"),
        _verb("plan", "Show what a build would run, what is cached, and why.", "RECIPE [key=value ...]"),
        _verb("preview", "Yields from what is known already; decodes nothing.", "RECIPE [key=value ...]"),
        _verb("test", "Precision and recall on labelled footage, threshold by threshold.", "RECIPE [key=value ...]"),
        _verb("tune", "Bounds for a target yield, from what is known already.", "RECIPE --hours H"),
        _verb("explain", "Why a clip, or an instant of a video, was kept or not.", "TARGET [RECIPE]"),
        _verb("diff", "What changed between two releases.", "A B"),
        _verb("verify", "Decode a release and check everything that it says.", "RELEASE [--sources]"),
        _verb("publish", "Make a release the next version of a dataset on the Hub, or in a folder.", "RECIPE|RELEASE publish.repo=WHERE"),
        _verb("pull", "Bring a published version to this machine, verified.", "DATASET[@VERSION]"),
        _verb("materialize", "Cut the clips of a virtual release out of your own copies of its footage.", "RELEASE --sources WHERE"),
        _verb("takedown", "Publish the next version without some footage, and keep it out.", "DATASET --sample ID"),
        _verb("convert", "Write a release in the layout of another tool.", "RELEASE|DATASET --to FORMAT DIR"),
        _verb("log", "The versions of a dataset and why; where a sample comes from.", "DATASET"),
        _verb("recipes", "List, show, copy and check recipes.", "TOPIC", "ls", "show", "cp", "check", "schema"),
        _verb("ops", "List and describe measures and shot detectors.", "TOPIC", "ls", "show"),
        _verb("cache", "How large the store is; make it smaller; check it.", "TOPIC", "stats", "prune", "check"),
        _verb("weights", "List model files and fetch them ahead of time.", "TOPIC", "ls", "fetch"),
        _verb("doctor", "Check the installation.", ""),
    )
)  # fmt: skip
"""Name to verb, in the order in which people meet them."""

RECIPE_VERBS = ("build", "plan", "preview", "test", "tune", "explain", "publish")
"""Those that compose a recipe with Hydra."""


def usage() -> str:
    """The help of the command itself."""
    width = max(len(f"{name} {verb.arguments}") for name, verb in VERBS.items())
    lines = [
        f"  {f'{name} {verb.arguments}':<{width}}  {verb.summary}" for name, verb in VERBS.items()
    ]
    return "\n".join(
        [
            "usage: curator COMMAND ...",
            "",
            *lines,
            "",
            "RECIPE is a name (`curator recipes`) or a file (./mine.yaml). key=value changes a setting,",
            "+key=value adds one, ~key takes one away; -m runs every combination of a=1,2 in one go.",
            "",
            "  --json       the last line of stdout is one JSON object",
            "  -q, -v       say less, say more",
            "  --help       after a command: about that command",
            "  --version",
            "",
            'Tab completion: eval "$(curator -sc install=bash)"',
        ]
    )
