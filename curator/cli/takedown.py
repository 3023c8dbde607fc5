"""`curator takedown`."""

from __future__ import annotations

from curator.cli.output import Output
from curator.cli.remote import option, the_one
from curator.errors import UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator takedown DATASET (--source URL | --fingerprint F | --sample ID) [--reason TEXT] [--dry-run] [--json]

Publish the next version of a dataset without some footage. A tombstone in the dataset keeps it out of
every later version, from whatever build it comes. Says which older versions still hold it, and how
their history is removed.

  --source URL              every sample of a video, by its url in the release; other encodings as well
  --fingerprint F           every sample of a video, by (the beginning of) its content's fingerprint
  --sample ID               what overlaps one sample
  --reason TEXT             why, for the tombstone: it is published
"""


def run(words: list[str], output: Output) -> int:
    """Take footage back."""
    dry_run = "--dry-run" in words
    words = [word for word in words if word != "--dry-run"]
    words, source = option(words, "--source")
    words, fingerprint = option(words, "--fingerprint")
    words, sample = option(words, "--sample")
    words, reason = option(words, "--reason")
    address = the_one(words, "takedown takes one dataset", "curator takedown org/name --sample ID")
    if sum(bool(one) for one in (source, fingerprint, sample)) != 1:
        raise UsageError(
            "say what to take back: one of --source, --fingerprint, --sample",
            reason="usage-takedown",
        )
    from curator.hub.address import open_remote
    from curator.hub.secrets import quiet_logs
    from curator.hub.takedown import Target, takedown
    from curator.spec.settings import PublishSpec

    with quiet_logs():
        done = takedown(
            open_remote(address),
            Target(source=source, fingerprint=fingerprint, sample=sample),
            PublishSpec(repo=address),
            reason=reason or "",
            say=(lambda _: None) if output.quiet else output.complain,
            dry_run=dry_run,
        )
    output.say(done.lines())
    output.document(done.to_json())
    return 0
