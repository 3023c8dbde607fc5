"""The spool fetches once, verifies, never removes what is in use, and stays within its limit."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from curator.errors import MediaError
from curator.model.video import Rights, VideoRef
from curator.source.fingerprint import Observed, observe
from curator.source.spool import Spool


class Counter:
    opened = 0


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def remote(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Files in memory, and a count of how often they are opened for reading."""
    real = MemoryFileSystem._open

    def counting(self: Any, path: str, mode: str = "rb", **more: Any) -> Any:
        counter.opened += mode == "rb"
        return real(self, path, mode, **more)

    monkeypatch.setattr(MemoryFileSystem, "_open", counting)
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


def ref(url: str | Path) -> VideoRef:
    return VideoRef(url=str(url), source="films", rights=Rights(license="CC0-1.0"))


def put(fs: Any, name: str, data: bytes) -> VideoRef:
    fs.pipe(f"/{name}", data)
    return ref(f"memory://{name}")


def test_a_local_file_is_used_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"one")
    spool = Spool(tmp_path / "spool", 0)
    with spool.hold(ref(path), spool.observe(ref(path))) as held:
        assert held == path
    assert not (tmp_path / "spool").exists()


def test_a_remote_file_is_read_once_for_its_fingerprint_and_its_copy(
    remote: Any, counter: Counter, tmp_path: Path
) -> None:
    video = put(remote, "a.mp4", b"one")
    spool = Spool(tmp_path, 100)
    observed = spool.observe(video)
    assert observed.fingerprint == hashlib.sha256(b"one").hexdigest()
    with spool.hold(video, observed) as held:
        assert held == tmp_path / observed.fingerprint
        assert held.read_bytes() == b"one"
    assert counter.opened == 1
    with Spool(tmp_path, 100).hold(video, observed) as held:  # the next build
        assert held.read_bytes() == b"one"
    assert counter.opened == 1


def test_threads_that_want_the_same_video_fetch_it_once(
    remote: Any, counter: Counter, tmp_path: Path
) -> None:
    video = put(remote, "a.mp4", b"one")
    observed = observe(video)
    counter.opened = 0
    spool, together = Spool(tmp_path, 100), threading.Barrier(4)

    def work(_: int) -> bytes:
        together.wait()
        with spool.hold(video, observed) as held:
            return held.read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [b"one"] * 4
    assert counter.opened == 1


def test_what_was_used_longest_ago_makes_room_and_what_is_held_stays(
    remote: Any, tmp_path: Path
) -> None:
    videos = [put(remote, f"{n}.mp4", bytes([n]) * 40) for n in range(4)]
    spool = Spool(tmp_path, 100)
    seen = [observe(video) for video in videos]

    def there() -> list[int]:
        return [n for n, one in enumerate(seen) if (tmp_path / one.fingerprint).exists()]

    for n in (0, 1):
        with spool.hold(videos[n], seen[n]) as path:
            os.utime(path, (n, n))
    with ExitStack() as held:
        held.enter_context(spool.hold(videos[0], seen[0]))  # now 1 was used longest ago
        held.enter_context(spool.hold(videos[2], seen[2]))
        assert there() == [0, 2]
        held.enter_context(spool.hold(videos[3], seen[3]))
        assert there() == [0, 2, 3]  # past the limit: all are held
    with spool.hold(videos[1], seen[1]):
        assert 1 in there()
        assert len(there()) == 2


@pytest.mark.parametrize("other", [b"two", b"longer"])
def test_a_video_that_changed_since_it_was_observed_is_refused(
    remote: Any, tmp_path: Path, other: bytes
) -> None:
    video = put(remote, "a.mp4", b"one")
    observed = observe(video)
    put(remote, "a.mp4", other)
    with pytest.raises(MediaError) as caught, Spool(tmp_path, 100).hold(video, observed):
        pass
    assert caught.value.reason == "changed-while-read"
    assert list(tmp_path.iterdir()) == []


def test_where_the_fingerprint_is_no_hash_the_service_must_say_the_same(
    remote: Any, tmp_path: Path
) -> None:
    video = put(remote, "a.mp4", b"one")
    token = observe(video).token
    told = Observed(fingerprint="e" * 64, size=3, token=token, is_content=False)
    with Spool(tmp_path, 100).hold(video, told) as held:
        assert held.read_bytes() == b"one"
    put(remote, "a.mp4", b"two")
    held.unlink()
    with pytest.raises(MediaError) as caught, Spool(tmp_path, 100).hold(video, told):
        pass
    assert caught.value.reason == "changed-while-read"


def test_a_video_that_is_gone_costs_itself_and_lets_go(remote: Any, tmp_path: Path) -> None:
    video = put(remote, "a.mp4", b"one")
    spool, observed = Spool(tmp_path, 100), observe(video)
    remote.rm("/a.mp4")
    for attempt in (lambda: spool.observe(video), lambda: spool.hold(video, observed).__enter__()):
        with pytest.raises(MediaError) as caught:
            attempt()
        assert caught.value.reason == "not-found"
    assert +spool._held == {}


def test_parts_of_a_killed_build_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".part-1").write_bytes(b"half")
    (tmp_path / ("a" * 64)).write_bytes(b"whole")
    Spool(tmp_path, 100)
    assert [one.name for one in tmp_path.iterdir()] == ["a" * 64]
