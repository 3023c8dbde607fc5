"""Repositories of the Hugging Face Hub as places of footage: the commit that a look is of.

A branch may move while footage is looked at and read. So each repository is asked once for its
commit, and everything of it is read at that commit. The url stays as it was written: it is what
samples are told apart by, and it must not change with every commit that leaves a video as it was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from curator.source.address import remote_errors

__all__ = ["Commits", "Place", "at_commit", "from_commit", "is_fixed", "parts"]

_ROOT = re.compile(
    r"hf://(?P<kind>(?:datasets/|spaces/)?)(?P<repo>(?!(?:datasets|spaces|buckets)/)[^/@]+/[^/@]+)"
    r"(?:@(?P<revision>refs/(?:convert|pr)/[^/]+|[^/@]+))?(?=/|$)"
)
_SHA = re.compile(r"[0-9a-f]{40}")
_TYPES = {"": "model", "datasets/": "dataset", "spaces/": "space"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a url of the Hub names."""

    kind: str
    """``dataset``, ``model`` or ``space``."""
    repo: str
    revision: str | None
    path: str
    """In the repository; empty for all of it."""


def parts(url: str) -> Place | None:
    """A url of a repository taken apart; None for other places."""
    found = _ROOT.match(url)
    if found is None:
        return None
    revision = unquote(found["revision"]) if found["revision"] else None
    kind = _TYPES[found["kind"]]
    return Place(kind=kind, repo=found["repo"], revision=revision, path=url[found.end() :])


class Commits:
    """The commits of the repositories that one look has come across."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def resolve(self, url: str) -> dict[str, str]:
        """The root of a url's repository, as written, to the root at its commit; empty for other places.

        Raises:
            OSError and what else `remote_errors` names: there is no such repository or revision,
                it is not for us, or nobody answers.
        """
        found = _ROOT.match(url.split("::")[-1])
        if found is None:
            return {}
        root = found[0]
        if root not in self._known:
            self._known[root] = f"hf://{found['kind']}{found['repo']}@{_commit(found)}"
        return {root: self._known[root]}

    def resolve_all(self, urls: Iterable[str]) -> dict[str, str]:
        """Of all repositories that can be asked; the others fail where they are read, with their own error."""
        out: dict[str, str] = {}
        for url in urls:
            try:
                out |= self.resolve(url)
            except remote_errors():
                continue
        return out


def at_commit(url: str, pins: Mapping[str, str]) -> str:
    """Where `url` is read: with the commit in place of the branch."""
    return _replaced(url, pins)


def from_commit(url: str, pins: Mapping[str, str]) -> str:
    """The other way: `url` as the recipe would have written it."""
    return _replaced(url, {exact: root for root, exact in pins.items()})


def is_fixed(url: str) -> bool:
    """Whether what is at `url` can never change: it names a commit."""
    found = _ROOT.match(url.split("::")[-1])
    return found is not None and _SHA.fullmatch(found["revision"] or "") is not None


def _replaced(url: str, roots: Mapping[str, str]) -> str:
    *inner, last = url.split("::")
    for root, other in roots.items():
        if last == root or last.startswith(f"{root}/"):
            last = other + last[len(root) :]
            break
    return "::".join([*inner, last])


def _commit(found: re.Match[str]) -> str:
    revision = unquote(found["revision"]) if found["revision"] else None
    if revision is not None and _SHA.fullmatch(revision):
        return revision
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="curator")
    try:
        info = api.repo_info(found["repo"], repo_type=_TYPES[found["kind"]], revision=revision)
    except HFValidationError as error:
        raise OSError(str(error)) from error
    if info.sha is None:
        raise OSError(f"{found[0]} has no commit")
    return info.sha
