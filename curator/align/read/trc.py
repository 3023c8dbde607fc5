"""TRC marker files (Track Row Column), as OpenSim and Motion Analysis write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid, read_text
from curator.align.read.joints import skeleton_of
from curator.align.read.lengths import LengthUnit, UpAxis
from curator.align.read.rotations import Floats
from curator.align.read.timeline import ticks_of
from curator.model.track import NANOSECOND, MotionTrack

__all__ = ["Trc"]

_MOST_BYTES = 512 << 20
_UNITS = {"m": LengthUnit.m, "cm": LengthUnit.cm, "mm": LengthUnit.mm, "in": LengthUnit.inch}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trc:
    """Markers by frame (``.trc``), in the units that the file declares.

    Markers hang from nothing: each is a root of the skeleton. An empty cell is a marker that was
    not seen. Times are the file's own column.

    Own parser: trc-data-reader is a dictionary of strings without checks, pyomeca and opensim
    bring a whole stack for a table of numbers.
    """

    name: ClassVar[str] = "trc"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".trc",)
    extra: ClassVar[str | None] = None

    up: UpAxis = UpAxis.y
    """Which axis points up; OpenSim's is y."""

    def read(self, file: Sidecar) -> Mapping[str, MotionTrack]:
        """The file's one set of markers; see `curator.abc.reader.TrackReader.read`."""
        lines = read_text(file, limit=_MOST_BYTES).split("\n")
        if len(lines) < 5 or not lines[0].startswith("PathFileType"):
            raise invalid(file, "does not begin with PathFileType", at="line 1")
        about = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
        unit = _UNITS.get(about.get("Units", "").strip().lower())
        if unit is None:
            message = f"'{about.get('Units', '')[:40]}' is no unit of length"
            raise invalid(file, message, at="line 3")
        names = [one.strip() for one in lines[3].rstrip().split("\t")[2:] if one.strip()]
        if not names:
            raise invalid(file, "names no markers", at="line 4")
        times, positions = _table(file, lines, len(names))
        ticks, keep = ticks_of(file, times, row="frame")
        return {
            "": MotionTrack(
                ticks=ticks,
                time_base=NANOSECOND,
                skeleton=skeleton_of(file, names, [-1] * len(names), self.up),
                positions=(positions[keep] * unit.value).astype(np.float32),
            )
        }


def _table(file: Sidecar, lines: list[str], markers: int) -> tuple[list[str], Floats]:
    """Times as they are written, and ``(n, markers, 3)``."""
    times, rows = [], []
    for number, line in enumerate(lines[5:], 6):
        if not line.strip():
            continue
        cells = line.rstrip("\n").split("\t")
        width = 2 + 3 * markers
        # Markers that were not seen at the end of a row may be cut off, a tab more may end it.
        if len(cells) < 2 or any(cell.strip() for cell in cells[width:]):
            raise invalid(file, f"{len(cells)} cells, {width} are due", at=f"line {number}")
        cells = [*cells[:width], *[""] * (width - len(cells))]
        try:
            row = [float(cell) if cell.strip() else np.nan for cell in cells[2:]]
        except ValueError as error:
            raise invalid(file, str(error), at=f"line {number}") from error
        times.append(cells[1])
        rows.append(row)
    if not rows:
        raise invalid(file, "holds no frames")
    return times, np.array(rows).reshape(-1, markers, 3)
