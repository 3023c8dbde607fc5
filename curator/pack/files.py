"""Layout ``files``: every clip is an MP4, and the rows are beside them, as `datasets` reads folders of videos.

The exact sound stays in the rows: a folder of videos has one kind of media for `datasets`, and the Hub
takes 100,000 files. A folder is a shard, so that a clip that comes or goes changes one table.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from curator.pack.entry import Entry, media_name
from curator.pack.layout import Layout, Mask, Place, Thinned, embedded, write_rows
from curator.pack.rewrite import keep_rows
from curator.pack.schema import MEDIA_TYPE, with_features

__all__ = ["FilesLayout"]

_VIDEO = "video"
_FILE = "file_name"
_SOUND = "audio"
_PLAIN = (_SOUND,)
"""As a type of its own `datasets` would want torchcodec to read the table at all: it reads folders row by row."""


class FilesLayout(Layout):
    """``clips/train/0110/ID.mp4`` and ``clips/train/0110/metadata.parquet``."""

    name: ClassVar[str] = "files"
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"clips/(?P<split>[^/]+)/(?P<prefix>\w+)/metadata\.parquet"
    )
    glob: ClassVar[str] = "clips/*/*/metadata.parquet"
    tables: ClassVar[bool] = False
    most_samples: ClassVar[int | None] = 1000
    """People look into folders, and the Hub takes 10,000 entries in one."""

    def index(self, split: str, prefix: str) -> str:
        """The table of a folder."""
        return f"clips/{split}/{prefix or 'all'}/metadata.parquet"

    def columns(self, rows: pa.Schema) -> pa.Schema:
        """``file_name`` in place of ``video``, ``video.NAME_file_name`` in place of ``video.NAME``."""
        fields = [
            pa.field(_column(one.name), pa.string()) if _is_file(one) else one for one in rows
        ]
        return with_features(fields, plain=_PLAIN)

    def placed(self, index: pa.Schema) -> dict[str, str]:
        """Videos."""
        return {
            name.removesuffix(f"_{_FILE}") if name != _FILE else _VIDEO: name
            for name in index.names
            if name == _FILE or (name.startswith(f"{_VIDEO}.") and name.endswith(f"_{_FILE}"))
        }

    def place(self, value: Any, index: str) -> Place | None:
        """A file beside the table."""
        return None if value is None else Place(path=f"{index.rpartition('/')[0]}/{value}")

    def write(
        self, folder: Path, index: str, groups: Iterable[Sequence[Entry]], rows: pa.Schema
    ) -> dict[str, tuple[str, ...]]:
        """A folder of clips, and its table."""
        place = index.rpartition("/")[0]
        files = [field.name for field in rows if _is_file(field)]
        has_sound = _SOUND in rows.names
        held: dict[str, tuple[str, ...]] = {}
        (folder / place).mkdir(parents=True)

        def told() -> Iterator[list[dict[str, Any]]]:
            for group in groups:
                yield [self._row(folder / place, one, files, has_sound=has_sound) for one in group]
                for one in group:
                    names = [media_name(one.id, name) for name in files if name in one.media]
                    held[one.id] = tuple(f"{place}/{name}" for name in names)

        write_rows(folder / index, told(), self.columns(rows))
        return held

    def thin(self, source: Path, target: Path, index: str, wanted: Mask) -> Thinned:
        """The table; clips are files of their own."""
        ids = keep_rows(source / index, target / index, wanted)
        return Thinned(ids=ids, written=(index,))

    def data_files(self, split: str) -> str:
        """Clips and tables of a split."""
        return f"clips/{split}/**"

    def features(self, index: pa.Schema) -> pa.Schema:
        """`datasets` opens the files that are named."""
        return with_features(self.rows(index), plain=_PLAIN)

    def _row(
        self, folder: Path, entry: Entry, files: Sequence[str], *, has_sound: bool
    ) -> dict[str, Any]:
        row = entry.row()
        for name in files:
            path = entry.media.get(name)
            row[_column(name)] = None if path is None else media_name(entry.id, name)
            if path is not None:
                shutil.copyfile(path, folder / media_name(entry.id, name))
        if has_sound:
            row[_SOUND] = embedded(entry.media.get(_SOUND), media_name(entry.id, _SOUND))
        return row


def _is_file(field: pa.Field) -> bool:
    return bool(field.type == MEDIA_TYPE) and field.name != _SOUND


def _column(name: str) -> str:
    return _FILE if name == _VIDEO else f"{name}_{_FILE}"
