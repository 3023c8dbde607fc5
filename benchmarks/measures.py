"""CPU milliseconds per second of video that each measure costs, beside decoding and views.

    python benchmarks/measures.py VIDEO [--seconds 20] [--rounds 3] [--json]

One decode serves all; the measures then run over the same blocks, in turn, and the median of the
rounds is shown. All of them together should stay below 15 % of decoding 1080p H.264.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import thread_time

import cv2

from curator.abc.measure import AudioBlock, FrameBlock, Measure, Tile
from curator.media.decode import DecodedTile, DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import TILE_SECONDS, Tiles
from curator.model.video import VideoInfo
from curator.registry import load_measure, measures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    costs = bench(args.video, cheap_measures(), args.seconds, args.rounds)
    if args.json:
        print(json.dumps({name: round(cost, 3) for name, cost in costs.items()}))
        return
    for name, cost in costs.items():
        print(f"{name:16} {cost:8.2f} ms/s  {100 * cost / costs['decode']:6.2f} % of decode")


def cheap_measures() -> list[Measure]:
    """Every installed measure that needs neither weights nor an extra, with default settings."""
    made = [load_measure(op)() for op in measures()]
    return [one for one in made if one.needs and not one.weights and one.extra is None]


def bench(video: Path, chosen: list[Measure], seconds: float, rounds: int) -> dict[str, float]:
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
        for one in chosen:
            times[one.name].append(_run(one, found.info, decoded))
    each = {name: 1000 * median(spent) / length for name, spent in times.items()}
    extra = costs.get("views", 0.0) + sum(each.values())
    return {**costs, **each, "measures": sum(each.values()), "views+measures": extra}


def _run(measure: Measure, info: VideoInfo, decoded: list[DecodedTile]) -> float:
    """CPU-seconds of one measure over all tiles."""
    running = measure.start({})
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
