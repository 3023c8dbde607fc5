"""`curator materialize`."""

from __future__ import annotations

from pathlib import Path

from curator.cli.output import Output
from curator.cli.remote import option, the_one
from curator.errors import BuildError, UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator materialize RELEASE|DATASET[@VERSION] --sources WHERE [--sources WHERE ...] --to DIR
                           [--partial] [--workers N] [--json]

Cut the clips of a virtual release (`pack.clips: virtual`) out of your own copies of its footage.
Videos are found by their fingerprints, whatever they are called; nothing is measured again. DIR is
then the release that would have held its clips, byte for byte.

  --sources 'films/*.mp4'   where footage is: a file, folder, glob or URL; sound from files of its own
                            and other cameras are looked for here as well
  --to DIR                  the folder to make
  --partial                 make what can be made; else missing footage is refused, by name
  --workers N               worker processes; one per core unless given

Exit code 3 when something is missing. After an interruption the same command goes on.
"""


def run(words: list[str], output: Output) -> int:
    """Cut the clips of one release."""
    sources: list[str] = []
    while True:
        words, found = option(words, "--sources")
        if found is None:
            break
        sources.append(found)
    words, to = option(words, "--to")
    words, workers = option(words, "--workers")
    partial = "--partial" in words
    words = [word for word in words if word != "--partial"]
    name = the_one(
        words, "materialize takes one release", "curator materialize org/name --sources films --to DIR"
    )  # fmt: skip
    if not sources or to is None or (workers is not None and not workers.isdigit()):
        raise UsageError(
            "materialize needs --sources WHERE and --to DIR",
            reason="usage-materialize",
            hint="curator materialize org/name@v1.0.0 --sources 'films/*.mp4' --to clips",
        )
    from curator.hub.secrets import quiet_logs
    from curator.loader.loading import resolve
    from curator.release.materialize import materialize
    from curator.release.read import open_release
    from curator.spec.settings import EngineSpec

    with quiet_logs():
        release = open_release(resolve(name, None))
    made = materialize(
        release,
        sources,
        Path(to),
        engine=EngineSpec(workers=int(workers or 0)),
        partial=partial,
        say=(lambda _: None) if output.quiet else output.complain,
    )
    output.say(made.lines())
    output.document(made.to_json())
    return 0 if made.is_whole else BuildError.exit_code
