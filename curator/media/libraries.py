"""Which FFmpeg decodes: the libraries that PyAV brings along."""

from __future__ import annotations

from collections.abc import Mapping

import av

__all__ = ["ffmpeg_versions"]


def ffmpeg_versions() -> Mapping[str, str]:
    """Version by library name, e.g. ``{"libavcodec": "62.28.100"}``."""
    return {name: ".".join(map(str, parts)) for name, parts in sorted(av.library_versions.items())}
