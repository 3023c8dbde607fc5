"""Plain files: a folder for each split with MP4s, what lies beside them, and `metadata.parquet`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from curator.convert.clips import Clip, Clips
from curator.pack.schema import MEDIA_TYPE
from curator.pack.table import write_table

__all__ = ["write_folder"]

_MOST_PER_FOLDER = 1000
"""The Hub takes ten thousand files in a folder; other tools grow slow before."""


def write_folder(clips: Clips, folder: Path) -> int:
    """Write ``SPLIT/00000/ID.mp4`` and ``SPLIT/metadata.parquet``; the number of clips.

    `datasets` reads it as a `videofolder`. Sound, cameras and captions are columns that name files
    (``audio_path``, ``video_path.NAME``) or hold text. Tracks are columns as in the release.
    """
    for split in sorted({row["split"] for row in clips.rows}):
        places = [at for at, row in enumerate(clips.rows) if row["split"] == split]
        entries = [
            _entry(clip, folder / split, f"{number // _MOST_PER_FOLDER:05d}")
            for number, clip in enumerate(clips.take(places))
        ]
        fields = [field for field in clips.schema if field.type != MEDIA_TYPE]
        paths = [name for name in entries[0] if name not in {one.name for one in fields}]
        schema = pa.schema([*(pa.field(name, pa.string()) for name in paths), *fields])
        write_table(folder / split / "metadata.parquet", pa.Table.from_pylist(entries, schema))
    return len(clips)


def _entry(clip: Clip, folder: Path, part: str) -> Mapping[str, Any]:
    """A row of the table; the files of the clip are written."""
    files: dict[str, tuple[str, bytes | None]] = {
        "file_name": (f"{part}/{clip.id}.mp4", clip.video),
        # No `audio_file_name`: beside videos, `datasets` takes that for a folder of sounds.
        "audio_path": (f"sound/{part}/{clip.id}.flac", clip.audio),
    }
    for name, data in clip.cameras.items():
        files[f"video_path.{name}"] = (f"cameras/{part}/{clip.id}.{name}.mp4", data)
    for path, data in files.values():
        if data is not None:
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    named = {name: path if data is not None else None for name, (path, data) in files.items()}
    tracks = {f"tracks.{name}": value for name, value in clip.tracks.items()}
    return {**named, "caption": clip.caption, **clip.row, **tracks}
