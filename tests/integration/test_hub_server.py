"""The test Hub, judged by the real clients: what they do against it is what they do against the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curator.hub.hugging_face import HuggingFaceRemote
from curator.hub.publish import publish
from curator.release.write import write
from curator.spec.settings import PublishSpec
from tests.hub import Fault, HubServer, Limits
from tests.hub.clients import CLIENT_WARNING, as_user, without_waiting
from tests.hub.server import environment
from tests.release_content import content, outcome

pytestmark = pytest.mark.filterwarnings(CLIENT_WARNING)

REPO = "lab/set"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer(limits=Limits(page=3)) as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        yield server


def api(server: HubServer, token: str | bool | None = None) -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=server.url, token=token)


def status(call: Any, *args: Any, **kwargs: Any) -> int:
    """The status of the answer that makes a call of the client fail."""
    from huggingface_hub.errors import HfHubHTTPError

    with pytest.raises(HfHubHTTPError) as caught:
        call(*args, **kwargs)
    return int(caught.value.response.status_code)


def test_the_rules_of_the_hub_hold(hub: HubServer) -> None:
    from huggingface_hub import CommitOperationAdd as Add
    from huggingface_hub import CommitOperationDelete as Delete

    ann = api(hub, os.environ["HF_TOKEN"])
    dataset = {"repo_type": "dataset"}
    ann.create_repo(REPO, private=True, **dataset)
    assert status(ann.create_repo, REPO, **dataset) == 409
    assert status(ann.create_repo, "others/set", **dataset) == 403
    head = ann.dataset_info(REPO).sha

    def commit(*operations: Any, **kwargs: Any) -> Any:
        return ann.create_commit(REPO, operations, commit_message="m", **dataset, **kwargs)

    first = commit(Add("a.txt", b"1"), Add("b/c.parquet", b"\0"), parent_commit=head)
    assert status(commit, Add("a.txt", b"2"), parent_commit=head) == 412
    assert status(commit, Delete("none.txt")) == 404
    with pytest.raises(ValueError, match="license"):
        commit(Add("README.md", b"---\nlicense: Mine!\n---\n"))
    ann.create_tag(REPO, tag="v1", revision=first.oid, **dataset)
    assert status(ann.create_tag, REPO, tag="v1", **dataset) == 409
    assert status(ann.dataset_info, REPO, revision="v2") == 404
    # Who may not see it is told the same as if it were not there.
    for token, expected in ((False, 401), (hub.user("eve"), 404), ("hf_unknown", 401)):
        other = api(hub, token)
        assert status(other.dataset_info, REPO) == expected
    ron = api(hub, hub.user("ron", orgs=["lab"], role="read"))
    ron.dataset_info(REPO)
    assert status(ron.create_tag, REPO, tag="v2", **dataset) == 403


def test_an_object_must_be_what_its_name_says_and_be_there(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    import httpx2

    without_waiting(monkeypatch)
    token = os.environ["HF_TOKEN"]
    api(hub, token).create_repo(REPO, repo_type="dataset")
    oid = hashlib.sha256(b"right").hexdigest()
    assert httpx2.put(f"{hub.url}/storage/{REPO}/{oid}", content=b"wrong").status_code == 400
    line = {"key": "lfsFile", "value": {"path": "x", "algo": "sha256", "oid": oid, "size": 5}}
    header = {"key": "header", "value": {"summary": "s"}}
    body = "\n".join(json.dumps(one) for one in (header, line))
    url = f"{hub.url}/api/datasets/{REPO}/commit/main"
    told = {"Authorization": f"Bearer {token}"}
    assert httpx2.post(url, content=body, headers=told).status_code == 400
    assert httpx2.put(f"{hub.url}/storage/{REPO}/{oid}", content=b"right").status_code == 200
    assert httpx2.post(url, content=body, headers=told).status_code == 200


def test_squashing_forgets_what_no_tag_names(hub: HubServer) -> None:
    from huggingface_hub import CommitOperationAdd as Add

    ann = api(hub, os.environ["HF_TOKEN"])
    dataset = {"repo_type": "dataset"}
    ann.create_repo(REPO, **dataset)
    made = [
        ann.create_commit(
            REPO, [Add("x.parquet", bytes([0, number]))], commit_message="m", **dataset
        ).oid
        for number in range(3)
    ]
    ann.create_tag(REPO, tag="v1", revision=made[0], **dataset)
    ann.super_squash_history(REPO, **dataset)
    assert ann.dataset_info(REPO, revision=made[0]).sha == made[0]
    assert status(ann.dataset_info, REPO, revision=made[1]) == 404
    assert len(hub.hub.repos[REPO].objects) == 2
    ann.delete_repo(REPO, **dataset)
    assert status(ann.dataset_info, REPO) == 404


_LOAD = """
import json, sys
from datasets import Audio, Video, load_dataset

repo, revision = sys.argv[1:]
told = {}
for streaming in (False, True):
    found = load_dataset(repo, revision=revision, streaming=streaming)
    for split in found:
        rows = found[split].cast_column("video", Video(decode=False))
        rows = rows.cast_column("audio", Audio(decode=False))
        told[f"{split} {streaming}"] = sorted(
            (row["id"], len(row["video"]["bytes"]), row["luma.mean"]) for row in rows
        )
metrics = load_dataset(repo, "metrics", revision=revision, split="train")
told["metrics"] = len(metrics)
print(json.dumps(told))
"""


def test_what_was_published_loads_with_datasets_streaming_and_not(
    hub: HubServer, tmp_path: Path
) -> None:
    made = content(tmp_path / "m", [outcome(0), outcome(1), outcome(2, split="test")])
    release = write(tmp_path / "out", made)
    remote = HuggingFaceRemote(REPO)
    publish(release.folder, remote, PublishSpec(), say=lambda line: None)
    more = content(tmp_path / "m2", [outcome(0), outcome(1)])
    later = write(tmp_path / "out", more)
    publish(later.folder, remote, PublishSpec(), say=lambda line: None)
    env = environment(hub, os.environ["HF_TOKEN"], tmp_path / "load")
    # A stumble of the network on the way is the client's to get over.
    hub.set_faults(Fault(kind="truncate", method="GET", path="^/storage/"))
    for revision, count in (("v1.0.0", 3), ("v2.0.0", 2)):
        done = subprocess.run(
            [sys.executable, "-c", _LOAD, REPO, revision], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        told = json.loads(done.stdout.splitlines()[-1])
        plain = [row for name, rows in told.items() if name.endswith("False") for row in rows]
        streamed = [row for name, rows in told.items() if name.endswith("True") for row in rows]
        assert len(plain) == count
        assert sorted(plain) == sorted(streamed)
        assert told["metrics"] == 5 * count
    assert hub.leaks == [], "the token went to the storage"
