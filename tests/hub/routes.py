"""From a request to an answer: the endpoints that the clients call, with the payloads they want back."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

import yaml

from tests.hub.state import Commit, Entry, HubError, Repo, User

if TYPE_CHECKING:
    from tests.hub.server import HubServer

__all__ = ["Call", "Reply", "answer"]

_TIME = "%Y-%m-%dT%H:%M:%S.000Z"


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
        ("GET", "api/whoami-v2", _whoami),
        ("POST", "api/repos/create", _create),
        ("DELETE", "api/repos/delete", _delete),
        ("POST", "api/validate-yaml", _validate),
        ("PUT", rf"{api}/settings", _settings),
        ("GET", rf"{api}/refs", _refs),
        ("GET", rf"{api}/commits/{rev}", _commits),
        ("GET", rf"{api}/tree/{rev}(?:/(?P<path>.*))?", _tree),
        ("POST", rf"{api}/paths-info/{rev}", _paths_info),
        ("POST", rf"{api}/preupload/{rev}", _preupload),
        ("POST", rf"{api}/commit/{rev}", _commit),
        ("POST", rf"{api}/branch/(?P<name>.+)", _branch),
        ("DELETE", rf"{api}/branch/(?P<name>.+)", _unbranch),
        ("POST", rf"{api}/tag/{rev}", _tag),
        ("DELETE", rf"{api}/tag/(?P<name>.+)", _untag),
        ("POST", rf"{api}/super-squash/(?P<name>.+)", _squash),
        ("POST", rf"{api}/discussions", _open_pr),
        ("GET", rf"{api}/discussions/(?P<number>\d+)", _show_pr),
        ("POST", rf"{api}/discussions/(?P<number>\d+)/status", _pr_status),
        ("POST", rf"{api}/discussions/(?P<number>\d+)/merge", _merge_pr),
        ("GET", rf"{api}/revision/{rev}", _info),
        ("GET", api, _info),
        ("GET", rf"{api}/xet-(?P<kind>read|write)-token/{rev}", _xet_token),
        ("POST", rf"datasets/{repo}\.git/info/lfs/objects/batch", _lfs_batch),
        ("POST", rf"datasets/{repo}\.git/info/lfs/verify", _lfs_verify),
        ("POST", rf"datasets/{repo}\.git/info/lfs/complete", _lfs_complete),
        ("PUT", rf"storage/{repo}/(?P<oid>[0-9a-f]{{64}})(?:/(?P<part>\d+))?", _storage_put),
        ("GET", rf"storage/{repo}/(?P<oid>[0-9a-f]{{64}})", _storage_get),
        ("HEAD", rf"storage/{repo}/(?P<oid>[0-9a-f]{{64}})", _storage_get),
        ("GET", rf"datasets/{repo}/resolve/{rev}/(?P<path>.+)", _resolve),
        ("HEAD", rf"datasets/{repo}/resolve/{rev}/(?P<path>.+)", _resolve),
    ]  # fmt: skip
    return [(method, re.compile(pattern), route) for method, pattern, route in table]


# --- users and repositories


def _whoami(call: Call) -> Reply:
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


def _create(call: Call) -> Reply:
    given, user = call.json(), call.known()
    namespace = given.get("organization") or user.name
    if not user.may_write(namespace):
        raise HubError(403, f"You don't have the rights to create a dataset under {namespace}")
    if given.get("type") != "dataset":
        raise HubError(400, "this Hub has datasets only")
    repo_id = f"{namespace}/{given['name']}"
    url = f"{call.server.url}/datasets/{repo_id}"
    private = given.get("visibility") == "private" or bool(given.get("private"))
    try:
        call.server.hub.create(repo_id, private=private, author=user.name)
    except HubError as error:
        raise HubError(error.status, error.message, url=url) from error
    return Reply.json({"url": url, "name": repo_id})


def _delete(call: Call) -> Reply:
    given, user = call.json(), call.known()
    repo, _ = call.writable(f"{given.get('organization') or user.name}/{given['name']}")
    del call.server.hub.repos[repo.id]
    return Reply()


def _settings(call: Call, repo: str) -> Reply:
    found, _ = call.writable(repo)
    given = call.json()
    if "visibility" in given or "private" in given:
        found.private = given.get("visibility") == "private" or bool(given.get("private"))
    return Reply.json({"private": found.private})


def _info(call: Call, repo: str, rev: str = "main") -> Reply:
    found = call.readable(repo)
    commit = found.resolve(rev)
    return Reply.json(
        {
            "_id": hashlib.sha1(repo.encode()).hexdigest()[:24],
            "id": found.id,
            "author": found.namespace,
            "sha": commit.oid,
            "lastModified": commit.when.strftime(_TIME),
            "createdAt": found.created.strftime(_TIME),
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


def _validate(call: Call) -> Reply:
    text = call.json()["content"]
    errors = [{"message": one} for one in _card_errors(text)]
    return Reply.json({"errors": errors, "warnings": []}, status=400 if errors else 200)


def _card_errors(text: str) -> list[str]:
    found = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    if not found:
        return []
    try:
        matter = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return [str(error)]
    if not isinstance(matter, dict):
        return ["the metadata must be a map"]
    named = matter.get("license", [])
    bad = [
        one
        for one in (named if isinstance(named, list) else [named])
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", str(one))
    ]
    errors = [f'"license" must be one of the known ones, not {one}' for one in bad]
    if named == "other" and "license_name" not in matter:
        errors.append('"license_name" is required with license "other"')
    return errors


# --- refs and trees


def _refs(call: Call, repo: str) -> Reply:
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


def _commits(call: Call, repo: str, rev: str) -> Reply:
    found = call.readable(repo)
    rows, one = [], found.resolve(rev)
    while True:
        rows.append(
            {
                "id": one.oid,
                "title": one.title,
                "message": one.message,
                "date": one.when.strftime(_TIME),
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


def _tree(call: Call, repo: str, rev: str, path: str | None = None) -> Reply:
    commit = call.readable(repo).resolve(rev)
    rows = _rows(commit, path or "", recursive=call.query.get("recursive", "").lower() == "true")
    if path and not rows:
        raise HubError(404, f"{path} does not exist", code="EntryNotFound", commit=commit.oid)
    if call.query.get("expand", "").lower() == "true":
        for row in rows:
            row["lastCommit"] = {
                "id": commit.oid,
                "title": commit.title,
                "date": commit.when.strftime(_TIME),
            }
    page, start = call.server.hub.limits.page, int(call.query.get("cursor", "0"))
    headers = {}
    if start + page < len(rows):
        words = {**call.query, "cursor": str(start + page)}
        query = "&".join(f"{name}={quote(value)}" for name, value in words.items())
        here = "/".join(quote(part, safe="") for part in call.segments)
        headers["Link"] = f'<{call.server.url}/{here}?{query}>; rel="next"'
    return Reply.json(rows[start : start + page], headers=headers)


def _paths_info(call: Call, repo: str, rev: str) -> Reply:
    commit = call.readable(repo).resolve(rev)
    rows = []
    for path in parse_qs(call.body.decode()).get("paths", []):
        name = path.strip("/")
        if name in commit.tree:
            rows.append(_file_row(name, commit.tree[name]))
        elif any(one.startswith(f"{name}/") for one in commit.tree):
            rows.append(_folder_row(name))
    return Reply.json(rows)


# --- writing


def _preupload(call: Call, repo: str, rev: str) -> Reply:
    found, _ = call.writable(repo)
    commit = found.resolve(rev)
    rows = []
    for one in call.json()["files"]:
        sample = base64.b64decode(one.get("sample", ""))
        lfs = call.server.hub.is_lfs(found, commit, one["path"], one["size"], sample)
        there = commit.tree.get(one["path"])
        mode = "lfs" if lfs else "regular"
        oid = (there.sha256 if lfs else there.oid) if there else None
        rows.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return Reply.json({"files": rows})


def _commit(call: Call, repo: str, rev: str) -> Reply:
    found, user = call.writable(repo)
    hub = call.server.hub
    if len(call.body) > hub.limits.payload_bytes:
        raise HubError(413, "Payload too large")
    lines = [json.loads(line) for line in call.body.splitlines() if line.strip()]
    if not lines or lines[0]["key"] != "header":
        raise HubError(400, "the first line must be the header")
    header = lines[0]["value"]
    operations = []
    for line in lines[1:]:
        value = dict(line["value"])
        if line["key"] == "file":
            value["bytes"] = base64.b64decode(value["content"])
            if value["path"] == "README.md" and (bad := _card_errors(value["bytes"].decode())):
                raise HubError(400, "; ".join(bad))
        operations.append((line["key"], value))
    made = hub.commit(
        found,
        rev,
        parent=header.get("parentCommit"),
        operations=operations,
        title=header["summary"],
        message=header.get("description", ""),
        author=user.name,
    )
    url = f"{call.server.url}/datasets/{repo}/commit/{made.oid}"
    return Reply.json({"success": True, "commitOid": made.oid, "commitUrl": url})


def _branch(call: Call, repo: str, name: str) -> Reply:
    found, _ = call.writable(repo)
    given = call.json() if call.body else {}
    call.server.hub.branch(found, name, given.get("startingPoint"))
    return Reply.json({})


def _unbranch(call: Call, repo: str, name: str) -> Reply:
    found, _ = call.writable(repo)
    if name == "main":
        raise HubError(403, "Cannot delete the main branch")
    if found.branches.pop(name, None) is None:
        raise HubError(404, "no such branch", code="RevisionNotFound")
    return Reply()


def _tag(call: Call, repo: str, rev: str) -> Reply:
    found, _ = call.writable(repo)
    call.server.hub.tag(found, rev, call.json()["tag"])
    return Reply.json({})


def _untag(call: Call, repo: str, name: str) -> Reply:
    found, _ = call.writable(repo)
    if found.tags.pop(name, None) is None:
        raise HubError(404, "no such tag", code="RevisionNotFound")
    return Reply()


def _squash(call: Call, repo: str, name: str) -> Reply:
    found, user = call.writable(repo)
    made = call.server.hub.squash(found, name, call.json().get("message", ""), user.name)
    return Reply.json({"commitId": made.oid})


# --- pull requests


def _pr_document(call: Call, repo: Repo, pr: Mapping[str, Any]) -> dict[str, Any]:
    when: datetime = pr["when"]
    return {
        "num": pr["num"],
        "title": pr["title"],
        "author": {"name": pr["author"]},
        "createdAt": when.strftime(_TIME),
        "status": pr["status"],
        "repo": {"name": repo.id, "type": "dataset"},
        "isPullRequest": True,
        "events": [],
        "changes": {"base": "refs/heads/main"},
        "filesWithConflicts": [],
        "diff": "",
    }


def _open_pr(call: Call, repo: str) -> Reply:
    found, user = call.writable(repo)
    pr = call.server.hub.open_pr(found, call.json()["title"], user.name)
    return Reply.json(_pr_document(call, found, pr))


def _pr(repo: Repo, number: str) -> dict[str, Any]:
    if int(number) not in repo.prs:
        raise HubError(404, "no such discussion")
    return repo.prs[int(number)]


def _show_pr(call: Call, repo: str, number: str) -> Reply:
    found = call.readable(repo)
    return Reply.json(_pr_document(call, found, _pr(found, number)))


def _event(call: Call, pr: Mapping[str, Any], status: str) -> Reply:
    when: datetime = pr["when"]
    event = {
        "id": "1",
        "type": "status-change",
        "createdAt": when.strftime(_TIME),
        "author": {"name": pr["author"]},
        "data": {"status": status},
    }
    return Reply.json({"newStatus": event, "newMessage": None})


def _pr_status(call: Call, repo: str, number: str) -> Reply:
    found, _ = call.writable(repo)
    pr = _pr(found, number)
    pr["status"] = call.json()["status"]
    return _event(call, pr, pr["status"])


def _merge_pr(call: Call, repo: str, number: str) -> Reply:
    found, user = call.writable(repo)
    pr = _pr(found, number)
    call.server.hub.merge_pr(found, int(number), user.name)
    return _event(call, pr, "merged")


# --- LFS


def _lfs_batch(call: Call, repo: str) -> Reply:
    given = call.json()
    found, _ = call.writable(repo)
    limits = call.server.hub.limits
    rows: list[dict[str, Any]] = []
    for one in given["objects"]:
        oid, size = one["oid"], one["size"]
        row: dict[str, Any] = {"oid": oid, "size": size}
        if size > limits.lfs_bytes:
            row["error"] = {"code": 422, "message": f"file is too large: {size} bytes"}
        elif oid not in found.objects:
            row["actions"] = _lfs_actions(call, repo, oid, size)
        rows.append(row)
    parts = any(one["size"] > limits.multipart_bytes for one in given["objects"])
    return Reply.json({"transfer": "multipart" if parts else "basic", "objects": rows})


def _lfs_actions(call: Call, repo: str, oid: str, size: int) -> dict[str, Any]:
    limits, storage = call.server.hub.limits, f"{call.server.storage_url}/{repo}/{oid}"
    lfs = f"{call.server.url}/datasets/{repo}.git/info/lfs"
    if size <= limits.multipart_bytes:
        return {"upload": {"href": storage}, "verify": {"href": f"{lfs}/verify"}}
    count = -(-size // limits.part_bytes)
    header = {str(part): f"{storage}/{part}" for part in range(1, count + 1)}
    header["chunk_size"] = str(limits.part_bytes)
    return {
        "upload": {"href": f"{lfs}/complete", "header": header},
        "verify": {"href": f"{lfs}/verify"},
    }


def _lfs_complete(call: Call, repo: str) -> Reply:
    # The address is signed on the real Hub, so the client sends no token along.
    found, given = call.server.hub.repos[repo], call.json()
    call.server.hub.put_object(found, given["oid"], call.server.joined(given["oid"]))
    return Reply()


def _lfs_verify(call: Call, repo: str) -> Reply:
    found, given = call.readable(repo), call.json()
    if given["oid"] not in found.objects:
        raise HubError(404, "object not found")
    if len(call.server.hub.object(given["oid"])) != given["size"]:
        raise HubError(400, "size does not match")
    return Reply()


def _storage_put(call: Call, repo: str, oid: str, part: str | None = None) -> Reply:
    if "authorization" in call.headers:
        raise HubError(400, "Only one auth mechanism allowed")
    if part is not None:
        call.server.put_part(oid, int(part), call.body)
    else:
        call.server.hub.put_object(call.server.hub.repos[repo], oid, call.body)
    return Reply(headers={"ETag": f'"{hashlib.md5(call.body).hexdigest()}"'})


def _storage_get(call: Call, repo: str, oid: str) -> Reply:
    if oid not in call.server.hub.repos[repo].objects:
        raise HubError(404, "no such object")
    return _ranged(call, call.server.hub.object(oid), {"ETag": f'"{oid}"'})


# --- chunked storage


def _xet_token(call: Call, repo: str, kind: str, rev: str) -> Reply:
    found = call.writable(repo)[0] if kind == "write" else call.readable(repo)
    xet = call.server.hub.xet
    if xet is None:
        raise HubError(404, "this Hub has no chunked storage")
    found.resolve(rev)
    told = {"casUrl": xet.url, "accessToken": "xet", "exp": int(time.time()) + 3600}
    headers = {
        "X-Xet-Cas-Url": xet.url,
        "X-Xet-Access-Token": "xet",
        "X-Xet-Token-Expiration": str(told["exp"]),
    }
    return Reply.json(told, headers=headers)


def _xet_headers(call: Call, repo: str, rev: str, sha256: str) -> dict[str, str]:
    name = call.server.hub.xet.hash_of(sha256) if call.server.hub.xet else None
    if name is None:
        return {}
    where = f"{call.server.url}/api/datasets/{repo}/xet-read-token/{quote(rev, safe='')}"
    return {"X-Xet-Hash": name, "Link": f'<{where}>; rel="xet-auth"'}


# --- reading


def _resolve(call: Call, repo: str, rev: str, path: str) -> Reply:
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


def _belongs(user: User, repo: Repo) -> bool:
    return repo.namespace in (user.name, *user.orgs)
