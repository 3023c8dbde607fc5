"""Publishing to a Hub: versions, bytes, interruptions, rivals and secrets."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curator.errors import CuratorError, RemoteError
from curator.hub.address import open_remote
from curator.hub.folder import FolderRemote
from curator.hub.hugging_face import HuggingFaceRemote
from curator.hub.publish import publish
from curator.hub.remote import Remote, local_file
from curator.hub.report import PublishReport
from curator.release.content import ReleaseContent
from curator.release.read import open_release
from curator.release.write import write
from curator.spec.settings import PublishSpec
from tests.hub import Fault, HubServer
from tests.hub.child import publisher, start
from tests.hub.clients import CLIENT_WARNING, as_user, without_waiting
from tests.hub.state import Repo
from tests.release_content import content, outcome

pytestmark = pytest.mark.filterwarnings(CLIENT_WARNING)


@dataclasses.dataclass(frozen=True)
class Releases:
    """Three videos; the same and a changed threshold with one more; other words on the card."""

    first: Path
    loosened: Path
    reworded: Path
    fewer: Path


def with_threshold(made: ReleaseContent, value: float) -> ReleaseContent:
    document = json.loads(json.dumps(made.document))
    document["keep"]["voice"]["min"] = value
    return dataclasses.replace(made, document=document)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    folder = tmp_path_factory.mktemp("releases")
    videos = [outcome(0), outcome(1), outcome(2, split="test")]
    made = content(folder / "media", videos)
    more = content(folder / "more", [*videos, outcome(3)])
    recipe = dataclasses.replace(made.recipe, description="Said in other words.")
    other = dataclasses.replace(made, recipe=recipe)
    fewer = content(folder / "fewer", videos[:2])
    return Releases(
        first=write(folder / "a", made).folder,
        loosened=write(folder / "b", with_threshold(more, 0.4)).folder,
        reworded=write(folder / "c", other).folder,
        fewer=write(folder / "d", fewer).folder,
    )


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        yield server


@pytest.fixture(params=["hub", "folder"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "hub":
        request.getfixturevalue("hub")
        return HuggingFaceRemote("lab/set")
    return FolderRemote(str(tmp_path / "remote"))


def put(release: Path, remote: Remote, **spec: Any) -> PublishReport:
    dry_run = spec.pop("dry_run", False)
    return publish(release, remote, PublishSpec(**spec), say=lambda line: None, dry_run=dry_run)


def assert_complete(server: HubServer, repo: Repo) -> None:
    """Every tag names a commit that holds all that its manifest tells, byte by byte."""
    for tag, commit in repo.tags.items():
        tree = repo.commits[commit].tree
        manifest = json.loads(server.hub.content(repo, tree["manifest.json"]))
        assert manifest["tag"] == tag
        assert manifest["files"].keys() | {"manifest.json", ".gitattributes"} == tree.keys()
        for path, told in manifest["files"].items():
            data = server.hub.content(repo, tree[path])
            assert hashlib.sha256(data).hexdigest() == told["sha256"], path


def test_a_first_version_is_whole_private_and_opens_as_a_release(
    hub: HubServer, releases: Releases, tmp_path: Path
) -> None:
    remote = HuggingFaceRemote("lab/set")
    report = put(releases.first, remote)
    assert (report.outcome, report.version, report.parent) == ("published", "1.0.0", None)
    repo = hub.hub.repos["lab/set"]
    assert repo.private
    assert repo.tags == {"v1.0.0": repo.branches["main"]} == {"v1.0.0": report.commit}
    assert_complete(hub, repo)
    for path in remote.files("v1.0.0"):
        remote.download(path, "v1.0.0", tmp_path / "pulled")
    pulled = open_release(tmp_path / "pulled")
    assert pulled.damage() == ()
    assert pulled.digest == open_release(releases.first).digest
    assert pulled.manifest["tag"] == "v1.0.0"
    assert len(report.verified) == 3


def test_a_local_release_is_left_as_it_was(remote: Remote, releases: Releases) -> None:
    before = {path: path.read_bytes() for path in releases.first.rglob("*") if path.is_file()}
    put(releases.first, remote)
    put(releases.loosened, remote)
    after = {path: path.read_bytes() for path in releases.first.rglob("*") if path.is_file()}
    assert before == after


def test_identical_content_publishes_nothing(remote: Remote, releases: Releases) -> None:
    put(releases.first, remote)
    head = remote.head()
    again = put(releases.first, remote)
    assert (again.outcome, again.version, again.uploaded) == ("nothing", "1.0.0", ())
    assert remote.head() == head


def test_a_changed_threshold_is_a_minor_version_that_sends_only_what_changed(
    hub: HubServer, releases: Releases
) -> None:
    remote = HuggingFaceRemote("lab/set")
    put(releases.first, remote)
    hub.reset_counts()
    report = put(releases.loosened, remote)
    assert (report.version, report.parent) == ("1.1.0", "1.0.0")
    assert report.changes is not None
    texts = [one.text for one in report.changes.reasons]
    assert "rule keep.voice.min: 0.5 -> 0.4" in texts
    assert report.changes.added == 1
    sent = {path for path, _ in report.uploaded}
    assert "data/train-all.parquet" in sent
    assert "data/test-all.parquet" not in sent
    shards = sum(size for path, size in report.uploaded if path.startswith("data/"))
    puts = [one for one in hub.requests if one.method == "PUT"]
    large = {path for path, file in remote.files("v1.1.0").items() if file.sha256}
    lfs = sum(size for path, size in report.uploaded if path in large)
    assert sum(one.bytes_in for one in puts) == lfs
    # What goes through the commit is text in base64, and small.
    assert hub.uploaded_bytes <= lfs + 1.4 * (report.uploaded_bytes - lfs) + 5_000
    assert shards < sum(path.stat().st_size for path in releases.loosened.glob("data/*"))
    assert_complete(hub, hub.hub.repos["lab/set"])


def test_words_alone_are_a_patch_and_lost_samples_a_major(
    remote: Remote, releases: Releases
) -> None:
    put(releases.first, remote)
    report = put(releases.reworded, remote)
    assert report.version == "1.0.1"
    assert not any(path.startswith("data/") for path, _ in report.uploaded)
    report = put(releases.fewer, remote)
    assert (report.version, report.parent) == ("2.0.0", "1.0.1")
    assert report.deleted == ("data/test-all.parquet",)
    assert sorted(remote.tags()) == ["v1.0.0", "v1.0.1", "v2.0.0"]
    card = remote.read("README.md", "v2.0.0").decode()
    assert card.index("### v2.0.0") < card.index("### v1.0.1") < card.index("### v1.0.0")
    assert ('"lab/set", revision="v2.0.0"' in card) == isinstance(remote, HuggingFaceRemote)
    assert ('load_dataset("FOLDER")' in card) == isinstance(remote, FolderRemote)
    manifest = json.loads(remote.read("manifest.json", "v2.0.0"))
    assert (manifest["tag"], manifest["parent"]) == ("v2.0.0", "v1.0.1")


def test_a_version_can_be_raised_and_not_lowered(remote: Remote, releases: Releases) -> None:
    put(releases.first, remote)
    for wanted in ("minor", "patch", "1.9.0", "0.1.0", "nonsense"):
        with pytest.raises(CuratorError) as caught:
            put(releases.fewer, remote, version=wanted)
        assert caught.value.reason == "publish-version"
    assert put(releases.loosened, remote, version="major").version == "2.0.0"
    assert put(releases.fewer, remote, version="7.2.0").version == "7.2.0"


def test_a_dry_run_tells_and_changes_nothing(remote: Remote, releases: Releases) -> None:
    report = put(releases.first, remote, dry_run=True)
    assert (report.outcome, report.version) == ("dry-run", "1.0.0")
    assert remote.head() is None
    put(releases.first, remote)
    head = remote.head()
    report = put(releases.loosened, remote, dry_run=True)
    assert report.version == "1.1.0"
    assert report.uploaded_bytes > 0
    assert any(line.startswith("  + data/train") for line in report.lines())
    assert remote.head() == head


def test_a_repository_of_somebody_else_is_left_alone(remote: Remote, releases: Releases) -> None:
    remote.create(private=True)
    strange = local_file("data/mine.parquet", b"\0mine")
    remote.upload([strange], lambda file: None)
    remote.commit([strange], (), parent=remote.head(), title="mine", description="")
    with pytest.raises(RemoteError) as caught:
        put(releases.first, remote)
    assert caught.value.reason == "remote-not-ours"


def test_a_version_of_another_format_is_left_alone(remote: Remote, releases: Releases) -> None:
    put(releases.first, remote)
    note = json.loads(remote.read("version.json", "main")) | {"format": 99}
    changed = [local_file("version.json", json.dumps(note).encode())]
    remote.upload(changed, lambda file: None)
    head = remote.commit(changed, (), parent=remote.head(), title="from the future", description="")
    with pytest.raises(RemoteError) as caught:
        put(releases.loosened, remote)
    assert caught.value.reason == "remote-damaged"
    assert remote.head() == head


def test_files_of_others_stay_but_not_among_the_samples(remote: Remote, releases: Releases) -> None:
    put(releases.first, remote)
    added = [local_file("LICENSE", b"words"), local_file("data/stray.parquet", b"\0stray")]
    remote.upload(added, lambda file: None)
    remote.commit(added, (), parent=remote.head(), title="by hand", description="")
    report = put(releases.loosened, remote)
    assert report.deleted == ("data/stray.parquet",)
    assert remote.read("LICENSE", "main") == b"words"


def test_a_damaged_release_is_not_published(
    remote: Remote, releases: Releases, tmp_path: Path
) -> None:
    import shutil

    broken = shutil.copytree(releases.first, tmp_path / "broken")
    shard = broken / "data" / "train-all.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CuratorError) as caught:
        put(broken, remote)
    assert caught.value.reason == "release-broken"
    assert remote.head() is None


def test_content_that_comes_back_changed_gets_no_tag_until_it_is_whole(
    hub: HubServer, releases: Releases
) -> None:
    remote = HuggingFaceRemote("lab/set")
    hub.set_faults(Fault(kind="corrupt", method="GET", path="^/storage/", times=None))
    with pytest.raises(RemoteError) as caught:
        put(releases.first, remote)
    assert caught.value.reason == "remote-damaged"
    assert hub.hub.repos["lab/set"].tags == {}
    hub.set_faults(Fault(kind="corrupt", method="GET", path="^/storage/"))  # once is bad luck
    report = put(releases.first, remote)
    assert (report.outcome, report.version) == ("tagged", "1.0.0")
    assert_complete(hub, hub.hub.repos["lab/set"])


@pytest.mark.parametrize("kind", ["drop-after", "error-after"])
def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    hub: HubServer, releases: Releases, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    without_waiting(monkeypatch)
    hub.set_faults(Fault(kind=kind, path="/commit/"))
    report = put(releases.first, HuggingFaceRemote("lab/set"))
    assert report.outcome == "published"
    repo = hub.hub.repos["lab/set"]
    assert len(repo.commits) == 2  # the one that made the repository, and ours
    assert_complete(hub, repo)


def test_more_files_than_a_commit_holds_are_one_version_all_the_same(
    hub: HubServer, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.hub.hugging_face._MOST_OPERATIONS", 4)
    without_waiting(monkeypatch)
    remote = HuggingFaceRemote("lab/set")
    hub.set_faults(Fault(kind="drop-after", path="/merge"))
    first = put(releases.first, remote)
    assert (first.outcome, remote.tags()) == ("published", {"v1.0.0": remote.head()})
    assert put(releases.loosened, remote).version == "1.1.0"
    assert_complete(hub, hub.hub.repos["lab/set"])


def test_chunked_storage_sends_only_the_chunks_that_are_new(
    releases: Releases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("hf_xet")
    with HubServer(xet=tmp_path / "xet") as server:
        token = server.user("ann", orgs=["lab"])
        as_user(monkeypatch, server, token, tmp_path / "home", xet=True)
        remote = HuggingFaceRemote("lab/set")
        put(releases.first, remote)
        stored = _bytes_in(tmp_path / "xet")
        report = put(releases.loosened, remote)
        assert report.version == "1.1.0"
        assert [one for one in server.requests if one.method == "PUT"] == []
        assert_complete(server, server.hub.repos["lab/set"])
        grown = _bytes_in(tmp_path / "xet") - stored
        assert 0 < grown < 1.5 * report.uploaded_bytes
        place = remote.download("data/train-all.parquet", "v1.1.0", tmp_path / "to")
        assert place.read_bytes() == (releases.loosened / "data/train-all.parquet").read_bytes()


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("xorbs/xorbs/*") if path.is_file())


# --- interruptions

_SEEDS = 50
_KINDS = (
    "drop",
    "drop-after",
    "drop-mid-body",
    "error",
    "error-after",
    "truncate",
    "down",
    "kill",
    "kill-after",
    "kill",
)


@pytest.mark.slow
def test_fifty_publishes_cut_off_anywhere_end_in_one_whole_version_each(
    hub: HubServer, releases: Releases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_waiting(monkeypatch)
    put(releases.first, HuggingFaceRemote("lab/base"))
    counts = {True: _requests(hub, releases.first, "lab/x"), False: 0}
    hub.hub.repos["lab/y"] = _copied(hub, "lab/base", "lab/y")
    counts[False] = _requests(hub, releases.loosened, "lab/y")
    context = start()
    stopped = 0
    for seed in range(_SEEDS):
        chance = random.Random(seed)
        fresh, name = bool(seed % 2), f"lab/set{seed}"
        if not fresh:
            hub.hub.repos[name] = _copied(hub, "lab/base", name)
        release = releases.first if fresh else releases.loosened
        at = chance.randrange(counts[fresh])
        stopped += _interrupted(hub, context, release, name, _KINDS[seed % len(_KINDS)], at)
        hub.set_faults()
        hub.wait_until_idle()
        repo = hub.hub.repos.get(name)
        stored = set(repo.objects) if repo else set()
        if repo:
            assert_complete(hub, repo)
        hub.reset_counts()
        put(release, HuggingFaceRemote(name), verify_files=1)
        sent = {one.path.rpartition("/")[2] for one in hub.requests if one.method == "PUT"}
        assert not sent & stored, "what was stored is not sent again"
        repo = hub.hub.repos[name]
        assert list(repo.tags) == (["v1.0.0"] if fresh else ["v1.0.0", "v1.1.0"]), seed
        assert repo.branches["main"] == list(repo.tags.values())[-1]
        assert len(repo.commits) == 1 + len(repo.tags)
        assert_complete(hub, repo)
    assert stopped > _SEEDS // 3, "most faults must have hurt"


@pytest.mark.slow
def test_drafts_cut_off_anywhere_end_in_one_whole_version_each(
    hub: HubServer, releases: Releases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("curator.hub.hugging_face._MOST_OPERATIONS", 3)
    without_waiting(monkeypatch)
    count = _requests(hub, releases.first, "lab/x")
    kinds = [kind for kind in _KINDS if not kind.startswith("kill")]
    stopped = 0
    for at in range(count):
        name, kind = f"lab/set{at}", "down" if at % 2 else kinds[at // 2 % len(kinds)]
        stopped += _interrupted(hub, None, releases.first, name, kind, at)
        hub.set_faults()
        hub.wait_until_idle()
        put(releases.first, HuggingFaceRemote(name), verify_files=1)
        repo = hub.hub.repos[name]
        assert list(repo.tags) == ["v1.0.0"], (at, kind)
        assert repo.branches["main"] == repo.tags["v1.0.0"]
        assert_complete(hub, repo)
        put(releases.loosened, HuggingFaceRemote(name), verify_files=1)
        assert_complete(hub, repo)
        states = [pr["status"] for pr in repo.prs.values()]
        assert set(states) <= {"merged", "closed"}, (at, kind, states)
        assert states.count("closed") <= 1, "what was begun is gone on with"
    assert stopped > count // 3, "most faults must have hurt"


def _requests(hub: HubServer, release: Path, name: str) -> int:
    hub.reset_counts()
    put(release, HuggingFaceRemote(name), verify_files=1)
    return len(hub.requests)


def _copied(hub: HubServer, name: str, to: str) -> Repo:
    made = copy.deepcopy(hub.hub.repos[name])
    made.id = to
    return made


def _interrupted(
    hub: HubServer, context: Any, release: Path, name: str, kind: str, at: int
) -> bool:
    """Whether the publish failed."""
    if kind.startswith("kill"):
        return _killed(hub, context, release, name, kind, at)
    if kind == "down":
        hub.set_faults(Fault(kind="drop", at=at, onwards=True))
    else:
        hub.set_faults(Fault(kind=kind, at=at, status=500))
    try:
        put(release, HuggingFaceRemote(name), verify_files=1)
    except RemoteError:
        return True
    return False


def _killed(hub: HubServer, context: Any, release: Path, name: str, kind: str, at: int) -> bool:
    names = ("HF_ENDPOINT", "HF_TOKEN", "HF_HOME")
    environment = {one: os.environ[one] for one in names}
    child = context.Process(target=publisher, args=(str(release), name, environment))

    def kill() -> None:
        os.kill(child.pid, signal.SIGKILL)
        child.join()

    hub.set_faults(Fault(kind="call" if kind == "kill" else "call-after", at=at, action=kill))
    child.start()
    child.join(30)
    return bool(child.exitcode == -signal.SIGKILL)


# --- rivals


def test_of_two_publishers_one_wins_and_the_other_succeeds_when_run_again(
    remote: Remote, releases: Releases
) -> None:
    put(releases.first, remote)
    mine, theirs = releases.loosened, releases.reworded
    others: list[PublishReport] = []
    rival = open_remote(remote.address)

    class Slow:
        """Somebody else publishes right before our commit."""

        def __getattr__(self, name: str) -> Any:
            return getattr(remote, name)

        def commit(self, *args: Any, **kwargs: Any) -> str:
            if not others:
                others.append(put(theirs, rival))
            return remote.commit(*args, **kwargs)

    with pytest.raises(RemoteError) as caught:
        put(mine, Slow())  # type: ignore[arg-type]
    assert caught.value.reason == "remote-moved"
    assert others[0].version == "1.0.1"
    assert sorted(remote.tags()) == ["v1.0.0", "v1.0.1"]
    report = put(mine, remote)
    assert (report.version, report.parent) == ("1.1.0", "1.0.1")
    assert remote.tags()["v1.1.0"] == remote.head()


@pytest.mark.parametrize("same", [True, False])
def test_publishers_at_the_same_time_leave_whole_versions_only(
    hub: HubServer, releases: Releases, same: bool
) -> None:
    put(releases.first, HuggingFaceRemote("lab/set"))
    both = [releases.loosened, releases.loosened if same else releases.reworded]
    reasons: list[str] = []

    def run(release: Path) -> None:
        try:
            reasons.append(put(release, HuggingFaceRemote("lab/set")).outcome)
        except RemoteError as error:
            reasons.append(error.reason)

    threads = [threading.Thread(target=run, args=(release,)) for release in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(reasons) <= {"published", "tagged", "nothing", "remote-moved", "remote-tag-taken"}
    for release in both:
        put(release, HuggingFaceRemote("lab/set"))
    repo = hub.hub.repos["lab/set"]
    assert_complete(hub, repo)
    assert repo.branches["main"] in repo.tags.values()
    assert len(repo.commits) == 1 + len(repo.tags)


# --- secrets


def test_a_failing_publish_tells_no_secret_anywhere(
    hub: HubServer,
    releases: Releases,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    from curator.cli import run

    token = os.environ["HF_TOKEN"]
    without_waiting(monkeypatch)
    monkeypatch.chdir(tmp_path)
    caplog.set_level("DEBUG")
    words = ["publish", str(releases.first), "publish.repo=lab/set", "--json"]
    faults = [
        Fault(kind="echo", status=status, path=path, times=None)
        for status, path in ((500, "refs"), (403, "create"), (400, "commit"), (401, "preupload"))
    ]
    for debug in ("", "1"):
        monkeypatch.setenv("CURATOR_DEBUG", debug)
        for fault in faults:
            hub.hub.repos.clear()
            hub.set_faults(fault)
            try:
                assert run(words) != 0
            except CuratorError:
                import traceback

                print(traceback.format_exc())
    out, err = capfd.readouterr()
    assert "***" in out, "the server told the token to the client, which told us"
    told = out + err + caplog.text + "".join(str(vars(one)) for one in caplog.records)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert token not in told
    assert token.encode() not in written


def test_a_release_that_holds_a_token_is_not_published(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "s3cr3t-of-my-own-hub"
    hub.hub.users[secret] = hub.hub.users[os.environ["HF_TOKEN"]]
    monkeypatch.setenv("HF_TOKEN", secret)
    remote = HuggingFaceRemote("lab/set")
    for leaked in (secret, "hf_" + "a" * 34):
        made = content(tmp_path / leaked, [outcome(0, url=f"https://x/{leaked}/film.mp4")])
        release = write(tmp_path / "out", made).folder
        with pytest.raises(CuratorError) as caught:
            put(release, remote)
        assert caught.value.reason == "secret-in-release"
        assert leaked not in caught.value.message
        assert remote.head() is None
