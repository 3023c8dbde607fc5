"""What the cascade saves: the same recipe with and without it, each in an empty store.

    python benchmarks/cascade.py RECIPE key=value ... [--rounds 1] [--json]

With the cascade a build measures dear things only where cheap ones left something alive; without it
(``engine.measure_all=true``) every measure sees every second. Both must cut the same samples: the
digests of all shards are compared. Times are CPU-seconds of the whole build with all its workers.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="+", help="recipe and settings, as for `curator build`")
    parser.add_argument("--weights", type=Path, help="a store whose model files are used")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    runs = [
        {
            name: build(args.words, everything=everything, weights=args.weights)
            for name, everything in _WAYS.items()
        }
        for _ in range(args.rounds)
    ]
    same = all(one["cascade"]["shards"] == one["everything"]["shards"] for one in runs)
    facts = {
        "cascade_cpu_seconds": _median(runs, "cascade", "cpu"),
        "everything_cpu_seconds": _median(runs, "everything", "cpu"),
        "ratio": statistics.median(
            one["everything"]["cpu"] / one["cascade"]["cpu"] for one in runs
        ),
        "same_samples": same,
        "clips_kept": runs[0]["cascade"]["facts"]["clips"]["kept"],
        "frames_decoded": {name: runs[0][name]["facts"]["frames_decoded"] for name in _WAYS},
    }
    print(json.dumps(facts))
    if not same:
        sys.exit("the two ways cut different samples")


_WAYS = {"cascade": False, "everything": True}


def build(words: list[str], *, everything: bool, weights: Path | None) -> dict[str, Any]:
    """One build in an empty store: its CPU-seconds, what it said, and what it cut."""
    with tempfile.TemporaryDirectory(prefix="cascade-") as folder:
        root = Path(folder)
        if weights is not None and (weights / "weights").is_dir():
            shutil.copytree(weights / "weights", root / "store" / "weights")
        command = [sys.executable, "-m", "curator", "build", *words, "--json", "-q"]
        command += [f"out={root / 'out'}", f"store.root={root / 'store'}"]
        command += [f"engine.measure_all={str(everything).lower()}"]
        before = _cpu()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        spent = _cpu() - before
        facts = json.loads(done.stdout.splitlines()[-1])
        manifest = json.loads((Path(facts["release"]) / "manifest.json").read_text())
        return {"cpu": spent, "facts": facts, "shards": _shards(manifest)}


def _shards(manifest: dict[str, Any]) -> Any:
    """Name and digest of every file of samples."""
    files = manifest["files"].items()
    return sorted((path, held["sha256"]) for path, held in files if path.startswith("data/"))


def _median(runs: list[dict[str, Any]], way: str, what: str) -> float:
    return round(statistics.median(one[way][what] for one in runs), 2)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
