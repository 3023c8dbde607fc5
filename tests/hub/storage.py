"""Endpoints of large files: where they are put, and by which protocol."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from tests.hub.call import Call, Reply
from tests.hub.state import HubError

__all__ = ["lfs_batch", "lfs_complete", "lfs_verify", "storage_put", "xet_token"]


def xet_token(call: Call, repo: str, kind: str, rev: str) -> Reply:
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


def lfs_batch(call: Call, repo: str) -> Reply:
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


def lfs_complete(call: Call, repo: str) -> Reply:
    # The address is signed on the real Hub, so the client sends no token along.
    found, given = call.server.hub.repos[repo], call.json()
    call.server.hub.put_object(found, given["oid"], call.server.joined(given["oid"]))
    return Reply()


def lfs_verify(call: Call, repo: str) -> Reply:
    found, given = call.readable(repo), call.json()
    if given["oid"] not in found.objects:
        raise HubError(404, "object not found")
    if len(call.server.hub.object(given["oid"])) != given["size"]:
        raise HubError(400, "size does not match")
    return Reply()


def storage_put(call: Call, repo: str, oid: str, part: str | None = None) -> Reply:
    if "authorization" in call.headers:
        raise HubError(400, "Only one auth mechanism allowed")
    if part is not None:
        call.server.put_part(oid, int(part), call.body)
    else:
        call.server.hub.put_object(call.server.hub.repos[repo], oid, call.body)
    return Reply(headers={"ETag": f'"{hashlib.md5(call.body).hexdigest()}"'})
