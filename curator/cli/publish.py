"""`curator publish`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from curator.cli.composed import OVERRIDES_HELP, recipes_and_settings, settings_only
from curator.cli.output import Output
from curator.errors import UsageError

if TYPE_CHECKING:
    from curator.spec.recipe import Recipe
    from curator.spec.settings import Settings

__all__ = ["HELP", "run"]

_DRY_RUN = "--dry-run"

HELP = f"""
usage: curator publish RECIPE|RELEASE publish.repo=WHERE [--dry-run] [key=value ...] [--json]

Make a release the next version of a dataset: on the Hugging Face Hub, in a folder, or at a URL.
RELEASE is the folder of a release; a RECIPE is built first, as far as it is not built yet.
Only files that are not there are sent; they become visible all at once, then get the tag vX.Y.Z.
After any interruption the same command goes on; with nothing new it changes nothing.

  publish.repo=org/name     a dataset of the Hub (HF_ENDPOINT, HF_TOKEN or `hf auth login`)
  publish.repo=./folder     a folder; s3://bucket/folder, any URL that fsspec knows
  publish.private=false     make a dataset that is not there yet public
  publish.version=major     more than what changed asks for; never less
  --dry-run                 show what changed, the version, files and bytes; send nothing
{OVERRIDES_HELP}
"""


def run(words: list[str], output: Output) -> int:
    """Publish one release."""
    dry_run = _DRY_RUN in words
    words = [word for word in words if word != _DRY_RUN]
    folder = next((Path(word) for word in words if (Path(word) / "manifest.json").is_file()), None)
    if folder is not None:
        recipe, settings = None, settings_only([word for word in words if Path(word) != folder])
    else:
        recipes, found = recipes_and_settings(words)
        if found is None:
            return 0
        if len(recipes) > 1:
            raise UsageError("publish takes one recipe, not a sweep", reason="usage-sweep")
        recipe, settings = recipes[0], found
    if settings.publish.repo is None:
        raise UsageError(
            "publish where?",
            reason="usage-no-repo",
            hint="publish.repo=org/name on the Hub, publish.repo=./folder, or a URL",
        )
    if output.quiet or not sys.stderr.isatty():
        # The client reads it when it is imported; its bars are for terminals.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from curator.hub.address import open_remote
    from curator.hub.publish import publish
    from curator.hub.secrets import quiet_logs

    with quiet_logs():
        remote = open_remote(settings.publish.repo)
        report = publish(
            folder or _built(recipe, settings, output),
            remote,
            settings.publish,
            say=(lambda _: None) if output.quiet else output.complain,
            dry_run=dry_run,
        )
    output.say(report.lines())
    output.document(report.to_json())
    return 0


def _built(recipe: Recipe | None, settings: Settings, output: Output) -> Path:
    """The release of a recipe as it is now.

    Raises:
        BuildError: when too many videos failed; such a release is published by its folder, on purpose.
    """
    from curator.cli.progress import progress_for
    from curator.release.build import build

    assert recipe is not None, "either a release or a recipe was named"
    [built] = build([recipe], settings, progress_for(output))
    if built.over_budget is not None:
        raise built.over_budget
    return built.release.folder
