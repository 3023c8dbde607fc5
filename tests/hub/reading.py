"""Endpoints that tell: who asks, repositories, refs, trees, files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote

from tests.hub.call import Call, Reply
from tests.hub.state import Commit, Entry, HubError

__all__ = [
    "TIME",
    "commits",
    "list_tree",
    "paths_info",
    "refs",
    "repo_info",
    "resolve",
    "storage_get",
    "whoami",
]

TIME = "%Y-%m-%dT%H:%M:%S.000Z"


def whoami(call: Call) -> Reply:
    user = call.known()
    return Reply.json(
        {
            "type": "user",
            "name": user.name,
            "fullname": user.name,
            "orgs": [{"name": org, "type": "org"} for org in user.orgs],
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": "t", "role": user.role},
            },
        }
    )


def repo_info(call: Call, repo: str, rev: str = "main") -> Reply:
    found = call.readable(repo)
    commit = found.resolve(rev)
    return Reply.json(
        {
            "_id": hashlib.sha1(repo.encode()).hexdigest()[:24],
            "id": found.id,
            "author": found.namespace,
            "sha": commit.oid,
            "lastModified": commit.when.strftime(TIME),
            "createdAt": found.created.strftime(TIME),
            "private": found.private,
            "gated": found.gated,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "cardData": {},
            "siblings": [{"rfilename": path} for path in sorted(commit.tree)],
        }
    )


def refs(call: Call, repo: str) -> Reply:
    found = call.readable(repo)
    kinds = (("heads", found.branches), ("tags", found.tags))
    branches, tags = (
        [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": oid} for n, oid in held.items()]
        for kind, held in kinds
    )
    prs = [
        {"name": str(n), "ref": f"refs/pr/{n}", "targetCommit": pr["head"]}
        for n, pr in found.prs.items()
    ]
    return Reply.json({"branches": branches, "converts": [], "tags": tags, "pullRequests": prs})


def commits(call: Call, repo: str, rev: str) -> Reply:
    found = call.readable(repo)
    rows, one = [], found.resolve(rev)
    while True:
        rows.append(
            {
                "id": one.oid,
                "title": one.title,
                "message": one.message,
                "date": one.when.strftime(TIME),
                "authors": [{"user": one.author}],
            }
        )
        if one.parent is None or one.parent not in found.commits:
            return Reply.json(rows)
        one = found.commits[one.parent]


def _file_row(path: str, entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.sha256:
        row["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return row


def _folder_row(path: str) -> dict[str, Any]:
    oid = hashlib.sha1(path.encode()).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


def _rows(commit: Commit, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    prefix = f"{folder}/" if folder else ""
    inside = {path: entry for path, entry in commit.tree.items() if path.startswith(prefix)}
    rows = {}
    for path, entry in inside.items():
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            name = prefix + "/".join(parts[:depth])
            rows[name] = _folder_row(name)
        if recursive or len(parts) == 1:
            rows[path] = _file_row(path, entry)
    return [rows[path] for path in sorted(rows)]


def list_tree(call: Call, repo: str, rev: str, path: str | None = None) -> Reply:
    commit = call.readable(repo).resolve(rev)
    rows = _rows(commit, path or "", recursive=call.query.get("recursive", "").lower() == "true")
    if path and not rows:
        raise HubError(404, f"{path} does not exist", code="EntryNotFound", commit=commit.oid)
    if call.query.get("expand", "").lower() == "true":
        for row in rows:
            row["lastCommit"] = {
                "id": commit.oid,
                "title": commit.title,
                "date": commit.when.strftime(TIME),
            }
    page, start = call.server.hub.limits.page, int(call.query.get("cursor", "0"))
    headers = {}
    if start + page < len(rows):
        words = {**call.query, "cursor": str(start + page)}
        query = "&".join(f"{name}={quote(value)}" for name, value in words.items())
        here = "/".join(quote(part, safe="") for part in call.segments)
        headers["Link"] = f'<{call.server.url}/{here}?{query}>; rel="next"'
    return Reply.json(rows[start : start + page], headers=headers)


def paths_info(call: Call, repo: str, rev: str) -> Reply:
    commit = call.readable(repo).resolve(rev)
    rows = []
    for path in parse_qs(call.body.decode()).get("paths", []):
        name = path.strip("/")
        if name in commit.tree:
            rows.append(_file_row(name, commit.tree[name]))
        elif any(one.startswith(f"{name}/") for one in commit.tree):
            rows.append(_folder_row(name))
    return Reply.json(rows)


def resolve(call: Call, repo: str, rev: str, path: str) -> Reply:
    found = call.readable(repo)
    commit = found.resolve(rev)
    entry = commit.tree.get(path)
    if entry is None:
        raise HubError(404, "Entry not found", code="EntryNotFound", commit=commit.oid)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if entry.sha256 is None:
        return _ranged(call, found.small[entry.oid], headers | {"ETag": f'"{entry.oid}"'})
    headers |= {
        "X-Linked-Etag": f'"{entry.sha256}"',
        "X-Linked-Size": str(entry.size),
        "Location": f"{call.server.storage_url}/{repo}/{entry.sha256}",
        **_xet_headers(call, repo, rev, entry.sha256),
    }
    return Reply(status=302, headers=headers)


def _ranged(call: Call, data: bytes, headers: Mapping[str, str]) -> Reply:
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("range", ""))
    headers = {**headers, "Content-Type": "application/octet-stream"}
    if not wanted:
        return Reply(headers={**headers, "Content-Length": str(len(data))}, body=data)
    first, last = wanted[1], wanted[2]
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start >= len(data):
        raise HubError(416, f"range not satisfiable: {wanted[0]}")
    part = data[start : end + 1]
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Reply(status=206, headers={**headers, "Content-Length": str(len(part))}, body=part)


def storage_get(call: Call, repo: str, oid: str) -> Reply:
    if oid not in call.server.hub.repos[repo].objects:
        raise HubError(404, "no such object")
    return _ranged(call, call.server.hub.object(oid), {"ETag": f'"{oid}"'})


def _xet_headers(call: Call, repo: str, rev: str, sha256: str) -> dict[str, str]:
    name = call.server.hub.xet.hash_of(sha256) if call.server.hub.xet else None
    if name is None:
        return {}
    where = f"{call.server.url}/api/datasets/{repo}/xet-read-token/{quote(rev, safe='')}"
    return {"X-Xet-Hash": name, "Link": f'<{where}>; rel="xet-auth"'}
