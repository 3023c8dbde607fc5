"""Folders and buckets as remotes: cut off at every step, and with rivals."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curator.errors import CuratorError, RemoteError
from curator.hub.folder import FolderRemote
from curator.hub.publish import publish
from curator.hub.remote import LocalFile, local_file
from curator.release.manifest import describe
from curator.release.write import write
from curator.spec.settings import PublishSpec
from tests.release_content import content, outcome


class Cut(Exception):  # noqa: N818 - it stands for a process that is no more
    """The process ends here."""


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("releases")
    first = write(folder / "out", content(folder / "a", [outcome(0), outcome(1)]))
    more = content(folder / "b", [outcome(0), outcome(1), outcome(2)])
    return first.folder, write(folder / "out", more).folder


def put(release: Path, remote: FolderRemote) -> str | None:
    return publish(release, remote, PublishSpec(), say=lambda line: None).version


def dying(monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> Callable[[], int]:
    """End everything at the step with this number, before or after it was done; gives the steps so far."""
    count = itertools.count()
    done = [0]

    def step(real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            number = next(count)
            done[0] = number + 1
            if number == at and not after:
                raise Cut
            found = real(*args, **kwargs)
            if number == at:
                raise Cut
            return found

        return wrapped

    for name in ("_store_locally", "_link_new", "_link_or_copy"):
        monkeypatch.setattr(f"curator.hub.folder.{name}", step(_real(name)))
    return lambda: done[0]


def _real(name: str) -> Callable[..., Any]:
    import curator.hub.folder as module

    found: Callable[..., Any] = getattr(module, name)
    return found


def assert_whole(root: Path, versions: list[str]) -> None:
    remote = FolderRemote(str(root))
    assert sorted(remote.tags()) == versions
    assert sorted(path.name for path in root.glob("v*")) == versions
    for version in versions:
        assert_is_what_its_tag_names(root, version)
    if versions:
        assert remote.tags()[versions[-1]] == remote.head()


def assert_is_what_its_tag_names(root: Path, version: str) -> None:
    manifest = json.loads((root / version / "manifest.json").read_text())
    assert manifest["tag"] == version
    assert describe(root / version, manifest["files"]) == manifest["files"]
    held = FolderRemote(str(root)).files(version)
    assert {path: held[path].sha256 for path in manifest["files"]} == {
        path: told["sha256"] for path, told in manifest["files"].items()
    }


@pytest.mark.parametrize("after", [False, True])
def test_wherever_it_is_cut_off_it_goes_on(
    releases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    steps = 0
    for at in range(200):
        root = tmp_path / str(at)
        put(releases[0], FolderRemote(str(root)))
        with monkeypatch.context() as patched:
            counted = dying(patched, at, after=after)
            try:
                put(releases[1], FolderRemote(str(root)))
            except Cut:
                pass
            else:
                steps = counted()
                break
        seen = sorted(FolderRemote(str(root)).tags())
        assert seen in (["v1.0.0"], ["v1.0.0", "v1.1.0"])
        put(releases[1], FolderRemote(str(root)))
        assert_whole(root, ["v1.0.0", "v1.1.0"])
    assert steps > 20, "all of them were tried"


def test_of_many_at_once_each_version_is_whole(releases: tuple[Path, Path], tmp_path: Path) -> None:
    root = tmp_path / "remote"
    reasons: list[str] = []

    def run(release: Path) -> None:
        try:
            put(release, FolderRemote(str(root)))
        except CuratorError as error:
            reasons.append(error.reason)

    for _ in range(3):
        threads = [threading.Thread(target=run, args=(releases[n % 2],)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(reasons) <= {"remote-moved", "remote-tag-taken"}
    put(releases[1], FolderRemote(str(root)))
    versions = sorted(
        FolderRemote(str(root)).tags(), key=lambda tag: [*map(int, tag[1:].split("."))]
    )
    assert versions
    commits = sorted((root / "commits").iterdir())
    assert len(commits) == len(versions)
    for version in versions:
        assert_is_what_its_tag_names(root, version)
    assert FolderRemote(str(root)).tags()[versions[-1]] == FolderRemote(str(root)).head()


# --- a bucket


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 server on this machine."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    import fsspec

    patch = pytest.MonkeyPatch()
    server = server_module.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.filesystem("s3").clear_instance_cache()
    fsspec.filesystem("s3").mkdir("releases")
    try:
        yield "s3://releases"
    finally:
        fsspec.filesystem("s3").clear_instance_cache()
        server.stop()
        patch.undo()


def test_a_bucket_holds_versions_with_the_same_rules(
    bucket: str, releases: tuple[Path, Path], tmp_path: Path
) -> None:
    url = f"{bucket}/set"
    assert FolderRemote(url).head() is None
    assert put(releases[0], FolderRemote(url)) == "1.0.0"
    assert put(releases[0], FolderRemote(url)) == "1.0.0"
    assert put(releases[1], FolderRemote(url)) == "1.1.0"
    remote = FolderRemote(url)
    assert sorted(remote.tags()) == ["v1.0.0", "v1.1.0"]
    for path in remote.files("v1.1.0"):
        remote.download(path, "v1.1.0", tmp_path / "to")
    manifest = json.loads((tmp_path / "to" / "manifest.json").read_text())
    assert describe(tmp_path / "to", manifest["files"]) == manifest["files"]


def test_in_a_bucket_too_one_of_two_wins(bucket: str) -> None:
    remote, rival = FolderRemote(f"{bucket}/two"), FolderRemote(f"{bucket}/two")
    remote.create(private=True)
    files: list[LocalFile] = [local_file("a.txt", text) for text in (b"mine", b"theirs")]
    remote.upload(files, lambda file: None)
    real = remote.head

    def head() -> str | None:
        """The rival is faster, right after we looked."""
        seen = real()
        rival.commit(files[1:], (), parent=seen, title="theirs", description="")
        return seen

    remote.head = head  # type: ignore[method-assign]
    with pytest.raises(RemoteError) as caught:
        remote.commit(files[:1], (), parent=None, title="mine", description="")
    assert caught.value.reason == "remote-moved"
    assert FolderRemote(f"{bucket}/two").read("a.txt", "main") == b"theirs"


def test_a_version_that_another_publisher_has_just_laid_out(
    releases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = FolderRemote(str(tmp_path / "remote"))
    put(releases[0], remote)
    ((name, commit),) = remote.tags().items()
    before = sorted(path.name for path in (tmp_path / "remote").iterdir())
    is_dir = Path.is_dir  # it was not there a moment ago
    monkeypatch.setattr(Path, "is_dir", lambda self: self.name != name and is_dir(self))
    remote.tag(name, commit, "")
    monkeypatch.undo()
    assert sorted(path.name for path in (tmp_path / "remote").iterdir()) == before
