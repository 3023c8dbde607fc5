"""A publisher in a process of its own, to be killed."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

__all__ = ["publisher", "start"]


def start() -> Any:
    """A context whose processes begin with everything imported, in milliseconds."""
    os.environ["HF_HUB_DISABLE_XET"] = "1"  # read when the client is imported, over there
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["curator.hub.publish", "curator.hub.hugging_face", "huggingface_hub.hf_api"]
    )
    return context


def publisher(release: str, repo: str, environment: dict[str, str]) -> None:
    """Publish, in silence."""
    os.environ.update(environment)
    from huggingface_hub.utils import disable_progress_bars

    from curator.hub.address import open_remote
    from curator.hub.publish import publish
    from curator.spec.settings import PublishSpec

    disable_progress_bars()
    publish(Path(release), open_remote(repo), PublishSpec(verify_files=1), say=lambda line: None)
