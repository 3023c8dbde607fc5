"""Kills a whole build at random moments and resumes it: is the release the same, byte for byte?

    python benchmarks/kill.py [--kills 20] [--seed 1] -- avatar sources.films.url=... sources.films.license=...

One undisturbed build gives the release to compare with and the time that a build takes. Then, for
every kill, a build with a fresh store is started, the whole process group gets SIGKILL at a random
moment, and the build is run again to its end on what is left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--weights", type=Path, help="a store whose weights are shared")
    parser.add_argument("words", nargs="+", help="what to build, as after `curator build`")
    args = parser.parse_args()
    words = [*args.words, f"engine.workers={args.workers}"]
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        begun = time.monotonic()
        whole = build(root / "whole", words, args.weights)
        seconds = time.monotonic() - begun
        truth = files(Path(whole["release"]))
        print(f"undisturbed: {seconds:.1f} s, {whole['version']}, {len(truth)} files", flush=True)
        same = 0
        for number in range(args.kills):
            moment = rng.uniform(0.0, seconds)
            place = root / f"kill-{number}"
            died = kill(place, words, moment, args.weights)
            resumed = build(place, words, args.weights)
            equal = files(Path(resumed["release"])) == truth
            same += equal
            print(
                f"kill {number + 1:2} at {moment:6.2f} s ({'killed' if died else 'had finished'}): "
                f"{'the same' if equal else 'DIFFERENT'}, {resumed['frames_decoded']} frames decoded again",
                flush=True,
            )
    print(json.dumps({"kills": args.kills, "same": same, "seconds": seconds}))
    sys.exit(0 if same == args.kills else 1)


def command(place: Path, words: list[str], weights: Path | None) -> list[str]:
    place.mkdir(exist_ok=True)
    store = place / "store"
    if weights is not None and not (store / "weights").exists():
        store.mkdir(exist_ok=True)
        (store / "weights").symlink_to(weights.resolve() / "weights")
    places = [f"out={place / 'out'}", f"store.root={store}"]
    return [sys.executable, "-m", "curator", "build", *words, *places, "--json"]


def build(place: Path, words: list[str], weights: Path | None) -> dict[str, Any]:
    done = subprocess.run(
        command(place, words, weights), capture_output=True, text=True, check=False
    )
    if not done.stdout.strip():
        sys.exit(done.stderr)
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def kill(place: Path, words: list[str], moment: float, weights: Path | None) -> bool:
    """Start a build, wait, kill every process of it; whether it was still running."""
    process = subprocess.Popen(
        command(place, words, weights),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(moment)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def files(folder: Path) -> dict[str, str]:
    """Every file of a release by name, with its digest."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    main()
