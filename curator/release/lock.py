"""Everything that it takes to build a release again, and nothing about the machine that did."""

from __future__ import annotations

from typing import Any

from curator.pack.schema import readable
from curator.release.content import FORMAT, ReleaseContent

__all__ = ["lock"]


def lock(content: ReleaseContent) -> dict[str, Any]:
    """The resolved recipe, the footage by fingerprint, and what the build adds (versions, weights ...).

    ``commits``: start of a url to where it was read instead, where footage lies in repositories of the Hub.
    """
    sources = {
        readable(outcome.ref.url) or "": {
            "source": outcome.ref.source,
            "fingerprint": outcome.fingerprint,
        }
        for outcome in sorted(content.outcomes, key=lambda one: (one.ref.url, one.ref.source))
    }
    fixed = {"format": FORMAT, "recipe": dict(content.document), "videos": sources}
    commits = {
        readable(root) or "": exact
        for outcome in content.outcomes
        for root, exact in outcome.ref.pins.items()
    }
    if commits:
        fixed["commits"] = commits
    taken = sorted(fixed.keys() & content.lock.keys())
    assert not taken, f"the lock has its own {taken}"
    return dict(content.lock) | fixed
