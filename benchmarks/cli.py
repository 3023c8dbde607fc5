"""How long the command takes to say something: medians of interleaved runs, beside a bare Python.

``python benchmarks/cli.py [--runs N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

CURATOR = [sys.executable, "-m", "curator"]
FOOTAGE = ["sources.films.url=none/*.mp4", "sources.films.license=none"]

# What is run, and the environment on top of ours.
CASES: Mapping[str, tuple[Sequence[str], Mapping[str, str]]] = {
    "python -c pass": ([sys.executable, "-c", "pass"], {}),
    "import hydra": ([sys.executable, "-c", "import hydra"], {}),
    "curator --help": ([*CURATOR, "--help"], {}),
    "complete a recipe": ([*CURATOR, "-sc", "query=bash"], {"COMP_LINE": "curator build av"}),
    "complete a key": (
        [*CURATOR, "-sc", "query=bash"],
        {"COMP_LINE": "curator build avatar keep."},
    ),
    "compose (--cfg job)": ([*CURATOR, "plan", "avatar", "--cfg", "job"], {}),
    "check a recipe": ([*CURATOR, "recipes", "check", "avatar"], {}),
    # Composes, compiles, and stops where the footage would be looked for.
    "plan without footage": ([*CURATOR, "plan", "avatar", *FOOTAGE], {}),
}


def measure(runs: int) -> dict[str, list[float]]:
    """Seconds of each case, `runs` times in turn, so that a busy machine is unfair to all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs + 1):
            for name, (command, extra) in CASES.items():
                began = time.perf_counter()
                subprocess.run(
                    command,
                    cwd=folder,
                    env={**os.environ, **extra},
                    capture_output=True,
                    check=False,
                )
                if run:  # the first run fills the disk cache
                    seconds[name].append(time.perf_counter() - began)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    medians = {name: statistics.median(s) for name, s in measure(arguments.runs).items()}
    bare = medians["python -c pass"]
    if arguments.json:
        print(json.dumps({name: round(s, 4) for name, s in medians.items()}))
        return
    for name, median in medians.items():
        print(f"{name:<22} {median * 1000:7.0f} ms  {median / bare:5.1f} x bare python")


if __name__ == "__main__":
    main()
