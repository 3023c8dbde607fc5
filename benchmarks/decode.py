"""How near the scan pass comes to raw decoding: `python benchmarks/decode.py VIDEO --json [--threads N] [--rounds R] [--limit C]`.

One round runs, one after the other and each in a process of its own, (a) the scan pass: one decode of
the whole video with every cheap measure and the shot detectors at work on it, and (b)
``ffmpeg -threads N -i VIDEO -f null -``. Reported are the medians over the rounds. The scan's wall
time is taken inside its process, without interpreter start, imports and probe; ffmpeg's is that of
its whole process, which is the stricter comparison by the few milliseconds of its start. CPU times
are user + system of the same stretch.

The scan runs as in a build with fewer workers than cores: the decoder has N threads in both, and
the scan works on one tile in two more threads while the next is decoded. ``--alone`` runs it as a worker
without a core to spare does, all in one thread; ``cpu_ratio`` says what that would give. Without a program called ffmpeg (or the package
imageio-ffmpeg) the yardstick is a bare PyAV decode loop, and ``yardstick`` says so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

COST_LIMIT = 0.005
"""What *cheap* means here: declared CPU-seconds per second of 25 fps video, without weights.

Decoding takes 0.12 of them at 1080p and 0.02 at 360p, so a cheap measure costs at most a quarter of
the decode of the smallest footage. The planner lets dearer ones join the scan of those recipes that
ask for them (`curator.plan.optimise.CHEAP`); ``--limit 0.03`` counts them all in, and the report
names those left out with their costs.
"""


def main() -> None:
    """Run the rounds; the last line of output is one JSON object."""
    args = _arguments()
    if args.child:
        sys.stdout.write(json.dumps(_CHILDREN[args.child](args)) + "\n")
        return
    ffmpeg = _ffmpeg()
    scans, raws = [], []
    for number in range(args.rounds):
        scans.append(_child("scan", args))
        raws.append(_null(ffmpeg, args) if ffmpeg else _child("pyav", args))
        if not args.json:
            line = (
                f"round {number + 1}: scan {scans[-1]['wall']:.2f} s, raw {raws[-1]['wall']:.2f} s"
            )
            sys.stdout.write(line + "\n")
    sys.stdout.write(json.dumps(_report(args, scans, raws, ffmpeg)) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--json", action="store_true", help="nothing but the JSON line")
    parser.add_argument("--threads", type=int, default=1, help="decoder threads of both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--alone", action="store_true", help="no core to spare: decode and measure in turns"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=COST_LIMIT,
        help="declared cost up to which a measure is cheap, CPU-seconds per second (%(default)s)",
    )
    parser.add_argument("--child", choices=sorted(_CHILDREN), help=argparse.SUPPRESS)
    return parser.parse_args()


def _report(
    args: argparse.Namespace,
    scans: list[dict[str, Any]],
    raws: list[dict[str, Any]],
    ffmpeg: str | None,
) -> dict[str, Any]:
    def median(runs: list[dict[str, Any]], key: str) -> float:
        return statistics.median(run[key] for run in runs)

    frames = scans[0]["frames"]
    return {
        "scan_fps": round(frames / median(scans, "wall"), 1),
        "ffmpeg_null_fps": round(frames / median(raws, "wall"), 1),
        "ratio": round(statistics.median(_ratios(scans, raws, "wall")), 3),
        "cpu_ratio": round(statistics.median(_ratios(scans, raws, "cpu")), 3),
        "peak_rss_mib": round(max(run["rss_mib"] for run in scans), 1),
        "frames": frames,
        "threads": args.threads,
        "rounds": args.rounds,
        "beside": _beside(args),
        "limit": args.limit,
        "yardstick": ffmpeg or "PyAV decode loop (no ffmpeg program found)",
        "timed": "scan: pass only; ffmpeg: whole process",
        "cpu_seconds": {k: round(v, 3) for k, v in scans[-1]["parts"].items()},
        "measures": scans[-1]["measures"],
        "dearer": scans[-1]["dearer"],
        "left_out": scans[-1]["left_out"],
        "load_average": os.getloadavg()[0],
    }


def _ratios(scans: list[dict[str, Any]], raws: list[dict[str, Any]], key: str) -> list[float]:
    """Round by round, so that a machine that is slow for a while is slow for both."""
    return [raw[key] / scan[key] for scan, raw in zip(scans, raws, strict=True)]


def _ffmpeg() -> str | None:
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _child(kind: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, str(args.video), "--child", kind]
    command += ["--threads", str(args.threads), "--limit", str(args.limit)]
    command += ["--alone"] if args.alone else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _null(ffmpeg: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [ffmpeg, "-v", "error", "-nostdin", "-threads", str(args.threads)]
    before, start = _children_cpu(), time.perf_counter()
    subprocess.run([*command, "-i", f"file:{args.video}", "-f", "null", "-"], check=True)
    return {"wall": time.perf_counter() - start, "cpu": _children_cpu() - before}


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _scan(args: argparse.Namespace) -> dict[str, Any]:
    """The pass as an engine's worker runs it: decode, then every measure on each tile."""
    import cv2

    from curator.abc.measure import FrameBlock, Tile
    from curator.engine.worker import spare_collector
    from curator.media.decode import DecodeStats, read_tiles
    from curator.media.probe import probe
    from curator.model.tile import Tiles

    cv2.setNumThreads(1)
    spare_collector()
    measures, dearer, left_out = _cheap(args.limit)
    running = {name: measure.start({}) for name, measure in measures.items()}
    needs = {need for measure in measures.values() for need in measure.needs.values()}
    found = probe(args.video)
    stats = DecodeStats()
    parts: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    every = Tiles.all(found.info.num_tiles)
    threads = {"threads": args.threads, "beside": _beside(args)}
    for tile in read_tiles(args.video, found, needs, every, stats=stats, **threads):
        for name, measure in measures.items():
            blocks = {k: tile.blocks[n] for k, n in measure.needs.items() if n in tile.blocks}
            frames = {k: b for k, b in blocks.items() if isinstance(b, FrameBlock)}
            audio = {k: b for k, b in blocks.items() if not isinstance(b, FrameBlock)}
            start = time.thread_time()
            running[name].tile(Tile(tile.index, tile.span, found.info, frames, audio))
            parts[name] = parts.get(name, 0.0) + time.thread_time() - start
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "frames": stats.frames_decoded,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "parts": stats.seconds | parts,
        "measures": sorted(measures),
        "dearer": dearer,
        "left_out": left_out,
    }


def _beside(args: argparse.Namespace) -> bool:
    """As `curator.engine.pool` decides for one worker."""
    return not args.alone and (os.cpu_count() or 1) > 1


def _cheap(limit: float) -> tuple[dict[str, Any], dict[str, float], list[str]]:
    """Cheap measures and the shot detectors, with default settings; the costs of those that are
    dearer; and the names of those that have weights or look at nothing."""
    from curator import registry

    found = {name: registry.load_measure(name)() for name in registry.measures()}
    found |= {name: registry.load_shots(name)() for name in registry.shot_detectors()}
    light = {name: m for name, m in found.items() if m.needs and not m.weights}
    chosen = {name: m for name, m in light.items() if m.cost <= limit}
    dearer = {name: m.cost for name, m in sorted(light.items()) if name not in chosen}
    return chosen, dearer, sorted(found.keys() - light.keys())


def _pyav(args: argparse.Namespace) -> dict[str, Any]:
    """The yardstick where there is no ffmpeg: decode and throw away."""
    import av

    start, cpu = time.perf_counter(), time.process_time()
    with av.open(str(args.video)) as container:
        stream = container.streams.video[0]
        stream.thread_count = args.threads
        stream.thread_type = "FRAME" if args.threads > 1 else "NONE"
        for _ in container.decode(stream):
            pass
    return {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}


_CHILDREN = {"scan": _scan, "pyav": _pyav}

if __name__ == "__main__":
    main()
