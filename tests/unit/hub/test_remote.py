"""The contract of a remote, on every kind there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.errors import RemoteError
from curator.hub.address import open_remote, split_revision
from curator.hub.folder import FolderRemote
from curator.hub.hugging_face import HuggingFaceRemote
from curator.hub.remote import LocalFile, Remote, local_file
from tests.hub import Fault, HubServer, Limits
from tests.hub.clients import CLIENT_WARNING, as_user, without_waiting

pytestmark = pytest.mark.filterwarnings(CLIENT_WARNING)


@pytest.fixture(params=["folder", "memory", "hub", "hub-xet"])
def remote(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    """A new one of each kind, made already."""
    if request.param.startswith("hub"):
        xet = request.param == "hub-xet"
        with HubServer(xet=tmp_path / "xet" if xet else None) as server:
            token = server.user("ann", orgs=["lab"])
            as_user(monkeypatch, server, token, tmp_path / "home", xet=xet)
            yield _made(HuggingFaceRemote("lab/set"))
    elif request.param == "memory":
        yield _made(FolderRemote(f"memory://{tmp_path.name}"))
    else:
        yield _made(FolderRemote(str(tmp_path / "remote")))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        yield server


def _made(remote: Remote) -> Remote:
    remote.create(private=True)
    return remote


def some(path: str, content: bytes) -> LocalFile:
    return local_file(path, content)


def put(remote: Remote, *files: LocalFile, deleted: tuple[str, ...] = ()) -> str:
    remote.upload(files, lambda file: None)
    return remote.commit(
        files, deleted, parent=remote.head(), title="a commit", description="about it"
    )


def test_what_was_committed_is_read_back(remote: Remote, tmp_path: Path) -> None:
    big = os.urandom(70_000)
    path = tmp_path / "x.bin"
    path.write_bytes(big)
    files = [some("README.md", b"hello"), local_file("data/x.parquet", path)]
    commit = put(remote, *files)
    remote.tag("v1.0.0", commit, "first")
    assert remote.head() == commit
    assert remote.tags() == {"v1.0.0": commit}
    for revision in (commit, "v1.0.0", "main"):
        listed = remote.files(revision)
        assert all(listed[file.path].holds(file) for file in files)
        assert remote.read("README.md", revision) == b"hello"
    with remote.open("data/x.parquet", "v1.0.0") as file:
        file.seek(60_000)
        assert file.read(100) == big[60_000:60_100]
    target = remote.download("data/x.parquet", "v1.0.0", tmp_path / "to")
    assert target == tmp_path / "to" / "data" / "x.parquet"
    assert target.read_bytes() == big


def test_a_commit_changes_what_it_says_and_keeps_the_rest(remote: Remote) -> None:
    put(remote, some("a.txt", b"1"), some("b.txt", b"2"), some("c/d.txt", b"3"))
    first = remote.head()
    assert first is not None
    put(remote, some("a.txt", b"one"), deleted=("c/d.txt",))
    held = {path for path in remote.files("main") if not path.startswith(".")}
    assert held == {"a.txt", "b.txt"}
    assert remote.read("a.txt", "main") == b"one"
    assert remote.read("a.txt", first) == b"1"


def test_an_upload_alone_is_seen_by_nobody(remote: Remote) -> None:
    before, head = set(remote.files("main")) if remote.head() else set(), remote.head()
    remote.upload([some("x.parquet", b"\0" * 100)], lambda file: None)
    assert remote.head() == head
    assert (set(remote.files("main")) if head else set()) == before


def test_of_two_with_one_parent_the_second_is_told(remote: Remote) -> None:
    put(remote, some("a.txt", b"1"))
    parent = remote.head()
    mine, theirs = some("a.txt", b"mine"), some("a.txt", b"theirs")
    remote.upload([mine, theirs], lambda file: None)
    won = remote.commit([theirs], (), parent=parent, title="theirs", description="")
    with pytest.raises(RemoteError) as caught:
        remote.commit([mine], (), parent=parent, title="mine", description="")
    assert caught.value.reason == "remote-moved"
    assert remote.head() == won
    assert remote.read("a.txt", "main") == b"theirs"


def test_a_tag_stays_where_it_is(remote: Remote) -> None:
    first = put(remote, some("a.txt", b"1"))
    remote.tag("v1.0.0", first, "")
    second = put(remote, some("a.txt", b"2"))
    remote.tag("v1.0.0", first, "the same again is no mistake")
    with pytest.raises(RemoteError) as caught:
        remote.tag("v1.0.0", second, "")
    assert caught.value.reason == "remote-tag-taken"
    assert remote.tags() == {"v1.0.0": first}


def test_what_is_not_there_is_named(remote: Remote, tmp_path: Path) -> None:
    put(remote, some("a.txt", b"1"))
    calls = {
        "remote-revision": lambda: remote.files("v9.9.9"),
        "remote-no-file": lambda: remote.read("b.txt", "main"),
    }
    for reason, call in calls.items():
        with pytest.raises(RemoteError) as caught:
            call()
        assert caught.value.reason == reason
    with pytest.raises(RemoteError) as caught:
        remote.open("b.txt", "main")
    assert caught.value.reason == "remote-no-file"
    with pytest.raises(RemoteError) as caught:
        remote.download("b.txt", "main", tmp_path / "to")
    assert caught.value.reason == "remote-no-file"


def test_a_remote_that_does_not_exist_has_no_head(hub: HubServer, tmp_path: Path) -> None:
    assert HuggingFaceRemote("lab/none").head() is None
    assert FolderRemote(str(tmp_path / "none")).head() is None


def test_a_version_in_a_local_folder_can_be_opened_by_anything(tmp_path: Path) -> None:
    remote = _made(FolderRemote(str(tmp_path / "remote")))
    remote.tag("v1.0.0", put(remote, some("data/a.txt", b"1")), "")
    remote.tag("v1.1.0", put(remote, some("data/b.txt", b"2")), "")
    read = {
        path.relative_to(tmp_path / "remote").as_posix(): path.read_bytes()
        for path in (tmp_path / "remote").glob("v*/data/*")
    }
    assert read == {"v1.0.0/data/a.txt": b"1", "v1.1.0/data/a.txt": b"1", "v1.1.0/data/b.txt": b"2"}


def test_content_that_is_stored_is_not_sent_again(hub: HubServer) -> None:
    remote = _made(HuggingFaceRemote("lab/set"))
    file = some("x.parquet", os.urandom(50_000))
    remote.upload([file], lambda one: None)
    sent = hub.uploaded_bytes
    assert sent == 50_000
    again = HuggingFaceRemote("lab/set")
    again.upload([file], lambda one: None)
    assert hub.uploaded_bytes == sent
    again.commit([file], (), parent=again.head(), title="t", description="")
    assert hub.uploaded_bytes - sent < 1_000


def test_an_object_in_parts_arrives_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(multipart_bytes=10_000, part_bytes=4_000)
    with HubServer(tmp_path, limits=limits) as server:
        as_user(monkeypatch, server, server.user("ann"), tmp_path / "home")
        remote = _made(HuggingFaceRemote("ann/set"))
        content = os.urandom(30_001)
        put(remote, some("x.parquet", content))
        assert remote.read("x.parquet", "main") == content
        assert server.leaks == []


def test_what_is_too_much_for_one_commit_becomes_visible_in_one_step(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.hub.hugging_face._MOST_OPERATIONS", 3)
    remote = _made(HuggingFaceRemote("lab/set"))
    put(remote, some("old.txt", b"1"))
    parent = remote.head()
    files = [some(f"data/{number}.parquet", bytes([0, number])) for number in range(8)]
    hub.set_faults(Fault(kind="error", status=500, path="/merge"))
    with pytest.raises(RemoteError):
        put(remote, *files, deleted=("old.txt",))
    assert remote.head() == parent, "nothing is seen before the merge"
    hub.set_faults()
    commit = put(remote, *files, deleted=("old.txt",))
    assert remote.head() == commit
    held = set(remote.files(commit)) - {".gitattributes"}
    assert held == {file.path for file in files}


def test_an_interrupted_draft_is_gone_on_with(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.hub.hugging_face._MOST_OPERATIONS", 3)
    remote = _made(HuggingFaceRemote("lab/set"))
    put(remote, some("old.txt", b"1"))
    repo = hub.hub.repos["lab/set"]
    files = [some(f"data/{number}.parquet", bytes([0, number])) for number in range(8)]
    for fault in (Fault(kind="drop-after", path="/commit/refs"), Fault(kind="error", status=500, path="/merge")):  # fmt: skip
        hub.set_faults(fault)
        with pytest.raises(RemoteError):
            put(remote, *files, deleted=("old.txt",))
    hub.set_faults()
    before = len(repo.commits)
    commit = put(HuggingFaceRemote("lab/set"), *files, deleted=("old.txt",))
    assert len(repo.commits) == before + 1, "all was there: it is merged, and nothing sent again"
    assert set(remote.files(commit)) - {".gitattributes"} == {file.path for file in files}
    assert [pr["status"] for pr in repo.prs.values()] == ["merged"]


def test_drafts_that_were_given_up_are_closed(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = _made(HuggingFaceRemote("lab/set"))
    put(remote, some("old.txt", b"1"))
    repo = hub.hub.repos["lab/set"]
    with monkeypatch.context() as patch:
        patch.setattr("curator.hub.hugging_face._MOST_OPERATIONS", 1)
        hub.set_faults(Fault(kind="error", status=500, path="/merge", times=None))
        for content in (b"2", b"3"):
            with pytest.raises(RemoteError):
                put(remote, some("a.txt", content), some("b.txt", content))
        hub.set_faults()
    hub.hub.open_pr(repo, "words of a reader", "bob")
    assert [pr["status"] for pr in repo.prs.values()] == ["open", "open", "draft"]
    put(remote, some("c.txt", b"4"))
    assert [pr["status"] for pr in repo.prs.values()] == ["closed", "closed", "draft"]


def test_of_two_merges_the_second_is_told(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.hub.hugging_face._MOST_OPERATIONS", 1)
    remote = _made(HuggingFaceRemote("lab/set"))
    rival = HuggingFaceRemote("lab/set")
    mine = [some("version.json", b"mine"), some("a.txt", b"mine")]
    other = some("version.json", b"theirs")

    def publish_before(path: str) -> None:
        done = []

        def act() -> None:
            if not done:
                done.append(True)
                put(rival, other)

        hub.set_faults(Fault(kind="before", path=path, action=act))

    for path in ("/discussions/.*/status", "/merge"):
        publish_before(path)
        with pytest.raises(RemoteError) as caught:
            put(remote, *mine)
        assert caught.value.reason == "remote-moved"
        hub.set_faults()
        assert remote.read("version.json", "main") == other.source
        other = some("version.json", b"theirs again")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="error", status=403, method="POST"), "remote-forbidden"),
        (Fault(kind="error", status=401, path="commit"), "remote-unauthorized"),
        (Fault(kind="error", status=500, path="commit"), "remote-unreachable"),
        (Fault(kind="error", status=400, path="commit"), "remote-refused"),
        (Fault(kind="drop", path="commit"), "remote-unreachable"),
        (Fault(kind="drop-after", path="commit"), "remote-unreachable"),
        (Fault(kind="corrupt", method="PUT"), "remote-refused"),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{one.kind}-{one.status}",
)
def test_a_failure_is_told_in_our_words(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, fault: Fault, reason: str
) -> None:
    without_waiting(monkeypatch)
    remote = _made(HuggingFaceRemote("lab/set"))
    hub.set_faults(fault)
    with pytest.raises(RemoteError) as caught:
        put(remote, some("x.parquet", b"\0" * 1000))
    assert caught.value.reason == reason


def test_short_failures_are_waited_out(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waits = without_waiting(monkeypatch)
    remote = _made(HuggingFaceRemote("lab/set"))
    hub.set_faults(
        Fault(kind="error", status=429, retry_after_seconds=7, path="refs"),
        Fault(kind="error", status=500, path="preupload"),
        Fault(kind="drop-mid-body", method="PUT"),
        Fault(kind="error", status=503, path="/tag/"),
        Fault(kind="drop-after", path="/tag/"),
        Fault(kind="truncate", method="GET", path="storage"),
    )
    content = os.urandom(100_000)
    commit = put(remote, some("x.parquet", content))
    remote.tag("v1.0.0", commit, "")
    assert remote.tags() == {"v1.0.0": commit}
    assert remote.download("x.parquet", "v1.0.0", tmp_path / "to").read_bytes() == content
    assert max(waits) >= 7


def test_who_may_not_see_a_private_dataset_is_told_it_is_not_there(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(_made(HuggingFaceRemote("lab/set")), some("a.txt", b"1"))
    for token in (hub.user("eve"), "hf_nobodysToken000000"):
        as_user(monkeypatch, hub, token, tmp_path / token)
        with pytest.raises(RemoteError) as caught:
            HuggingFaceRemote("lab/set").files("main")
        assert caught.value.reason in {"remote-missing", "remote-unauthorized"}
        assert token not in caught.value.message


def test_what_the_hub_would_refuse_is_refused_before_it_is_sent(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = _made(HuggingFaceRemote("lab/set"))
    files = [some(f"data/{number}.parquet", b"\0") for number in range(3)]
    hub.reset_counts()
    for name, limit, reason in (
        ("_MOST_FILE_BYTES", 0, "remote-too-large"),
        ("_MOST_FOLDER_ENTRIES", 2, "remote-folder-too-full"),
        ("_MOST_FILES", 2, "remote-too-many-files"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"curator.hub.hugging_face.{name}", limit)
            with pytest.raises(RemoteError) as caught:
                remote.upload(files, lambda file: None)
        assert caught.value.reason == reason
    assert hub.requests == []


def test_a_reader_may_not_write(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _made(HuggingFaceRemote("lab/set"))
    as_user(monkeypatch, hub, hub.user("ron", orgs=["lab"], role="read"), tmp_path / "ron")
    with pytest.raises(RemoteError) as caught:
        put(HuggingFaceRemote("lab/set"), some("a.txt", b"1"))
    assert caught.value.reason == "remote-forbidden"


def test_addresses() -> None:
    assert open_remote("org/name").address == "org/name"
    assert open_remote("hf://datasets/org/name").address == "org/name"
    assert isinstance(open_remote("./releases/out"), FolderRemote)
    assert isinstance(open_remote("memory://x/y"), FolderRemote)
    for wrong in ("name", "org/name/more", "", "org/na me"):
        with pytest.raises(RemoteError) as caught:
            open_remote(wrong)
        assert caught.value.reason == "remote-name"
    assert split_revision("org/name@v1.2.0") == ("org/name", "v1.2.0")
    assert split_revision("org/name") == ("org/name", None)
    assert split_revision("s3://user@bucket/x@v1.0.0") == ("s3://user@bucket/x", "v1.0.0")
    assert split_revision("s3://user@bucket/x") == ("s3://user@bucket/x", None)
