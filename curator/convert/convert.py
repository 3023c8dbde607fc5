"""A release in the layout of another tool: the formats, and the way into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from curator.convert.clips import Clips
from curator.convert.folder import write_folder
from curator.convert.lerobot import write_lerobot
from curator.convert.tables import TRAINERS, write_trainer
from curator.convert.webdataset import write_webdataset
from curator.errors import ConvertError
from curator.hub.where import Where
from curator.registry import nearest
from curator.release.read import ReleaseFolder
from curator.release.staging import publish, staging

__all__ = ["FORMATS", "Converted", "Format", "convert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One layout."""

    summary: str
    write: Callable[[Clips, Path, Path], int]
    """The samples, the folder to write in and its final place; how many samples were written."""
    all_splits: bool = True
    """Whether it tells splits apart; else one split is written, `train` unless another is asked for."""


FORMATS: Mapping[str, Format] = {
    "webdataset": Format(
        summary="WebDataset: SPLIT-000000.tar with ID.mp4, ID.flac, ID.json, ID.txt",
        write=lambda clips, folder, _: write_webdataset(clips, folder),
    ),
    "lerobot": Format(
        summary="LeRobotDataset v3.0: tracks of numbers, every camera, the caption as task",
        write=lambda clips, folder, _: write_lerobot(clips, folder),
    ),
    "files": Format(
        summary="plain files: SPLIT/00000/ID.mp4, SPLIT/metadata.parquet (`datasets` reads it)",
        write=lambda clips, folder, _: write_folder(clips, folder),
    ),
    **{
        name: Format(
            summary=trainer.summary, write=partial(write_trainer, trainer), all_splits=False
        )
        for name, trainer in TRAINERS.items()
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What was written."""

    folder: Path
    format: str
    samples: int
    left_out: int
    """Samples that lack what the format needs of every sample."""

    def to_json(self) -> dict[str, object]:
        """The facts, as ``--json`` shows them."""
        return {
            "folder": str(self.folder),
            "format": self.format,
            "samples": self.samples,
            "left_out": self.left_out,
        }

    def lines(self) -> list[str]:
        """The same for people."""
        lines = [f"{self.samples} samples as {self.format} in {self.folder}"]
        if self.left_out:
            lines.append(f"  {self.left_out} left out: they lack a track or a camera")
        return lines


def convert(
    release: ReleaseFolder,
    target: Path,
    *,
    to: str,
    split: str | None = None,
    where: Where | None = None,
    caption: str | None = None,
) -> Converted:
    """Write a release to `target` in another layout; the folder appears whole or not at all.

    Args:
        release: What is converted.
        target: A folder that is not there yet, or empty.
        to: A name of `FORMATS`.
        split: Only this one.
        where: Only samples that meet it.
        caption: A text track or a column of text; the only text track unless given.

    Raises:
        ConvertError: ``convert-format``, ``convert-exists``, and what does not fit the format.
    """
    if to not in FORMATS:
        raise ConvertError(
            f"no format '{to}'", reason="convert-format", hint=nearest(to, list(FORMATS))
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConvertError(
            f"{target} is there already, and holds something",
            reason="convert-exists",
            hint="name another folder",
        )
    chosen = FORMATS[to]
    if split is None and not chosen.all_splits:
        split = "train"
    clips = Clips(release, split=split, where=where, caption=caption)
    target = target.absolute()
    with staging(target.parent) as folder:
        count = chosen.write(clips, folder, target)
        if target.exists():
            target.rmdir()
        publish(folder, target)
    return Converted(folder=target, format=to, samples=count, left_out=len(clips) - count)
