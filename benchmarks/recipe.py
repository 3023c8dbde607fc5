"""Precision and recall of a release in seconds of footage, against a film whose segments are known.

    python benchmarks/recipe.py RELEASE GROUND_TRUTH.json --label avatar [--json]

The truth is a list of segments with `start_s`, `end_s`, `label` and, for rejects, `reject_reasons`;
where two overlap (dissolves), an instant is right when either has the label. Recall counts the
seconds of labelled segments, also those that no clip could ever hold (shorter than the minimum).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

_STEP = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("release", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--label", required=True)
    parser.add_argument("--video", help="last part of the url; needed when the release has several")
    parser.add_argument("--rows", action="store_true", help="print every row")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = _rows(args.release, args.video)
    segments = json.loads(args.truth.read_text(encoding="utf-8"))["segments"]
    facts = score(rows, segments, args.label)
    if args.rows:
        for row in rows:
            print(
                f"{row['start_seconds']:8.2f} {row['end_seconds']:8.2f} {row['unit']:<5} {row['verdict']:<8} "
                f"{row['reason']:<24} {'' if row['margin'] is None else round(row['margin'], 3)!s:<8} "
                f"{_true_at((row['start_seconds'] + row['end_seconds']) / 2, segments)}"
            )
    if not args.json:
        print(
            f"{args.label}: precision {facts['precision']:.3f}  recall {facts['recall']:.3f}  "
            f"kept {facts['seconds_kept']:.1f} s of {facts['seconds_right']:.1f} s that are right"
        )
        for why, seconds in facts["wrong"].items():
            print(f"  kept, though {why}: {seconds:.1f} s")
    print(json.dumps(facts)) if args.json else None


def score(rows: list[dict[str, Any]], segments: list[dict[str, Any]], label: str) -> dict[str, Any]:
    """Sampled every 10 ms: simple, and exact enough for seconds."""
    kept = [(r["start_seconds"], r["end_seconds"]) for r in rows if r["verdict"] == "kept"]
    end = max(segment["end_s"] for segment in segments)
    both = right = total = 0
    wrong: dict[str, float] = defaultdict(float)
    for i in range(int(end / _STEP)):
        at = (i + 0.5) * _STEP
        here = [s for s in segments if s["start_s"] <= at < s["end_s"]]
        is_right = any(segment["label"] == label for segment in here)
        is_kept = any(start <= at < stop for start, stop in kept)
        right += is_right
        total += is_kept
        both += is_right and is_kept
        if is_kept and not is_right:
            wrong[", ".join(sorted({_why(segment) for segment in here})) or "nothing"] += _STEP
    return {
        "precision": both / total if total else 0.0,
        "recall": both / right if right else 0.0,
        "seconds_kept": total * _STEP,
        "seconds_right": right * _STEP,
        "wrong": dict(sorted(wrong.items())),
    }


def _rows(release: Path, video: str | None) -> list[dict[str, Any]]:
    rows = pq.read_table(release / "metrics.parquet").to_pylist()
    return [row for row in rows if video is None or row["video"].endswith(video)]


def _true_at(at: float, segments: list[dict[str, Any]]) -> str:
    here = [s for s in segments if s["start_s"] <= at < s["end_s"]]
    return " / ".join(_why(segment) for segment in here)


def _why(segment: dict[str, Any]) -> str:
    if segment["label"] != "reject":
        return str(segment["label"])
    return "reject: " + "+".join(segment["reject_reasons"])


if __name__ == "__main__":
    main()
