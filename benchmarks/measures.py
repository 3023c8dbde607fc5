"""CPU milliseconds per second of video that each measure costs, beside decoding and views.

    python benchmarks/measures.py VIDEO [--seconds 20] [--rounds 3] [--models] [--json]

One decode serves all; the measures then run over the same blocks, in turn, and the median of the
rounds is shown. All cheap ones together should stay below 15 % of decoding 1080p H.264. With
``--models`` those with weights run as well (fetched into ``--store`` once), as long as they need no
checkpoint of the user's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import thread_time

import cv2

from curator.abc.measure import AudioBlock, FrameBlock, Measure, Tile
from curator.errors import MeasureError
from curator.media.decode import DecodedTile, DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import TILE_SECONDS, Tiles
from curator.model.video import VideoInfo
from curator.registry import load_measure, measures
from curator.store.weights import resolve


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", action="store_true", help="measures with weights as well")
    parser.add_argument("--store", type=Path, default=Path(".curator"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    chosen = with_models(args.store) if args.models else {m: {} for m in cheap_measures()}
    costs = bench(args.video, chosen, args.seconds, args.rounds)
    if args.json:
        print(json.dumps({name: round(cost, 3) for name, cost in costs.items()}))
        return
    for name, cost in costs.items():
        print(f"{name:16} {cost:8.2f} ms/s  {100 * cost / costs['decode']:6.2f} % of decode")


def cheap_measures() -> list[Measure]:
    """Every installed measure that needs neither weights nor an extra, with default settings."""
    made = [load_measure(op)() for op in measures()]
    return [one for one in made if one.needs and not one.weights and one.extra is None]


def with_models(store: Path) -> dict[Measure, Mapping[str, Path]]:
    """Every installed measure that can run with default settings, with its model files."""
    out: dict[Measure, Mapping[str, Path]] = {}
    for op in measures():
        try:
            one = load_measure(op)()
            files = {weight.name: resolve(weight, store) for weight in one.weights}
            one.start(files)
        except (MeasureError, TypeError) as error:
            print(f"{op:16} left out: {error}", file=sys.stderr)
            continue
        if one.needs:
            out[one] = files
    return out


def bench(
    video: Path, chosen: Mapping[Measure, Mapping[str, Path]], seconds: float, rounds: int
) -> dict[str, float]:
    """CPU-ms per second of video by part: ``decode``, ``views``, ``audio``, each measure, ``measures``, ``all``."""
    found, stats = probe(video), DecodeStats()
    needs = tuple({need for one in chosen for need in one.needs.values()})
    tiles = Tiles.all(min(int(found.info.num_tiles), max(1, round(seconds / TILE_SECONDS))))
    decoded = list(read_tiles(video, found, needs, tiles, stats=stats))
    length = sum(float(tile.span.seconds) for tile in decoded)
    costs = {part: 1000 * spent / length for part, spent in sorted(stats.seconds.items())}
    costs.setdefault("decode", float("nan"))
    times: dict[str, list[float]] = {one.name: [] for one in chosen}
    for _ in range(rounds):
        for one, files in chosen.items():
            times[one.name].append(_run(one, files, found.info, decoded))
    each = {name: 1000 * median(spent) / length for name, spent in times.items()}
    extra = costs.get("views", 0.0) + sum(each.values())
    return {**costs, **each, "measures": sum(each.values()), "views+measures": extra}


def _run(
    measure: Measure, files: Mapping[str, Path], info: VideoInfo, decoded: list[DecodedTile]
) -> float:
    """CPU-seconds of one measure over all tiles; loading is not counted."""
    running = measure.start(files)
    tiles = [_tile(measure, info, one) for one in decoded]
    start = thread_time()
    for tile in tiles:
        running.tile(tile)
    return thread_time() - start


def _tile(measure: Measure, info: VideoInfo, one: DecodedTile) -> Tile:
    blocks: Mapping[str, FrameBlock | AudioBlock] = {
        name: one.blocks[need] for name, need in measure.needs.items() if need in one.blocks
    }
    frames = {name: block for name, block in blocks.items() if isinstance(block, FrameBlock)}
    audio = {name: block for name, block in blocks.items() if isinstance(block, AudioBlock)}
    return Tile(one.index, one.span, info, frames, audio)


if __name__ == "__main__":
    main()
