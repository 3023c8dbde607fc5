"""Sound against pictures in clips: ours beside the same cut by ffmpeg, over containers, codecs and rates.

    python benchmarks/sync.py [--films 3] [--only mkv] [--out benchmarks/sync.md] [--json]

Films with flashes and beeps of known offsets (-500 to 500 ms, see `curator.testing.beeps`) are cut from
one frame to another by `curator.media.encode.cut`, by ``ffmpeg -ss A -to B -c copy`` and by
``ffmpeg -ss A -to B`` with H.264 and AAC. Errors are measured skew minus planted offset, the worst
flash of all films of a row, in milliseconds. Clips of ffmpeg are read as a player reads them.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av

from curator.media.encode import AudioTrack, VideoTrack, cut
from curator.media.probe import probe
from curator.media.stats import DecodeStats
from curator.model.span import Span
from curator.testing.beeps import Measured, make_beeps, measure_file

_CODECS = {
    ".mp4": ("aac", "libopus"),
    ".mov": ("aac", "pcm_s16le"),
    ".mkv": ("aac", "libopus", "pcm_s16le"),
    ".webm": ("libopus",),
    ".ts": ("aac", "libopus"),
}
_RATES: dict[str, tuple[Fraction, list[int] | None]] = {
    "24": (Fraction(24), None),
    "25": (Fraction(25), None),
    "29.97": (Fraction(30000, 1001), None),
    "30": (Fraction(30), None),
    "50": (Fraction(50), None),
    "59.94": (Fraction(60000, 1001), None),
    "VFR": (Fraction(60), [1, 2, 1, 5]),
}
_ODD: dict[str, dict[str, Any]] = {
    "edit list: starts inside a group.mp4": {"start": -41, "gop": 50},
    "edit list: starts inside a group.mov": {"start": -41, "gop": 50, "audio_codec": "pcm_s16le"},
    "edit list: stream begins later.mp4": {"shift_container": True},
    "edit list of a 1 ms movie clock.mp4": {
        "shift_container": True,
        "mux": {"movie_timescale": "1000"},
    },
    "no edit list.mp4": {"mux": {"use_editlist": "0"}},
    "fragments.mp4": {"mux": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}},
    "begins at 1000 s.mkv": {"start": 30000},
    "clock wraps.ts": {"start": round((2**33 / 90000 - 5) * 30000 / 1001)},
}
_TO = (Fraction(25), Fraction(30))
"""Constant rates that films are brought to: there half a frame (20 and 16.67 ms) is what a picture may be off."""
_BEGIN, _END = 2.3, 9.1


@dataclass(frozen=True, slots=True)
class Cut:
    """What one way of cutting gave; the worst of several is `worse`."""

    error_ms: float | None
    """None when no flash has a beep near it."""
    pictures: int
    """Pictures too many (or, below zero, too few)."""

    def worse(self, other: Cut | None) -> Cut:
        """The larger error and the larger miscount of both."""
        if other is None:
            return self
        errors = (self.error_ms, other.error_ms)
        lost = None in errors
        error = None if lost else max((e for e in errors if e is not None), key=abs)
        return Cut(error, max(self.pictures, other.pictures, key=abs))


@dataclass(frozen=True, slots=True)
class Row:
    """One container, codec and rate."""

    container: str
    codec: str
    rate: str
    films: int
    flac: Cut
    mp4: Cut
    copied: Cut
    encoded: Cut


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=2, help="films of random offsets in each row")
    parser.add_argument("--only", default="", help="rows with this in their container or codec")
    parser.add_argument("--out", type=Path, help="write the table there")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        parser.error("ffmpeg is not installed; it is what clips are compared with")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(Path(folder), args.films, args.only):
            rows.append(row)
            print(_line(row), flush=True)
    text = _table(rows)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print("\n".join(text.splitlines()[-4:]))
    if args.json:
        print(json.dumps([asdict(row) for row in rows]))


def _rows(folder: Path, films: int, only: str) -> Iterator[Row]:
    for suffix, codecs in _CODECS.items():
        for codec in codecs:
            for rate, (fps, vfr) in _RATES.items():
                if only in suffix + codec:
                    how = {"audio_codec": codec, "fps": fps, "vfr": vfr}
                    yield _row(folder, suffix, codec, rate, films, how)
    for name, how in _ODD.items():
        if only in name:
            fps = Fraction(30000, 1001)
            start = {"start": how["start"] / fps} if "start" in how else {}
            codec = how.get("audio_codec", "aac")
            stem, _, suffix = name.rpartition(".")
            row = _row(folder, f".{suffix}", codec, "29.97", films, how | {"fps": fps} | start)
            yield replace(row, container=f"{suffix}: {stem}")
    for to in _TO if only in "constant rate" else ():
        for rate, (fps, vfr) in _RATES.items():
            # Long enough that no flash falls between two instants.
            how = {"fps": fps, "vfr": vfr, "to": to, "flash_frames": ceil(fps / to) + 1}
            yield _row(folder, ".mp4", "aac", f"{rate} to {to}", 3 * films, how)


def _row(folder: Path, suffix: str, codec: str, rate: str, films: int, how: dict[str, Any]) -> Row:
    chosen = random.Random(f"{suffix} {codec} {rate}")
    worst: dict[str, Cut] = {}
    for number in range(films):
        offset = Fraction(chosen.randint(-500, 500), 1000)
        if number < 2:  # the ends of the range, too
            offset = Fraction(-1 if number else 1, 2) if chosen.random() < 0.3 else offset
        for name, found in _cuts(folder, suffix, offset, how).items():
            worst[name] = found.worse(worst.get(name))
    return Row(suffix[1:], codec, rate, films, **worst)


def _cuts(folder: Path, suffix: str, offset: Fraction, how: dict[str, Any]) -> dict[str, Cut]:
    path = folder / f"film{suffix}"
    how = dict(how)
    to: Fraction | None = how.pop("to", None)
    pictures = {"codec": "libvpx", "b_frames": 0} if suffix == ".webm" else {"b_frames": 2}
    make_beeps(path, offset=offset, **pictures, **how)
    found = probe(path)
    table = found.table
    first, last = (table.index_at(Fraction(t)) for t in (_BEGIN, _END))
    span = Span(table.time(first), table.time(last))
    (clip,) = cut(
        path, found, [span], video=VideoTrack(fps=to), audio=AudioTrack(), stats=DecodeStats()
    )
    assert clip.video is not None, "the film has pictures"
    assert clip.audio is not None, "the film has sound"
    mp4, flac = measure_file(clip.video), measure_file(clip.audio)
    ours = replace(mp4, beeps=flac.beeps)  # FLAC counts from the clip's start, as pictures do
    wanted = last - first if to is None else ceil(span.seconds * to)
    # ffmpeg counts from the earliest stream, not from the first picture.
    with av.open(str(path), "r") as container:
        ahead = found.info.start_seconds - Fraction(container.start_time or 0, 1_000_000)
    there = Span(span.start + ahead, span.end + ahead)
    copied = _ffmpeg(path, folder / f"copied{suffix}", there, "-c", "copy")
    rate = [] if to is None else ["-r", str(to)]
    encoded = _ffmpeg(path, folder / "encoded.mp4", there, "-c:v", "libx264", "-c:a", "aac", *rate)
    return {
        name: _judge(one, offset, wanted)
        for name, one in {"flac": ours, "mp4": mp4, "copied": copied, "encoded": encoded}.items()
    }


def _ffmpeg(path: Path, out: Path, span: Span, *how: str) -> Measured:
    begin, end = (f"{float(t):.6f}" for t in (span.start, span.end))
    command = ["ffmpeg", "-v", "error", "-y", "-ss", begin, "-to", end, "-i", str(path), *how]
    subprocess.run([*command, str(out)], check=True, capture_output=True)
    return measure_file(out)


def _judge(found: Measured, offset: Fraction, wanted: int) -> Cut:
    errors = [1000 * (skew - float(offset)) for skew in found.skews()]
    return Cut(max(errors, key=abs, default=None), found.num_pictures - wanted)


_HEAD = (
    "| container | sound | fps | curator FLAC | curator MP4 | ffmpeg copy | ffmpeg re-encode |\n"
    "|---|---|---|---|---|---|---|"
)


def _line(row: Row) -> str:
    cuts = (row.flac, row.mp4, row.copied, row.encoded)
    return f"| {row.container} | {row.codec} | {row.rate} | " + " | ".join(map(_cell, cuts)) + " |"


def _cell(one: Cut) -> str:
    error = "lost" if one.error_ms is None else f"{one.error_ms:+.2f}"
    return error if not one.pictures else f"{error} ({one.pictures:+d} pictures)"


def _table(rows: list[Row]) -> str:
    ways = {"curator FLAC": "flac", "curator MP4": "mp4", "ffmpeg copy": "copied", "ffmpeg re-encode": "encoded"}  # fmt: skip
    worst = []
    kept = [row for row in rows if " to " not in row.rate]
    for title, name in ways.items():
        cuts = [getattr(row, name) for row in kept]
        errors = [abs(one.error_ms) for one in cuts if one.error_ms is not None]
        wrong = sum(bool(one.pictures) for one in cuts)
        worst.append(
            f"- {title}: worst error {max(errors, default=0):.2f} ms; other pictures than asked for in {wrong} of {len(kept)} rows"
        )
    films = sum(row.films for row in rows)
    return "\n".join(
        [
            "# Skew of clips",
            "",
            f"Made by `python benchmarks/sync.py --films {rows[0].films if rows else 0} --out benchmarks/sync.md`: {films} films.",
            "Measured skew minus planted offset, the worst flash of all films of a row, in milliseconds; in brackets",
            "pictures more or less than were asked for. Matroska and WebM round times to a millisecond. Rows with",
            "`A to B` bring films to a constant rate, where a picture may be off by half a frame (`ffmpeg -r B`, where `-vf fps=B` would do as we do; a copy keeps A).",
            "",
            _HEAD,
            *map(_line, rows),
            "",
            "At the source's own rate:",
            "",
            *worst,
            "",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
