"""What recipes share when they are built together: frames decoded and CPU, each alone and all in one go.

    python benchmarks/sweep.py avatar,motion,robotics key=value ... [--weights STORE] [--json]

Every build begins with an empty store. Counted are frames decoded for measuring, not for encoding. Each is to be
seen once by every recipe; what a recipe decodes beyond that is for its models, on what is left by then. So the sweep
should decode no more than 1.15 times the most demanding recipe alone, plus what the models of the others need.
"""

from __future__ import annotations

import argparse
import glob
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import av


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", help="names with commas between them")
    parser.add_argument("words", nargs="*", help="settings, as for `curator build`")
    parser.add_argument("--weights", type=Path, help="a store whose model files are used")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    names = args.recipes.split(",")
    alone = {name: build([f"recipe={name}", *args.words], args.weights) for name in names}
    together = build(["-m", f"recipe={args.recipes}", *args.words], args.weights)
    footage = sum(frames_of(path) for path in videos(args.words))
    frames = sorted(one["frames"] for one in alone.values())
    models = sum(count - footage for count in frames[:-1])
    facts = {
        "alone": alone,
        "together": together,
        "footage_frames": footage,
        "frames_ratio": round(together["frames"] / frames[-1], 3),
        "models_of_the_others": models,
        "bound": round(1.15 * frames[-1] + models),
        "cpu_ratio_to_sum": round(
            together["cpu_seconds"] / sum(one["cpu_seconds"] for one in alone.values()), 3
        ),
    }
    if args.json:
        print(json.dumps(facts))
        return
    for name, one in {**alone, "together": together}.items():
        print(f"{name:12} {one['frames']:7} frames  {one['cpu_seconds']:8.1f} CPU-s")
    print(f"frames: {facts['frames_ratio']} of the most demanding one alone; footage has {footage}")
    print(f"1.15 times that one, and what the models of the others need: {facts['bound']}")


def videos(words: list[str]) -> list[str]:
    """The local files that the settings name."""
    urls = [word.partition("=")[2] for word in words if word.partition("=")[0].endswith(".url")]
    return [path for url in urls for path in glob.glob(url, recursive=True)]  # noqa: PTH207 - absolute ones too


def frames_of(path: str) -> int:
    """How many pictures a file has."""
    with av.open(path) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def build(words: list[str], weights: Path | None) -> dict[str, Any]:
    """One build in an empty store: frames decoded for measuring, and CPU-seconds of all its processes."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        root = Path(folder)
        if weights is not None and (weights / "weights").is_dir():
            shutil.copytree(weights / "weights", root / "store" / "weights")
        command = [sys.executable, "-m", "curator", "build", *words, "--json", "-q"]
        command += [f"out={root / 'out'}", f"store.root={root / 'store'}"]
        before = _cpu()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        spent = _cpu() - before
    facts = json.loads(done.stdout.splitlines()[-1])
    # The counters are those of the whole sweep, in each of its builds.
    one = facts["builds"][0] if "builds" in facts else facts
    frames = one["frames_decoded"] - one["frames_decoded_to_encode"]
    return {"frames": frames, "cpu_seconds": round(spent, 1)}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
