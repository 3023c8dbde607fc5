"""What the cascade saves: one recipe built in up to three ways, each in an empty store.

    python benchmarks/cascade.py RECIPE key=value ... [--weights STORE] [--rounds 1] [--ways own,installed] [--json]

``cascade``    as `curator build` does it: dear measures see only what cheap ones left alive
``own``        the recipe's measures on every second (``engine.measure_all=true``)
``installed``  every installed measure on every second, as a curator without a compiler would that scores
               first and filters afterwards. They are recorded by conditions that everything passes. Measures
               whose published checkpoint no package ships are left out, and named.

All must cut the same samples, byte for byte. Times are CPU-seconds of the whole build with all its workers,
so decoding and encoding, which no order of measures can save, are part of each.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curator.abc.measure import Measure
from curator.errors import MeasureError
from curator.registry import load_measure, measures
from curator.store.weights import resolve

_EVERYWHERE = "engine.measure_all=true"
_SPARES = frozenset({"glimpse"})
"""Measures that only spare others work: nobody who measures everything needs them."""
_SURELY = -1e30
"""A lower bound that every number meets."""
_WORDS = frozenset({"text", "name"})
"""Units of signals that are no numbers."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("words", nargs="+", help="recipe and settings, as for `curator build`")
    parser.add_argument("--weights", type=Path, help="a store whose model files are used")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ways", default="own,installed", help="what the cascade is compared with")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    compare = args.ways.split(",")
    ways: dict[str, list[str]] = {"cascade": []}
    left_out: dict[str, str] = {}
    if "own" in compare:
        ways["own"] = [_EVERYWHERE]
    if "installed" in compare:
        more, left_out = unused(args.words, args.weights or Path(".curator"))
        ways["installed"] = [_EVERYWHERE, *(f"+keep.every_{op}={one}" for op, one in more.items())]
    runs = [
        {way: build([*args.words, *words], args.weights) for way, words in ways.items()}
        for _ in range(args.rounds)
    ]
    facts = compared(runs)
    facts["left_out"] = left_out
    print(json.dumps(facts) if args.json else table(facts))
    if not facts["same_samples"]:
        sys.exit("not all ways cut the same samples")


def unused(words: list[str], weights: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Installed measures that the recipe does not use: a condition that all clips pass, or why there is none."""
    command = [sys.executable, "-m", "curator", "plan", *words, "--json"]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    (plan,) = json.loads(said.splitlines()[-1])["plans"]
    used = {node["op"] for node in plan["nodes"].values()}
    conditions: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for op in sorted(set(measures()) - used):
        if op in _SPARES:
            left_out[op] = "only spares others"
            continue
        try:
            measure = load_measure(op)()
            measure.start({weight.name: resolve(weight, weights) for weight in measure.weights})
        except MeasureError as error:
            left_out[op] = error.reason
            continue
        number = number_of(op, measure)
        if number is None:
            left_out[op] = "gives no numbers"
        else:
            conditions[op] = f"{{of: {number}, min: {_SURELY}, absent: keep}}"
    return conditions, left_out


def number_of(op: str, measure: Measure) -> str | None:
    """Some number that the measure gives a clip, if there is any."""
    signals = [f"{op}.{one.name}" for one in measure.signals if one.unit not in _WORDS]
    series = [f"{op}.{one.name}.median" for one in measure.series if not one.shape]
    return next(iter(signals + series), None)


def build(words: list[str], weights: Path | None) -> dict[str, Any]:
    """One build in an empty store: its CPU-seconds, what it said, and what it cut."""
    with tempfile.TemporaryDirectory(prefix="cascade-") as folder:
        root = Path(folder)
        if weights is not None and (weights / "weights").is_dir():
            shutil.copytree(weights / "weights", root / "store" / "weights")
        command = [sys.executable, "-m", "curator", "build", *words, "--json", "-q"]
        command += [f"out={root / 'out'}", f"store.root={root / 'store'}"]
        before = _cpu()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        spent = _cpu() - before
        facts = json.loads(done.stdout.splitlines()[-1])
        manifest = json.loads((Path(facts["release"]) / "manifest.json").read_text())
        return {
            "cpu": spent,
            "facts": facts,
            "shards": _shards(manifest),
            "samples": _samples(root / "store"),
            "kept": _kept(Path(facts["release"])),
        }


def compared(runs: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Seconds and ratios by way, and whether all cut the same.

    More measures are more columns, so shards are compared between the first two ways only, and the bytes of
    the clips and their spans between all.
    """
    first = runs[0]
    seconds = {way: statistics.median(run[way]["cpu"] for run in runs) for way in first}
    same = all(
        run[way]["samples"] == first["cascade"]["samples"]
        and run[way]["kept"] == first["cascade"]["kept"]
        and (way == "installed" or run[way]["shards"] == first["cascade"]["shards"])
        for run in runs
        for way in run
    )
    return {
        "cpu_seconds": {way: round(spent, 1) for way, spent in seconds.items()},
        "ratios": {
            way: round(
                statistics.median(run[way]["cpu"] / run["cascade"]["cpu"] for run in runs), 2
            )
            for way in first
        },
        "same_samples": same,
        "clips_kept": first["cascade"]["facts"]["clips"]["kept"],
        "frames_decoded": {way: one["facts"]["frames_decoded"] for way, one in first.items()},
    }


_ABOUT = {
    "cascade": "the cascade",
    "own": "the recipe's own measures on every second",
    "installed": "every installed measure on every second",
}


def table(facts: Mapping[str, Any]) -> str:
    """For people."""
    lines = [
        f"{spent:8.1f} CPU-s  {facts['ratios'][way]:5.2f}  {_ABOUT[way]}"
        for way, spent in facts["cpu_seconds"].items()
    ]
    same = "the same samples" if facts["same_samples"] else "NOT the same samples"
    lines.append(f"{facts['clips_kept']} clips kept, {same}")
    if facts["left_out"]:
        lines.append(
            "left out: " + ", ".join(f"{op} ({why})" for op, why in facts["left_out"].items())
        )
    return "\n".join(lines)


def _shards(manifest: dict[str, Any]) -> Any:
    """Name and digest of every file of samples."""
    files = manifest["files"].items()
    return sorted((path, held["sha256"]) for path, held in files if path.startswith("data/"))


def _samples(store: Path) -> list[tuple[str, str, bytes]]:
    """Every encoded clip: the key (video, span, settings) and the digests of its files."""
    ask = "SELECT key, output, inline FROM facts JOIN documents USING (key) WHERE op = 'encode'"
    with sqlite3.connect(store / "facts.db") as database:
        return sorted(database.execute(ask))


def _kept(release: Path) -> list[tuple[str, float, float]]:
    """Video and span of every kept clip."""
    rows = pq.read_table(release / "metrics.parquet").to_pylist()
    return sorted(
        (row["video"], row["start_seconds"], row["end_seconds"])
        for row in rows
        if row["verdict"] == "kept"
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
