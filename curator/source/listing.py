"""What a url means: the files that it names, in a folder, by a pattern, or alone."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from curator.source.address import is_hidden, is_local, is_video, open_address, suffix
from curator.source.commits import at_commit, from_commit

__all__ = ["Match", "match", "what_is_there"]

_SHARDS = (".tar", ".parquet")
"""What is searched for videos where there are none; the first kind that is there."""
_ABOUT = re.compile(r"metadata\.(csv|jsonl|parquet)")
"""The table beside the videos of a folder, as `datasets` reads it."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """The files that a url names."""

    urls: list[str]
    others: int = 0
    """Files that it matches as well, and that hold no videos."""
    shards: tuple[str, ...] = ()
    """Files of a folder without videos that may hold some."""
    about: tuple[str, ...] = ()
    """Tables of a folder that tell of its videos."""


def match(url: str, pins: Mapping[str, str]) -> Match:
    """The files that `url` names, in the state that `pins` fix.

    Raises:
        OSError and what else `curator.source.address.remote_errors` names.
    """
    return _local(url) if is_local(url) else _remote(url, pins)


def _local(url: str) -> Match:
    path = Path(url)
    if path.is_file():
        return Match(urls=[url])
    if path.is_dir():
        return _of_folder(_shown(sorted(path.rglob("*")), path))
    # Hidden files are not matched by wildcards, as in a shell.
    names = glob.glob(url, recursive=True)  # noqa: PTH207 - pathlib matches hidden files
    files = [Path(name) for name in sorted(names) if Path(name).is_file()]
    if _says_suffix(url):
        return Match(urls=[os.path.normpath(file) for file in files])
    return _of_folder(_shown(files, path))


def _shown(files: Iterable[Path], root: Path) -> list[str]:
    shown = []
    for file in files:
        parts = file.relative_to(root).parts if file.is_relative_to(root) else (file.name,)
        if not is_hidden(parts) and file.is_file():
            shown.append(os.path.normpath(file))
    return shown


def _remote(url: str, pins: Mapping[str, str]) -> Match:
    where = at_commit(url, pins)
    fs, path = open_address(where)
    is_pattern = False
    if _has_wildcard(where) and not ("*" not in path and fs.exists(path)):
        names = [one for one, info in fs.glob(path, detail=True).items() if _is_file(info)]
        is_pattern = True
    elif _is_file(fs.info(path)) and not path.endswith("/"):
        return Match(urls=[url])
    else:
        names = fs.find(path)
    start = re.split(r"[*?\[]", path)[0].rpartition("/")[0]
    shown = [one for one in sorted(names) if not is_hidden(one[len(start) :].split("/"))]
    urls = [from_commit(_url_of(one, where), pins) for one in shown]
    return Match(urls=urls) if is_pattern and _says_suffix(url) else _of_folder(urls)


def _of_folder(urls: list[str]) -> Match:
    """What is taken of the files of a folder."""
    videos = [url for url in urls if is_video(url)]
    about = tuple(url for url in urls if _ABOUT.fullmatch(posixpath.basename(url.split("::")[0])))
    kinds = [
        tuple(url for url in urls if suffix(url) == kind and url not in about) for kind in _SHARDS
    ]
    shards = () if videos else next(filter(None, kinds), ())
    others = len(urls) - len(videos) - len(shards)
    return Match(urls=videos, others=others, shards=shards, about=about)


def _url_of(path: str, pattern: str) -> str:
    """A path of a file system as a URL, in the way its pattern was written."""
    head, *rest = pattern.split("::")
    scheme = head.split("://")[0]
    own = path if "://" in path else f"{scheme}://{path.lstrip('/')}"
    return "::".join([own, *rest])


def _is_file(info: Mapping[str, object]) -> bool:
    return info.get("type") == "file"


def _has_wildcard(url: str) -> bool:
    first = url.split("::")[0]
    # A question mark of a web address begins its query.
    return bool(re.search(r"[*\[]" if first.startswith("http") else r"[*?\[]", first))


def _says_suffix(url: str) -> bool:
    """Whether a pattern names its own suffix (``*.dat``), and so means what it matches."""
    return bool(re.fullmatch(r"\.\w+", posixpath.splitext(url.split("::")[0])[1]))


def what_is_there(url: str, others: int) -> str:
    """Why a url matches nothing, as far as can be told."""
    if others:
        return f"{others} files are there, but none is named like a video (.mp4, .mov, .mkv ...)"
    if not is_local(url):
        return "nothing has that name; check the bucket or folder, and the pattern"
    path = Path(url)
    parent = path if path.is_dir() else next(one for one in path.parents if one.is_dir())
    try:
        files = [file for file in parent.iterdir() if file.is_file()]
    except OSError:
        return f"the nearest folder that exists is {parent}, which cannot be listed"
    videos = sum(is_video(file.name) for file in files)
    return f"the nearest folder that exists is {parent} ({len(files)} files, {videos} videos)"
