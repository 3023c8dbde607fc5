"""Endpoints of pull requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.hub.call import Call, Reply
from tests.hub.reading import TIME
from tests.hub.state import HubError, Repo

__all__ = ["list_prs", "merge_pr", "open_pr", "pr_status", "show_pr"]


def _pr_document(call: Call, repo: Repo, pr: Mapping[str, Any]) -> dict[str, Any]:
    when: datetime = pr["when"]
    return {
        "num": pr["num"],
        "title": pr["title"],
        "author": {"name": pr["author"]},
        "createdAt": when.strftime(TIME),
        "status": pr["status"],
        "repo": {"name": repo.id, "type": "dataset"},
        "isPullRequest": True,
        "events": [],
        "changes": {"base": "refs/heads/main"},
        "filesWithConflicts": [],
        "diff": "",
    }


def open_pr(call: Call, repo: str) -> Reply:
    found, user = call.writable(repo)
    pr = call.server.hub.open_pr(found, call.json()["title"], user.name)
    return Reply.json(_pr_document(call, found, pr))


def list_prs(call: Call, repo: str) -> Reply:
    """Pages of ten, the newest first."""
    found = call.readable(repo)
    start = 10 * int(call.query.get("p", "0"))
    every = sorted(found.prs.values(), key=lambda pr: -pr["num"])
    told = [_pr_document(call, found, pr) for pr in every[start : start + 10]]
    return Reply.json({"discussions": told, "count": len(every), "start": start})


def _pr(repo: Repo, number: str) -> dict[str, Any]:
    if int(number) not in repo.prs:
        raise HubError(404, "no such discussion")
    return repo.prs[int(number)]


def show_pr(call: Call, repo: str, number: str) -> Reply:
    found = call.readable(repo)
    return Reply.json(_pr_document(call, found, _pr(found, number)))


def _event(call: Call, pr: Mapping[str, Any], status: str) -> Reply:
    when: datetime = pr["when"]
    event = {
        "id": "1",
        "type": "status-change",
        "createdAt": when.strftime(TIME),
        "author": {"name": pr["author"]},
        "data": {"status": status},
    }
    return Reply.json({"newStatus": event, "newMessage": None})


def pr_status(call: Call, repo: str, number: str) -> Reply:
    found, _ = call.writable(repo)
    pr = _pr(found, number)
    pr["status"] = call.json()["status"]
    return _event(call, pr, pr["status"])


def merge_pr(call: Call, repo: str, number: str) -> Reply:
    found, user = call.writable(repo)
    pr = _pr(found, number)
    call.server.hub.merge_pr(found, int(number), user.name)
    return _event(call, pr, "merged")
