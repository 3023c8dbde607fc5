"""What publishing costs: bytes and requests of each kind of change, counted by a Hub on this machine.

    python benchmarks/publish.py [--videos 200] [--clip-kb 300]

Samples are noise of that size, so that nothing is saved by compression or by luck.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

from curator.hub.hugging_face import HuggingFaceRemote
from curator.hub.publish import publish
from curator.model.outcome import Sample
from curator.release.content import ReleaseContent
from curator.release.write import write
from curator.spec.recipe import PackSpec
from curator.spec.settings import PublishSpec
from tests.hub import HubServer
from tests.release_content import content, outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--clip-kb", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, HubServer() as hub:
        folder = Path(name)
        os.environ["HF_ENDPOINT"], os.environ["HF_TOKEN"] = hub.url, hub.user("ann")
        os.environ["HF_HOME"] = str(folder / "home")
        all_of_it = made(folder, given.videos + 1, given.clip_kb * 1000)
        fewer = without_last(all_of_it)
        steps = {
            f"{given.videos} videos, first version": fewer,
            "the same again": fewer,
            "other words on the card": reworded(fewer),
            "one video more": reworded(all_of_it),
        }
        remote = HuggingFaceRemote("ann/set")
        print(
            f"{'':<32} {'version':>8} {'files':>6} {'MB sent':>8} {'of shards':>9} {'requests':>8} {'s':>6}"
        )
        for about, one in steps.items():
            release = write(folder / "out", one)
            hub.reset_counts()
            begun = time.monotonic()
            report = publish(release.folder, remote, PublishSpec(), say=lambda _: None)
            seconds = time.monotonic() - begun
            manifest = json.loads((release.folder / "manifest.json").read_text())
            total = sum(f["bytes"] for p, f in manifest["files"].items() if p.startswith("data/"))
            shards = sum(size for path, size in report.uploaded if path.startswith("data/"))
            print(
                f"{about:<32} {report.version:>8} {len(report.uploaded):>6} "
                f"{hub.uploaded_bytes / 1e6:>8.2f} {shards / total:>9.2%} "
                f"{len(hub.requests):>8} {seconds:>6.1f}"
            )


def made(folder: Path, videos: int, clip_bytes: int) -> ReleaseContent:
    chance = random.Random(0)
    outcomes = [outcome(one) for one in range(videos)]
    whole = content(folder / "media", outcomes)
    samples = [
        noisy(one, folder, int(clip_bytes * chance.uniform(0.5, 1.5))) for one in whole.samples
    ]
    recipe = dataclasses.replace(whole.recipe, pack=PackSpec())
    return dataclasses.replace(whole, samples=samples, recipe=recipe)


def noisy(sample: Sample, folder: Path, size: int) -> Sample:
    path = folder / f"noise-{sample.id}"
    path.write_bytes(random.Random(sample.id).randbytes(size))
    return dataclasses.replace(sample, video=path)


def without_last(whole: ReleaseContent) -> ReleaseContent:
    last = whole.outcomes[-1].fingerprint
    return dataclasses.replace(
        whole,
        outcomes=list(whole.outcomes)[:-1],
        samples=[one for one in whole.samples if one.fingerprint != last],
    )


def reworded(whole: ReleaseContent) -> ReleaseContent:
    return dataclasses.replace(
        whole, recipe=dataclasses.replace(whole.recipe, description="Other words.")
    )


if __name__ == "__main__":
    main()
