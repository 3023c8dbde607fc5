"""The layouts of video trainers: MP4 files and a table, or texts beside them."""

from __future__ import annotations

import csv
import json
import math
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from curator.convert.clips import Clip, Clips
from curator.errors import ConvertError
from curator.media.clips import decode_sound

__all__ = ["TRAINERS", "Trainer", "write_trainer"]

Entry = Mapping[str, Any]

_SLOWEST_MODEL_FPS = 16
"""Wan's frames per second; other models that musubi-tuner trains have more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A clip and its file."""

    clip: Clip
    path: str
    """Inside the folder."""
    absolute: str
    """Where it will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a table is made from."""

    folder: Path
    """Where files are written now."""
    target: Path
    """What the folder will be called."""
    entries: Sequence[Entry]
    clips: Sequence[Clip]
    """Without media."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """What one trainer reads."""

    summary: str
    entry: Callable[[Placed], Entry]
    """A row of its table."""
    write: Callable[[Listing], None]
    """Everything but the media."""
    folder: str = "videos"
    """Where the files lie."""
    sound: bool = False
    """Whether sound lies beside, as WAV, when every clip has some."""


def write_trainer(trainer: Trainer, clips: Clips, folder: Path, target: Path) -> int:
    """Write one layout into `folder`, which will be called `target`; the number of clips.

    Raises:
        ConvertError: ``convert-no-video``.
    """
    if not clips.has("video"):
        raise ConvertError("the release has no video", reason="convert-no-video")
    (folder / trainer.folder).mkdir(exist_ok=True)
    sound = trainer.sound and all(row["num_samples"] for row in clips.rows)
    if sound:
        (folder / "audio").mkdir()
    entries, light = [], []
    for clip in clips:
        path = f"{trainer.folder}/{clip.id}.mp4"
        (folder / path).write_bytes(clip.video or b"")
        placed = Placed(clip=clip, path=path, absolute=str(target / path))
        entry = dict(trainer.entry(placed))
        if sound:
            entry["audio"] = f"audio/{clip.id}.wav"
            _wav(folder / entry["audio"], clip.audio or b"", clip.row["num_samples"])
        entries.append(entry)
        light.append(replace(clip, video=None, audio=None, cameras={}, tracks={}))
    trainer.write(Listing(folder=folder, target=target, entries=entries, clips=light))
    return len(entries)


def _table(name: str) -> Callable[[Listing], None]:
    """A writer of one CSV, JSON or JSONL file, by its suffix."""

    def write(to: Listing) -> None:
        path, entries = to.folder / name, to.entries
        if path.suffix == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(entries[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(entries)
        elif path.suffix == ".jsonl":
            lines = (json.dumps(entry, ensure_ascii=False) for entry in entries)
            _text(path, "".join(f"{line}\n" for line in lines))
        else:
            _text(path, json.dumps(list(entries), ensure_ascii=False, indent=2) + "\n")

    return write


def _twins(to: Listing) -> None:
    """finetrainers: two lists, a line for each clip."""
    _text(to.folder / "prompts.txt", "".join(f"{one['caption']}\n" for one in to.entries))
    _text(to.folder / "videos.txt", "".join(f"{one['path']}\n" for one in to.entries))


def _musubi(to: Listing) -> None:
    """A JSONL file, and the TOML that names it."""
    _table("metadata.jsonl")(to)
    width, height = _typical_size(to.clips)
    rates = {round(float(clip.row["fps"]), 3) for clip in to.clips}
    # With `source_fps` it leaves frames out until the rate is the model's: at least Wan's.
    slower = min(1.0, _SLOWEST_MODEL_FPS / max(rates)) if len(rates) == 1 else 1.0
    frames = min(int(clip.row["num_frames"] * slower) for clip in to.clips)
    fps = [f"source_fps = {min(rates)}"] if len(rates) == 1 else []
    lines = [
        "[general]",
        f"resolution = [{width}, {height}]",
        "batch_size = 1",
        "enable_bucket = true",
        "bucket_no_upscale = true",
        "",
        "[[datasets]]",
        f"video_jsonl_file = {_quoted(to.target / 'metadata.jsonl')}",
        f"cache_directory = {_quoted(to.target / 'cache')}",
        f"target_frames = [{(frames - 1) // 4 * 4 + 1}]  # N * 4 + 1; the shortest clip has so many for any model",
        'frame_extraction = "head"',
        *fps,
    ]
    _text(to.folder / "dataset.toml", "\n".join(lines) + "\n")


def _pipe(to: Listing) -> None:
    """diffusion-pipe: a text beside each video, and the TOML that names the folder."""
    for clip in to.clips:
        _text(to.folder / "clips" / f"{clip.id}.txt", clip.caption + "\n")
    side = min(_typical_size(to.clips))
    shortest = min(int(clip.row["num_frames"]) for clip in to.clips)
    buckets = [one for one in (1, 33, 65, 97) if one <= shortest]
    lines = [
        f"resolutions = [{side}]",
        "enable_ar_bucket = true",
        "min_ar = 0.5",
        "max_ar = 2.0",
        "num_ar_buckets = 7",
        f"frame_buckets = {buckets}",
        "",
        "[[directory]]",
        f"path = {_quoted(to.target / 'clips')}",
        "num_repeats = 1",
    ]
    _text(to.folder / "dataset.toml", "\n".join(lines) + "\n")


def _fast(to: Listing) -> None:
    """FastVideo: a JSON file, and the line that says where both are."""
    _table("videos2caption.json")(to)
    _text(to.folder / "merge.txt", f"{to.target / 'videos'},{to.target / 'videos2caption.json'}\n")


def _size(clip: Clip) -> tuple[int, int]:
    return int(clip.row["width_px"]), int(clip.row["height_px"])


def _typical_size(clips: Sequence[Clip]) -> tuple[int, int]:
    sizes = [_size(clip) for clip in clips]
    return max(sorted(set(sizes)), key=sizes.count)


def _open_sora(one: Placed) -> Entry:
    clip = one.clip
    width, height = _size(clip)
    return {
        "path": one.absolute,
        "text": clip.caption,
        "num_frames": clip.row["num_frames"],
        "height": height,
        "width": width,
        "aspect_ratio": height / width,
        "resolution": height * width,
        "fps": clip.row["fps"],
    }


def _fast_entry(one: Placed) -> Entry:
    clip = one.clip
    width, height = _size(clip)
    return {
        "path": one.path.removeprefix("videos/"),
        "resolution": {"width": width, "height": height},
        "fps": clip.row["fps"],
        "duration": _duration(clip.row["num_frames"], clip.row["fps"]),
        "num_frames": clip.row["num_frames"],
        "cap": [clip.caption],
    }


def _duration(frames: int, fps: float) -> float:
    """Seconds. FastVideo counts frames as ``ceil(fps * duration)``: a rounding up would be one too many."""
    duration = frames / fps
    while math.ceil(fps * duration) > frames:
        duration = math.nextafter(duration, 0.0)
    return duration


def _wav(path: Path, flac: bytes, count: int) -> None:
    """16 bits, the only form that the LTX trainer's documentation names."""
    samples, info = decode_sound(flac, 0, count)
    whole = np.rint(np.clip(samples, -1, 1 - 2**-15) * 2**15).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(info.sample_rate_hz)
        file.writeframes(whole.T.tobytes())


def _fun(one: Placed) -> Entry:
    width, height = _size(one.clip)
    return {
        "file_path": one.path,
        "text": one.clip.caption,
        "type": "video",
        "width": width,
        "height": height,
    }


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


TRAINERS: Mapping[str, Trainer] = {
    "finetrainers": Trainer(
        summary="finetrainers: prompts.txt, videos.txt, videos/",
        entry=lambda one: {"caption": one.clip.caption, "path": one.path},
        write=_twins,
    ),
    "musubi": Trainer(
        summary="musubi-tuner: metadata.jsonl, dataset.toml, videos/ (absolute paths)",
        entry=lambda one: {"video_path": one.absolute, "caption": one.clip.caption},
        write=_musubi,
    ),
    "diffusion-pipe": Trainer(
        summary="diffusion-pipe: clips/ID.mp4 with clips/ID.txt, dataset.toml",
        entry=lambda _: {},
        write=_pipe,
        folder="clips",
    ),
    "ltx": Trainer(
        summary="LTX-2 trainer: dataset.jsonl with caption, video and, where all clips have sound, audio",
        entry=lambda one: {"caption": one.clip.caption, "video": one.path},
        write=_table("dataset.jsonl"),
        sound=True,
    ),
    "open-sora": Trainer(
        summary="Open-Sora 2: dataset.csv with sizes and rates (absolute paths)",
        entry=_open_sora,
        write=_table("dataset.csv"),
    ),
    "diffsynth": Trainer(
        summary="DiffSynth-Studio: metadata.csv with video and prompt",
        entry=lambda one: {"video": one.path, "prompt": one.clip.caption},
        write=_table("metadata.csv"),
    ),
    "fastvideo": Trainer(
        summary="FastVideo: videos2caption.json, merge.txt, videos/",
        entry=_fast_entry,
        write=_fast,
    ),
    "videox-fun": Trainer(
        summary="VideoX-Fun: metadata.json with file_path, text and size",
        entry=_fun,
        write=_table("metadata.json"),
    ),
}
