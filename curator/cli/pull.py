"""`curator pull`."""

from __future__ import annotations

from pathlib import Path

from curator.cli.output import Output
from curator.cli.remote import option, the_one
from curator.errors import RemoteError

__all__ = ["HELP", "run"]

HELP = """
usage: curator pull DATASET[@VERSION] [--split NAME] [--where CONDITION] [--to DIR] [--json]

Bring a published version to this machine, verified against its manifest; the newest without @VERSION.
After an interruption the same command goes on. DATASET is org/name on the Hub, ./folder or a URL.

  --split train             only the samples of one split
  --where CONDITION         only samples that meet it: --where "face.height_px >= 400 and fps > 24"
  --to DIR                  the folder to make; NAME-VERSION unless given
"""


def run(words: list[str], output: Output) -> int:
    """Pull one version."""
    words, split = option(words, "--split")
    words, condition = option(words, "--where")
    words, to = option(words, "--to")
    address = the_one(words, "pull takes one dataset", "curator pull org/name@v1.2.0")

    from curator.hub.address import open_remote, split_revision
    from curator.hub.pull import pull, revision_of
    from curator.hub.secrets import quiet_logs
    from curator.hub.where import Where

    where = Where.parse(condition) if condition is not None else None
    name, revision = split_revision(address)
    with quiet_logs():
        remote = open_remote(name)
        if to is None:
            _, found = revision_of(remote, revision)
            to = f"{name.rstrip('/').rpartition('/')[2]}-{found}"
        try:
            pulled = pull(
                remote,
                Path(to),
                revision=revision,
                split=split,
                where=where,
                say=(lambda _: None) if output.quiet else output.complain,
            )
        except OSError as error:
            raise RemoteError(
                f"{to} cannot be written: {error.strerror or error}", reason="pull-unwritable"
            ) from error
    output.say(pulled.lines())
    output.document(pulled.to_json())
    return 0
