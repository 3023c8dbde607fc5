"""The media of a sample, decoded: counts, sizes, times, and whether sound and pictures agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Any

from curator.errors import MediaError
from curator.media.readback import WrittenSound, WrittenVideo, compare_sound, read_clip
from curator.release.verify.faults import Fault
from curator.release.verify.rows import Row

__all__ = ["Decoded", "check_media", "decode_media"]

_SKEW_SECONDS = 0.001
_START_SECONDS = Fraction(1, 10_000)
"""MP4 counts in ticks; a start this near to zero is zero."""
_SAME_SOUND = 0.5
"""Match of a clip's two sound tracks below which they are two sounds; AAC of speech has 0.95 and more."""
_AAC_SAMPLES = 2 * 1024
"""Its last packet is filled up, and one more may follow."""
_HEAD = 1


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What could be decoded of one row."""

    clips: Mapping[str, WrittenVideo]
    """By column."""
    faults: tuple[Fault, ...]


def decode_media(row: Row) -> Decoded:
    """Every media column of a row; what cannot be decoded is a fault."""
    clips: dict[str, WrittenVideo] = {}
    faults: list[Fault] = []
    for column, cell in row.values.items():
        if not _is_media(column) or cell is None:
            continue
        wanted = row.id + _suffix(column)
        if cell["path"] != wanted:
            what = f"{column} is the file of another sample: {cell['path']}, not {wanted}"
            faults.append(row.fault("media-path", "media", what))
        try:
            clips[column] = read_clip(cell["bytes"] or b"", head=_HEAD)
        except MediaError as error:
            faults.append(row.fault("undecodable", "media", f"{column}: {error.message}"))
    return Decoded(clips, tuple(faults))


def check_media(
    row: Row, decoded: Decoded, *, rates: Mapping[str, Fraction | None]
) -> Iterator[Fault]:
    """All that can be said of a row's media without its source; `rates` are the recipe's constant ones, by column."""
    yield from decoded.faults
    for column, clip in decoded.clips.items():
        if clip.damaged:
            yield row.fault("damaged", "media", f"{column}: {clip.damaged} packets do not decode")
        if column != "audio":
            yield from _check_pictures(row, column, clip, rates.get(column))
            yield from _check_player_sound(row, column, clip)
    yield from _check_presence(row)
    exact, video = decoded.clips.get("audio"), decoded.clips.get("video")
    if exact is not None and exact.sound is not None:
        yield from _check_exact_sound(row, exact.sound)
        if video is not None and video.sound is not None:
            yield from _check_skew(row, exact.sound, video.sound)


def _check_presence(row: Row) -> Iterator[Fault]:
    counts = {"video": "num_frames", "audio": "num_samples"}
    for column, count in counts.items():
        there = row.values.get(column) is not None
        if column in row.values and there != bool(row.values.get(count)):
            what = f"{count} is {row.values.get(count)}, but {column} is {'there' if there else 'missing'}"
            yield row.fault("media-missing", "media", what)
    for name in row.cameras:
        column = f"video.{name}"
        if column in row.values and row.values[column] is None:
            what = f"the manifest says what {column} was cut from, but it is missing"
            yield row.fault("media-missing", "media", what)


def _check_pictures(
    row: Row, column: str, clip: WrittenVideo, fps: Fraction | None
) -> Iterator[Fault]:
    if column == "video":
        yield from _check_columns(row, clip)
    about = "" if column == "video" else f"{column}: "
    expected = None if fps is None else ceil(row.seconds * fps)
    # Another camera's clock may run faster or slower.
    slack = 0 if column == "video" else 1
    if expected is not None and abs(len(clip.times) - expected) > slack:
        what = f"{about}{len(clip.times)} pictures, {float(row.seconds):.3f} s at {fps} fps have {expected}"
        yield row.fault("num-frames", "media", what)
    if clip.times:
        yield from _check_times(row, column, clip, fps)


def _check_columns(row: Row, clip: WrittenVideo) -> Iterator[Fault]:
    told = row.values
    if len(clip.times) != told["num_frames"]:
        what = f"{len(clip.times)} pictures decode, num_frames says {told['num_frames']}"
        yield row.fault("num-frames", "media", what)
    size = (clip.width_px, clip.height_px)
    if size != (told["width_px"], told["height_px"]):
        what = f"pictures are {size[0]} x {size[1]}, the columns say {told['width_px']} x {told['height_px']}"
        yield row.fault("size", "media", what)


def _check_times(
    row: Row, column: str, clip: WrittenVideo, fps: Fraction | None
) -> Iterator[Fault]:
    steps = [b - a for a, b in pairwise(clip.times)]
    frame = max([*steps, clip.end_seconds - clip.times[-1]])
    # The clip begins with a frame of `video`; another camera's next one may come a frame later.
    latest = _START_SECONDS if column == "video" or fps is not None else frame
    if not -_START_SECONDS <= clip.times[0] <= latest:
        what = f"{column}: the first picture is shown at {float(clip.times[0]):.4f} s, not at 0"
        yield row.fault("video-start", "sync", what)
    if any(step <= 0 for step in steps):
        yield row.fault("picture-times", "media", f"{column}: times of pictures do not increase")
    elif fps is not None and steps and max(steps) > Fraction(3, 2) * median(steps):
        at = clip.times[steps.index(max(steps))]
        what = f"{column}: a picture is missing after {float(at):.3f} s at {fps} fps"
        yield row.fault("picture-times", "media", what)
    if abs(clip.end_seconds - row.seconds) > frame:
        what = f"{column}: pictures last {float(clip.end_seconds):.3f} s, the clip {float(row.seconds):.3f} s"
        yield row.fault("duration", "sync", what)


def _check_player_sound(row: Row, column: str, clip: WrittenVideo) -> Iterator[Fault]:
    """The AAC inside an MP4: what players and most training code hear."""
    sound = clip.sound
    if sound is None:
        if column == "video" and row.values.get("audio") is not None:
            yield row.fault("media-missing", "media", f"{column}: has no sound, though audio has")
        return
    if abs(sound.start_seconds) > _START_SECONDS:
        what = f"{column}: sound starts at {float(sound.start_seconds):+.4f} s, not at 0"
        yield row.fault("audio-start", "sync", what)
    slack = Fraction(_AAC_SAMPLES, sound.sample_rate_hz)
    if not -_START_SECONDS <= sound.seconds - row.seconds <= slack:
        what = f"{column}: sound lasts {float(sound.seconds):.4f} s, the clip {float(row.seconds):.4f} s"
        yield row.fault("duration", "sync", what)


def _check_exact_sound(row: Row, sound: WrittenSound) -> Iterator[Fault]:
    told = row.values
    rate = sound.sample_rate_hz
    channels, count = sound.samples.shape
    expected = ceil(row.end * rate) - ceil(row.start * rate)
    found: dict[str, tuple[Any, Any]] = {
        "sample_rate_hz": (rate, told["sample_rate_hz"]),
        "channels": (channels, told["channels"]),
        "num_samples": (count, told["num_samples"]),
    }
    for name, (is_, says) in found.items():
        if is_ != says:
            yield row.fault("num-samples", "media", f"audio: {name} is {is_}, the column says {says}")  # fmt: skip
    if abs(count - expected) > 1:
        what = f"audio: {count} samples, {float(row.seconds):.4f} s at {rate} Hz have {expected}"
        yield row.fault("num-samples", "media", what)


def _check_skew(row: Row, exact: WrittenSound, player: WrittenSound) -> Iterator[Fault]:
    """Both tracks hold the same sound, from t = 0 on: neither may be late against the other."""
    found = compare_sound(exact, player)
    if found is None:
        return
    late = found.late_seconds + float(player.start_seconds - exact.start_seconds)
    if found.match < _SAME_SOUND:
        what = f"audio and the sound of video are two different sounds (match {found.match:.2f})"
        yield row.fault("other-sound", "sync", what)
    elif abs(late) > _SKEW_SECONDS:
        what = f"the sound of video is {1000 * late:+.2f} ms late against audio"
        yield row.fault("skew", "sync", what)


def _is_media(column: str) -> bool:
    return column in ("video", "audio") or column.startswith("video.")


def _suffix(column: str) -> str:
    if column == "audio":
        return ".flac"
    camera = column.partition(".")[2]
    return f".{camera}.mp4" if camera else ".mp4"
