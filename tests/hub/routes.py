"""From a request to an answer: the endpoints that the clients call, with the payloads they want back."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from tests.hub import pulls, reading, storage, writing
from tests.hub.call import Call, Reply
from tests.hub.state import HubError

__all__ = ["answer"]


def answer(call: Call) -> Reply:
    """What the Hub says."""
    path = "/".join(call.segments)
    try:
        for method, pattern, route in _routes():
            found = pattern.fullmatch(path)
            if method == call.method and found:
                return route(call, **found.groupdict())
        raise HubError(404, f"no such endpoint: {call.method} /{path}")
    except HubError as error:
        headers = {"X-Error-Message": error.message}
        if error.code:
            headers["X-Error-Code"] = error.code
        if error.code == "EntryNotFound" and "commit" in error.body:
            headers["X-Repo-Commit"] = error.body["commit"]
        document = {"error": error.message} | error.body
        return Reply.json(document, status=error.status, headers=headers)


_Route = Callable[..., Reply]


@cache
def _routes() -> list[tuple[str, re.Pattern[str], _Route]]:
    repo = r"(?P<repo>[^/]+/[^/]+)"
    api = rf"api/datasets/{repo}"
    # A revision may hold slashes (refs/pr/1); segments are unquoted before they are matched.
    rev = r"(?P<rev>refs/pr/\d+|refs/heads/[^/]+|[^/]+)"
    table: list[tuple[str, str, _Route]] = [
        ("GET", "api/whoami-v2", reading.whoami),
        ("POST", "api/repos/create", writing.create_repo),
        ("DELETE", "api/repos/delete", writing.delete_repo),
        ("POST", "api/validate-yaml", writing.validate_card),
        ("PUT", rf"{api}/settings", writing.change_settings),
        ("GET", rf"{api}/refs", reading.refs),
        ("GET", rf"{api}/commits/{rev}", reading.commits),
        ("GET", rf"{api}/tree/{rev}(?:/(?P<path>.*))?", reading.list_tree),
        ("POST", rf"{api}/paths-info/{rev}", reading.paths_info),
        ("POST", rf"{api}/preupload/{rev}", writing.preupload),
        ("POST", rf"{api}/commit/{rev}", writing.commit),
        ("POST", rf"{api}/branch/(?P<name>.+)", writing.branch),
        ("DELETE", rf"{api}/branch/(?P<name>.+)", writing.unbranch),
        ("POST", rf"{api}/tag/{rev}", writing.tag),
        ("DELETE", rf"{api}/tag/(?P<name>.+)", writing.untag),
        ("POST", rf"{api}/super-squash/(?P<name>.+)", writing.squash),
        ("POST", rf"{api}/discussions", pulls.open_pr),
        ("GET", rf"{api}/discussions", pulls.list_prs),
        ("GET", rf"{api}/discussions/(?P<number>\d+)", pulls.show_pr),
        ("POST", rf"{api}/discussions/(?P<number>\d+)/status", pulls.pr_status),
        ("POST", rf"{api}/discussions/(?P<number>\d+)/merge", pulls.merge_pr),
        ("GET", rf"{api}/revision/{rev}", reading.repo_info),
        ("GET", api, reading.repo_info),
        ("GET", rf"{api}/xet-(?P<kind>read|write)-token/{rev}", storage.xet_token),
        ("POST", rf"datasets/{repo}\.git/info/lfs/objects/batch", storage.lfs_batch),
        ("POST", rf"datasets/{repo}\.git/info/lfs/verify", storage.lfs_verify),
        ("POST", rf"datasets/{repo}\.git/info/lfs/complete", storage.lfs_complete),
        ("PUT", rf"storage/{repo}/(?P<oid>[0-9a-f]{{64}})(?:/(?P<part>\d+))?", storage.storage_put),
        ("GET", rf"storage/{repo}/(?P<oid>[0-9a-f]{{64}})", reading.storage_get),
        ("HEAD", rf"storage/{repo}/(?P<oid>[0-9a-f]{{64}})", reading.storage_get),
        ("GET", rf"datasets/{repo}/resolve/{rev}/(?P<path>.+)", reading.resolve),
        ("HEAD", rf"datasets/{repo}/resolve/{rev}/(?P<path>.+)", reading.resolve),
    ]  # fmt: skip
    return [(method, re.compile(pattern), route) for method, pattern, route in table]
