"""A fingerprint names content: the path is never in it, and a change is never missed."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.errors import MediaError
from curator.model.video import Rights, VideoRef
from curator.source.fingerprint import Stated, _stated, changed, fingerprint, observe

OLD_NS = 1_000_000_000_000_000_000
"""A time long ago: the file is settled."""


class Memo:
    """Remembers in a dict, and counts."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int, int, int], str] = {}
        self.hits = 0

    def memo(self, path: str, size: int, mtime_ns: int, inode: int) -> str | None:
        found = self.known.get((path, size, mtime_ns, inode))
        self.hits += found is not None
        return found

    def remember(self, path: str, size: int, mtime_ns: int, inode: int, fingerprint: str) -> None:
        self.known[path, size, mtime_ns, inode] = fingerprint


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


def ref(url: str | Path) -> VideoRef:
    return VideoRef(url=str(url), source="films", rights=Rights(license="CC0-1.0"))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def settled(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    os.utime(path, ns=(OLD_NS, OLD_NS))
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(left=st.binary(), right=st.binary())
def test_the_same_content_has_the_same_fingerprint_wherever_it_lies(
    memory: Any, tmp_path: Path, left: bytes, right: bytes
) -> None:
    (tmp_path / "a.mp4").write_bytes(left)
    memory.pipe("/b.mkv", left)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("d/c.mov", left)
    places = [tmp_path / "a.mp4", "memory://b.mkv", f"zip://d/c.mov::{tmp_path}/z.zip"]
    assert {fingerprint(ref(place)) for place in places} == {sha(left)}
    (tmp_path / "other.mp4").write_bytes(right)
    assert (fingerprint(ref(tmp_path / "other.mp4")) == sha(left)) == (left == right)


class TestLocal:
    def test_a_settled_file_is_hashed_once(self, tmp_path: Path) -> None:
        path, memo = settled(tmp_path / "a.mp4", b"one"), Memo()
        assert observe(ref(path), memo=memo) == observe(ref(path), memo=memo)
        assert memo.hits == 1

    def test_a_file_of_just_now_is_not_remembered(self, tmp_path: Path) -> None:
        memo = Memo()
        (tmp_path / "a.mp4").write_bytes(b"one")
        fingerprint(ref(tmp_path / "a.mp4"), memo=memo)
        assert memo.known == {}

    def test_other_content_of_the_same_size_is_seen(self, tmp_path: Path) -> None:
        path, memo = settled(tmp_path / "a.mp4", b"one"), Memo()
        assert fingerprint(ref(path), memo=memo) == sha(b"one")
        path.write_bytes(b"two")
        os.utime(path, ns=(OLD_NS + 1, OLD_NS + 1))
        assert fingerprint(ref(path), memo=memo) == sha(b"two")

    def test_the_memo_does_not_depend_on_where_the_user_stands(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, memo = settled(tmp_path / "a.mp4", b"one"), Memo()
        fingerprint(ref(path), memo=memo)
        monkeypatch.chdir(tmp_path)
        fingerprint(ref("a.mp4"), memo=memo)
        assert memo.hits == 1

    def test_what_is_not_there_and_what_cannot_be_read_cost_one_video(self, tmp_path: Path) -> None:
        for name, reason in (("none.mp4", "not-found"), (".", "unreadable")):
            with pytest.raises(MediaError) as caught:
                observe(ref(tmp_path / name))
            assert caught.value.reason == reason

    def test_a_change_is_seen_and_a_touch_is_none(self, tmp_path: Path) -> None:
        path = settled(tmp_path / "a.mp4", b"one")
        observed = observe(ref(path))
        assert not changed(ref(path), observed)
        path.touch()
        assert not changed(ref(path), observed)
        path.write_bytes(b"two")
        assert changed(ref(path), observed)
        path.write_bytes(b"one")
        assert not changed(ref(path), observed)
        path.unlink()
        assert changed(ref(path), observed)


class TestRemote:
    def test_a_changed_object_is_seen(self, memory: Any) -> None:
        memory.pipe("/a.mp4", b"one")
        observed = observe(ref("memory://a.mp4"))
        assert not changed(ref("memory://a.mp4"), observed)
        memory.pipe("/a.mp4", b"two")
        assert changed(ref("memory://a.mp4"), observed)
        memory.rm("/a.mp4")
        assert changed(ref("memory://a.mp4"), observed)

    def test_a_changed_archive_is_seen(self, memory: Any) -> None:
        inside = ref("zip://a.mp4::memory://z.zip")
        memory.pipe("/z.zip", zipped(b"one"))
        observed = observe(inside)
        assert not changed(inside, observed)
        memory.pipe("/z.zip", zipped(b"two"))
        assert changed(inside, observed)
        assert fingerprint(inside) == sha(b"two")

    def test_an_object_with_a_date_is_read_once(self, memory: Any) -> None:
        memo = Memo()
        memory.pipe("/a.mp4", b"one")
        assert observe(ref("memory://a.mp4"), memo=memo) == observe(
            ref("memory://a.mp4"), memo=memo
        )
        assert memo.hits == 1

    def test_what_is_not_there_is_said(self, memory: Any) -> None:
        with pytest.raises(MediaError) as caught:
            observe(ref("memory://none.mp4"))
        assert caught.value.reason == "not-found"


MD5 = "9e107d9d372bb6826bd81d3542a419d6"


class TestWhatServicesState:
    """Answers of file systems, in the shape in which each gives them."""

    def test_hugging_face_states_the_sha256_itself(self) -> None:
        info = {"size": 7, "blob_id": "a" * 40, "lfs": {"size": 7, "sha256": "b" * 64}}
        assert _stated(info) == Stated(7, "b" * 64, "b" * 64, is_content=True)

    def test_an_etag_that_is_a_digest_names_content(self) -> None:
        one = _stated({"size": 7, "ETag": f'"{MD5}"', "LastModified": "then"})
        assert one.digest == _stated({"size": 7, "ETag": f'"{MD5}"', "LastModified": "now"}).digest
        assert one.digest is not None
        assert one.digest != _stated({"size": 8, "ETag": f'"{MD5}"'}).digest
        assert one.digest != _stated({"size": 7, "ETag": f'"{MD5}-2"'}).digest
        assert _stated({"size": 7, "ETag": f'"{MD5}-2"'}).digest is not None

    @pytest.mark.parametrize("etag", [f'W/"{MD5}"', '"5f9a1b2c-1e240"', '"v1"', "", None])
    def test_another_etag_only_tells_changes(self, etag: str | None) -> None:
        stated = _stated({"size": 7, "ETag": etag, "Last-Modified": "then"})
        assert stated.digest is None
        assert stated.token == f"{etag or ''} then".strip()

    def test_an_md5_beside_the_etag_names_content(self) -> None:
        md5 = bytes.fromhex(MD5)
        expected = _stated({"size": 7, "ETag": MD5}).digest
        google = {"size": 7, "etag": "CJ=", "md5Hash": "nhB9nTcrtoJr2B01QqQZ1g=="}
        azure = {"size": 7, "etag": "0x8D", "content_settings": {"content_md5": bytearray(md5)}}
        assert _stated(google).digest == _stated(azure).digest == expected


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.mp4", data)
    return out.getvalue()
