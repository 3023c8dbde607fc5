"""Endpoints that change repositories: commits, branches, tags."""

from __future__ import annotations

import base64
import json
import re

import yaml

from tests.hub.call import Call, Reply
from tests.hub.state import HubError

__all__ = [
    "branch",
    "change_settings",
    "commit",
    "create_repo",
    "delete_repo",
    "preupload",
    "squash",
    "tag",
    "unbranch",
    "untag",
    "validate_card",
]


def create_repo(call: Call) -> Reply:
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


def delete_repo(call: Call) -> Reply:
    given, user = call.json(), call.known()
    repo, _ = call.writable(f"{given.get('organization') or user.name}/{given['name']}")
    del call.server.hub.repos[repo.id]
    return Reply()


def change_settings(call: Call, repo: str) -> Reply:
    found, _ = call.writable(repo)
    given = call.json()
    if "visibility" in given or "private" in given:
        found.private = given.get("visibility") == "private" or bool(given.get("private"))
    return Reply.json({"private": found.private})


def validate_card(call: Call) -> Reply:
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


def preupload(call: Call, repo: str, rev: str) -> Reply:
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


def commit(call: Call, repo: str, rev: str) -> Reply:
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


def branch(call: Call, repo: str, name: str) -> Reply:
    found, _ = call.writable(repo)
    given = call.json() if call.body else {}
    call.server.hub.branch(found, name, given.get("startingPoint"))
    return Reply.json({})


def unbranch(call: Call, repo: str, name: str) -> Reply:
    found, _ = call.writable(repo)
    if name == "main":
        raise HubError(403, "Cannot delete the main branch")
    if found.branches.pop(name, None) is None:
        raise HubError(404, "no such branch", code="RevisionNotFound")
    return Reply()


def tag(call: Call, repo: str, rev: str) -> Reply:
    found, _ = call.writable(repo)
    call.server.hub.tag(found, rev, call.json()["tag"])
    return Reply.json({})


def untag(call: Call, repo: str, name: str) -> Reply:
    found, _ = call.writable(repo)
    if found.tags.pop(name, None) is None:
        raise HubError(404, "no such tag", code="RevisionNotFound")
    return Reply()


def squash(call: Call, repo: str, name: str) -> Reply:
    found, user = call.writable(repo)
    made = call.server.hub.squash(found, name, call.json().get("message", ""), user.name)
    return Reply.json({"commitId": made.oid})
