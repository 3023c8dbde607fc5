"""Drafts on the Hub: where a version that is too large for one commit is put together, unseen, until it is merged.

A draft is a pull request whose title says on which commit it stands and what it will hold. So a
publish that was interrupted finds its own and goes on with it, and one whose commit is not the head
any more, which can never be merged, is closed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.hub.remote import LocalFile

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["Draft", "close", "drafts", "title_of"]

_CHARS = 12
_NEW = "0" * _CHARS
_TITLE = re.compile(r"\(curator (?P<base>[0-9a-f]{12})\.(?P<content>[0-9a-f]{12})\)$")
_UNMERGED = frozenset({"draft", "open"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A pull request of ours that is not merged."""

    number: int
    title: str
    status: str
    base: str
    """The first characters of the commit that it stands on."""

    @property
    def revision(self) -> str:
        """Where its commits are."""
        return f"refs/pr/{self.number}"

    def stands_on(self, commit: str | None) -> bool:
        """Whether it can be merged into that commit."""
        return self.base == _base(commit)


def title_of(
    title: str, *, parent: str | None, files: Iterable[LocalFile], deleted: Iterable[str]
) -> str:
    """What a draft is called: the same for the same change of the same commit."""
    told = [sorted((one.path, one.sha256) for one in files), sorted(deleted)]
    content = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:_CHARS]
    return f"{title} (curator {_base(parent)}.{content})"


def drafts(api: HfApi, repo: str, repo_type: str) -> Iterator[Draft]:
    """Every unmerged draft of ours in a repository, the oldest first."""
    found = api.get_repo_discussions(repo, repo_type=repo_type, discussion_type="pull_request")
    for one in sorted(found, key=lambda one: one.num):
        told = _TITLE.search(one.title)
        if told is not None and one.status in _UNMERGED:
            yield Draft(number=one.num, title=one.title, status=one.status, base=told["base"])


def close(api: HfApi, repo: str, repo_type: str, draft: Draft) -> None:
    """Close one; somebody else may have done it meanwhile."""
    from huggingface_hub.errors import HfHubHTTPError

    with suppress(HfHubHTTPError):
        api.change_discussion_status(repo, draft.number, "closed", repo_type=repo_type)


def _base(commit: str | None) -> str:
    return (commit or _NEW)[:_CHARS]
