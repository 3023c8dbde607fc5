"""`curator verify`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from curator.cli.output import Output
from curator.errors import CuratorError, UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator verify RELEASE|DATASET[@VERSION] [--sources] [--rebuild [recipe=NAME] [key=value ...]] [--json]

Decode a release and check it: digests of all files, columns, ids and splits, how many pictures and
samples there are, when they start and how long they last, whether sound goes with the pictures,
and whether every track lies on its clip's clock. RELEASE is the folder of one version; a published
DATASET (org/name@v1.2.0) is pulled first.

  --sources  also compare with the sources that are on this machine: the first and the last picture
             and the number of frames of every camera, the sound
  --rebuild  build it again from its own recipe, and compare sample by sample; differences are explained
             sources.films.url=...   where the footage lies now, if it moved
             recipe=NAME key=value   another recipe than its own
             store.root=DIR          a store to use; without one everything is measured anew

Exit code 1 when anything is wrong; each fault names the file, the sample and what to do.
"""

_FLAGS = frozenset({"--sources", "--rebuild"})


def run(words: list[str], output: Output) -> int:
    """Check one release."""
    flags = {word for word in words if word.startswith("-")}
    if unknown := sorted(flags - _FLAGS):
        raise UsageError(
            f"verify has no option '{unknown[0]}'",
            reason="usage-option",
            hint="curator verify --help",
        )
    settings = [word for word in words if "=" in word]
    targets = [word for word in words if word not in flags and "=" not in word]
    if len(targets) != 1 or (settings and "--rebuild" not in flags):
        raise UsageError(
            f"verify takes one release, got {' '.join([*targets, *settings]) or 'nothing'}",
            reason="usage-verify",
            hint="curator verify RELEASE [--sources] [--rebuild key=value ...]",
        )
    from curator.loader.loading import resolve
    from curator.release.verify import verify

    folder = Path(targets[0])
    if "@" in targets[0] and not folder.exists():
        folder = resolve(targets[0], None)
    found = verify(folder, sources="--sources" in flags)
    output.say(found.lines())
    if "--rebuild" not in flags:
        output.document(found.to_json())
        return 0 if found.is_sound else CuratorError.exit_code
    return _rebuild(folder, settings, output, is_sound=found.is_sound, told=found.to_json())


def _rebuild(
    folder: Path, words: list[str], output: Output, *, is_sound: bool, told: dict[str, object]
) -> int:
    from curator.cli.composed import recipes_and_settings, settings_only
    from curator.cli.progress import progress_for
    from curator.release.read import open_release
    from curator.release.rebuild import rebuild, recipe_of_release

    release = open_release(folder)
    with tempfile.TemporaryDirectory(prefix="curator-rebuild-") as aside:
        rest = [word for word in words if not word.startswith("sources.")]
        if not any(word.startswith("store.root=") for word in rest):
            rest.append(f"store.root={aside}/store")
        if not any(word.startswith("out=") for word in rest):
            rest.append(f"out={aside}/out")
        sources = [word for word in words if word.startswith("sources.")]
        if any(word.startswith("recipe=") for word in rest):
            (recipe,), settings = recipes_and_settings([*rest, *sources])
            assert settings is not None, "a recipe was named"
        else:
            recipe = recipe_of_release(release, dict(map(_url, sources)))
            settings = settings_only(rest)
        done = rebuild(release, recipe, settings, progress_for(output))
    output.say(done.lines())
    output.document({**told, "rebuild": done.to_json()})
    return 0 if is_sound and done.is_same else CuratorError.exit_code


def _url(word: str) -> tuple[str, str]:
    """(source, url) of ``sources.NAME.url=URL``."""
    key, _, value = word.partition("=")
    parts = key.split(".")
    if len(parts) != 3 or parts[2] != "url":
        raise UsageError(
            f"'{word}': only where footage lies may differ from the release's own recipe",
            reason="usage-rebuild",
            hint="sources.NAME.url=...; to try other settings name a recipe: recipe=NAME",
        )
    return parts[1], value
