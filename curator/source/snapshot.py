"""Parts of a Hub repository as a folder of this machine: for readers that look at many files at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from curator.source.address import open_address
from curator.source.commits import parts

__all__ = ["has_file", "take_snapshot"]


def has_file(url: str, name: str) -> bool:
    """Whether there is a file under a folder of a repository.

    Raises:
        OSError and what else `curator.source.address.remote_errors` names.
    """
    fs, path = open_address(f"{url.rstrip('/')}/{name}")
    return bool(fs.exists(path))


def take_snapshot(url: str, folders: Sequence[str]) -> Path:
    """Fetch some folders below `url`, which names a commit; where `url` is on this machine then.

    The files lie in the Hub client's own cache, and are fetched once for each commit.

    Raises:
        OSError and what else `curator.source.address.remote_errors` names.
    """
    from huggingface_hub import snapshot_download

    found = parts(url)
    assert found is not None, f"{url} is no place on the Hub"
    within = found.path.strip("/")
    below = f"{within}/" if within else ""
    root = snapshot_download(
        found.repo,
        repo_type=found.kind,
        revision=found.revision,
        allow_patterns=[f"{below}{folder}/*" for folder in folders],
        endpoint=os.environ.get("HF_ENDPOINT") or None,
    )
    return Path(root) / within
