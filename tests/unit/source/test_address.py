"""Addresses: joined, split, and shown without their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.source.address import anchored, is_local, join, redacted, split, suffix


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pass@host/a.mp4", "https://host/a.mp4"),
        ("https://host/a.mp4?X-Amz-Signature=abc&b=c", "https://host/a.mp4?..."),
        ("404, url='https://u:p@host/a?token=s3cret'", "404, url='https://host/a?...'"),
        ("zip://a.mp4::https://h/f.zip?sig=x", "zip://a.mp4::https://h/f.zip?..."),
        ("zip://a.mp4?k=v::memory://f.zip", "zip://a.mp4?...::memory://f.zip"),
        ("data/clip?.mp4", "data/clip?.mp4"),
        ("s3://bucket/a@b.mp4", "s3://bucket/a@b.mp4"),
    ],
)
def test_secrets_are_not_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("url", "folder", "name"),
    [
        ("a.mp4", ".", "a.mp4"),
        ("/a.mp4", "/", "a.mp4"),
        ("d/e/a.mp4", "d/e", "a.mp4"),
        ("s3://bucket/d/a.mp4", "s3://bucket/d", "a.mp4"),
        ("https://h/d/a.mp4?x=/y/z", "https://h/d", "a.mp4"),
        ("zip://a.mp4::memory://f/z.zip", "zip://::memory://f/z.zip", "a.mp4"),
        ("zip://d/a.mp4::z.zip", "zip://d::z.zip", "a.mp4"),
    ],
)
def test_a_file_beside_another_is_where_it_should_be(url: str, folder: str, name: str) -> None:
    assert split(url) == (folder, name)
    assert join(folder, name) == url.replace("?x=/y/z", "")


def test_a_name_that_says_where_it_is_is_not_joined() -> None:
    for name in ("s3://b/a.mp4", "/a.mp4", "~/a.mp4"):
        assert join("https://h/d", name) == name
    assert join("https://h/d/e", "../a.mp4") == "https://h/d/a.mp4"


def test_a_path_has_one_spelling_and_stays_relative() -> None:
    assert anchored("./a/../b.mp4") == "b.mp4"
    assert anchored("file:///x/b.mp4") == "/x/b.mp4"
    assert anchored("b.mp4", Path("/base")) == "/base/b.mp4"
    assert anchored("zip://b.mp4::z.zip", Path("/base")) == "zip://b.mp4::/base/z.zip"
    assert anchored("s3://b/./c.mp4", Path("/base")) == "s3://b/./c.mp4"


def test_suffixes_ignore_queries_and_archives() -> None:
    assert suffix("https://h/a.MP4?sig=x.csv") == ".mp4"
    assert suffix("zip://a.mp4::z.zip") == ".mp4"
    assert suffix("data/a.b/c") == ""


def test_only_paths_are_local() -> None:
    assert is_local("a.mp4")
    assert is_local("file:///a.mp4")
    assert not is_local("zip://a.mp4::/a.zip")
    assert not is_local("s3://a/b.mp4")
