"""A request taken apart, and an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.hub.state import HubError, Repo, User

if TYPE_CHECKING:
    from tests.hub.server import HubServer

__all__ = ["Call", "Reply"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, taken apart."""

    server: HubServer
    method: str
    segments: list[str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def token(self) -> str | None:
        words = self.headers.get("authorization", "").split()
        return words[1] if len(words) == 2 and words[0] == "Bearer" else None

    @property
    def user(self) -> User | None:
        """Who asks; None for nobody."""
        if self.token is None:
            return None
        if self.token not in self.server.hub.users:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.server.hub.users[self.token]

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise HubError(400, "the body is no JSON") from error

    def known(self) -> User:
        """Who asks, who must be somebody."""
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        return self.user

    def readable(self, repo_id: str) -> Repo:
        """A repository that the user may see; to all others a private one does not exist."""
        user, repo = self.user, self.server.hub.repos.get(repo_id)
        hidden = repo is not None and repo.private and not (user and _belongs(user, repo))
        if repo is None or hidden:
            status = 401 if user is None else 404
            raise HubError(status, "Repository not found", code="RepoNotFound")
        return repo

    def writable(self, repo_id: str) -> tuple[Repo, User]:
        repo, user = self.readable(repo_id), self.known()
        if not user.may_write(repo.namespace):
            raise HubError(403, f"You don't have the rights to write to {repo_id}")
        return repo, user


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @staticmethod
    def json(
        document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Reply:
        return Reply(
            status=status,
            headers={"Content-Type": "application/json", **(headers or {})},
            body=json.dumps(document).encode(),
        )


def _belongs(user: User, repo: Repo) -> bool:
    return repo.namespace in (user.name, *user.orgs)
