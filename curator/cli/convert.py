"""`curator convert`."""

from __future__ import annotations

from pathlib import Path

from curator.cli.output import Output
from curator.cli.remote import option
from curator.errors import ConvertError, UsageError

__all__ = ["HELP", "run"]

HELP = """
usage: curator convert RELEASE|DATASET[@VERSION] --to FORMAT DIR [--split NAME] [--where CONDITION]
                       [--caption NAME] [--json]

Write the samples of a release to the new folder DIR in the layout of another tool.

  webdataset       WebDataset: SPLIT-000000.tar with ID.mp4, ID.flac, ID.json, ID.txt
  lerobot          LeRobotDataset v3.0: tracks of numbers, every camera, the caption as task
  files            MP4 files and metadata.parquet for each split, which `datasets` reads
  finetrainers     prompts.txt, videos.txt, videos/
  musubi           metadata.jsonl and dataset.toml of musubi-tuner
  diffusion-pipe   ID.mp4 with ID.txt, dataset.toml
  ltx              dataset.jsonl of the LTX-2 trainer
  open-sora        dataset.csv of Open-Sora 2
  diffsynth        metadata.csv of DiffSynth-Studio
  fastvideo        videos2caption.json and merge.txt of FastVideo
  videox-fun       metadata.json of VideoX-Fun

  --split train             only one split; trainers get `train` unless told otherwise
  --where CONDITION         only samples that meet it: --where "face.height_px >= 400"
  --caption NAME            a text track or a column of text; unless given, the only text track,
                            and for clips without words what the recipe says of all
"""


def run(words: list[str], output: Output) -> int:
    """Convert one release."""
    words, to = option(words, "--to")
    words, split = option(words, "--split")
    words, condition = option(words, "--where")
    words, caption = option(words, "--caption")
    if to is None or len(words) != 2 or any(word.startswith("-") for word in words):
        raise UsageError(
            "convert takes a release, a format and a folder",
            reason="usage-words",
            hint="curator convert releases/0123456789ab --to webdataset shards",
        )
    from curator.convert.convert import convert
    from curator.hub.secrets import quiet_logs
    from curator.hub.where import Where
    from curator.loader.loading import resolve
    from curator.release.read import open_release

    where = Where.parse(condition) if condition is not None else None
    with quiet_logs():
        release = open_release(resolve(words[0], None))
    try:
        done = convert(release, Path(words[1]), to=to, split=split, where=where, caption=caption)
    except OSError as error:
        raise ConvertError(
            f"{words[1]} cannot be written: {error.strerror or error}", reason="convert-unwritable"
        ) from error
    output.say(done.lines())
    output.document(done.to_json())
    return 0
