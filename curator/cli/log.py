"""`curator log`."""

from __future__ import annotations

from curator.cli.output import Output
from curator.cli.remote import option, the_one

__all__ = ["HELP", "run"]

HELP = """
usage: curator log DATASET [--sample ID] [--json]

The versions of a published dataset, the newest first, with the reasons for their numbers.

  --sample ID               where one sample comes from: source, rights, span, key, signals, recipe,
                            software, weights, and the versions that hold it
"""


def run(words: list[str], output: Output) -> int:
    """Tell the history of a dataset, or of one sample."""
    words, sample = option(words, "--sample")
    address = the_one(words, "log takes one dataset", "curator log org/name")

    from curator.hub.address import open_remote
    from curator.hub.history import lineage, log
    from curator.hub.secrets import quiet_logs

    with quiet_logs():
        remote = open_remote(address)
        told = log(remote) if sample is None else lineage(remote, sample)
    output.say(told.lines())
    output.document(told.to_json())
    return 0
