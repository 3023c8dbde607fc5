"""Tar shards: which members belong together, and how little is read to know it."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pytest

from curator.errors import MediaError, RecipeErrors
from curator.model.video import Rights, VideoRef
from curator.source.discover import discover
from curator.source.fingerprint import changed, observe
from curator.source.spool import Spool
from curator.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Source:
    url: str
    license: str | None = "CC0-1.0"
    attribution: str | None = None
    sidecars: dict[str, str] = field(default_factory=dict)


def tar(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def write(path: Path, members: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar(members))
    return path


def refs(url: str | Path, **more: Any) -> tuple[VideoRef, ...]:
    return discover({"films": Source(url=str(url), **more)})


def reasons(url: str | Path, **more: Any) -> list[str]:
    with pytest.raises(RecipeErrors) as caught:
        refs(url, **more)
    return [error.reason for error in caught.value.errors]


def shape(path: Path) -> dict[str, dict[str, str]]:
    """Member of each video to its sidecars' members."""

    def member(url: str) -> str:
        assert url.endswith(f"::{path}")
        return url.removeprefix("tar://").removesuffix(f"::{path}")

    return {member(r.url): {k: member(v) for k, v in r.sidecars.items()} for r in refs(path)}


def fetched(url: str, spool: Spool) -> bytes:
    ref = VideoRef(url=url, source="films", rights=Rights(license="CC0-1.0"))
    with spool.hold(ref, spool.observe(ref)) as path:
        return path.read_bytes()


def test_members_with_one_key_are_one_sample(tmp_path: Path) -> None:
    about = json.dumps({"license": "CC-BY-4.0", "attribution": "A", "score": 1}).encode()
    members = {
        "./a/1.mp4": b"first",
        "./a/1.txt": b"caption",
        "./a/1.json": about,
        "./a/1.left.mp4": b"left",
        "a/2.json": b"[not json",
        "a/2.mp4": b"second",
        "b/1.mp4": b"third",
        "b/._1.mp4": b"litter",
        "README.txt": b"",
    }
    path = write(tmp_path / "x.tar", members)
    assert shape(path) == {
        "a/1.mp4": {"txt": "a/1.txt", "json": "a/1.json", "left": "a/1.left.mp4"},
        "a/2.mp4": {"json": "a/2.json"},
        "b/1.mp4": {},
    }
    one, two, three = refs(path)
    assert (one.rights.license, one.rights.attribution) == ("CC-BY-4.0", "A")
    assert (two.rights.license, three.rights.license) == ("CC0-1.0", "CC0-1.0")
    assert reasons(path, license=None) == ["source-missing-license"]
    spool = Spool(tmp_path / "spool", 2**20)
    assert fetched(one.url, spool) == b"first"
    assert fetched(one.sidecars["left"], spool) == b"left"
    assert observe(two).fingerprint == hashlib.sha256(b"second").hexdigest()


def test_names_with_dots_are_samples_of_their_own(tmp_path: Path) -> None:
    members = {"f.s1.mp4": b"1", "f.s1.srt": b"", "f.s2.mp4": b"2", "f.s2.srt": b""}
    assert shape(write(tmp_path / "x.tar", members)) == {
        "f.s1.mp4": {"srt": "f.s1.srt"},
        "f.s2.mp4": {"srt": "f.s2.srt"},
    }


def test_two_members_do_not_share_a_role(tmp_path: Path) -> None:
    members = {"1.mp4": b"", "1.left.mp4": b"", "1.left.json": b"", "1.pose.npz": b""}
    assert shape(write(tmp_path / "x.tar", members)) == {
        "1.mp4": {
            "left.mp4": "1.left.mp4",
            "left.json": "1.left.json",
            "pose": "1.pose.npz",
        }
    }


def test_what_the_recipe_says_of_sidecars_holds_inside_too(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar", {"a/1.mp4": b"1", "a/1.srt": b"", "a/2.mp4": b"2"})
    one, two = refs(path, sidecars={"words": "{stem}.srt"})
    assert one.sidecars["words"] == f"tar://a/1.srt::{path}"
    assert "words" not in two.sidecars


def test_a_folder_of_shards_is_searched_when_no_videos_lie_in_it(tmp_path: Path) -> None:
    first = write(tmp_path / "s" / "0.tar", {"1.mp4": b"1"})
    second = write(tmp_path / "s" / "1.tar", {"2.mp4": b"2"})
    both = [f"tar://1.mp4::{first}", f"tar://2.mp4::{second}"]
    assert [ref.url for ref in refs(tmp_path / "s")] == both
    assert [ref.url for ref in refs(tmp_path / "s" / "*.tar")] == both
    (tmp_path / "s" / "a.mp4").write_bytes(b"3")
    assert [ref.url for ref in refs(tmp_path / "s")] == [str(tmp_path / "s" / "a.mp4")]


def test_what_is_no_whole_tar_file_is_refused(tmp_path: Path) -> None:
    data = tar({"1.mp4": bytes(5000), "2.mp4": bytes(5000)})
    path = tmp_path / "x.tar"
    for damaged in (b"nonsense" * 200, data[:8000]):
        path.write_bytes(damaged)
        assert reasons(path) == ["manifest-invalid"]
    assert reasons(write(path, {"a.txt": b""})) == ["source-empty"]
    assert reasons(write(path, {"a::b.mp4": b""})) == ["manifest-invalid"]


def test_a_member_changes_when_its_shard_does(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar", {"1.mp4": b"old", "2.mp4": b"-"})
    one, two = refs(path)
    with Store.open(tmp_path / "store") as store:
        seen = Spool(tmp_path / "one", 2**20, memo=store).observe(one)
        assert Spool(tmp_path / "two", 2**20, memo=store).observe(one) == seen
        assert not (tmp_path / "two").exists()  # nothing was read
        write(path, {"1.mp4": b"newer"})
        assert changed(one, seen)
        new = Spool(tmp_path / "two", 2**20, memo=store).observe(one)
        assert new.fingerprint == hashlib.sha256(b"newer").hexdigest()
        with pytest.raises(MediaError) as caught:
            observe(two)
        assert caught.value.reason == "not-found"


def test_videos_are_not_read_to_list_them_and_each_only_once(
    tmp_path: Path, read_bytes: list[int]
) -> None:
    members = {f"{n:02d}.mp4": random.Random(n).randbytes(100_000) for n in range(20)}
    fsspec.filesystem("memory").pipe("/x.tar", tar(members))
    found = refs("memory://x.tar")
    assert len(found) == 20
    assert sum(read_bytes) < 100_000
    read_bytes.clear()
    spool = Spool(tmp_path / "spool", 2**30)
    for ref, data in zip(found, members.values(), strict=True):
        assert spool.observe(ref).fingerprint == hashlib.sha256(data).hexdigest()
    assert sum(read_bytes) < 21 * 100_000
