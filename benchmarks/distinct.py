"""Times and memory of finding near-duplicates: embeddings with faiss, hashes of pictures by bit samples.

    python benchmarks/distinct.py --vectors 1000000

Pairs are planted, so recall is known: embeddings of 512 numbers around 2,000 topics, one in ten with a twin
at a cosine distance of 0.01 to 0.045; clips of 5 s, one in ten with a copy whose hashes differ in 10 % of
the bits.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import numpy.typing as npt

from curator.plan.distinct import Link, best_first
from curator.select.candidates import near_rows
from curator.select.vectors import near_pairs

SIZE = 512
LIMIT = 0.05
HASHES = 5
VARIANTS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--clips", type=int, default=200_000)
    parser.add_argument("--index", default="auto")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    times: dict[str, float] = {}
    if args.vectors:
        times |= vectors(args.vectors, args.index)
    if args.clips:
        times |= pictures(args.clips)
    print(
        json.dumps(times)
        if args.json
        else "\n".join(f"{name:28} {value}" for name, value in times.items())
    )


def vectors(count: int, index: str) -> dict[str, float]:
    """Find planted twins among `count` unit vectors, and drop one of each."""
    units, twins = planted(count)
    start = time.perf_counter()
    pairs, distances = near_pairs(units, max_distance=LIMIT, index=index)
    seconds = since(start)
    found = {tuple(pair) for pair in pairs.tolist()}
    start = time.perf_counter()
    links = [
        Link(first=a, second=b, by="v", distance=d, limit=LIMIT)
        for (a, b), d in zip(pairs.tolist(), distances.tolist(), strict=True)
    ]
    fell = best_first(range(count), links)
    return {
        "vectors": count,
        "vectors_seconds": seconds,
        "drop_seconds": since(start),
        "pairs_found": len(pairs),
        "dropped": len(fell),
        "recall": round(len(found & twins) / max(1, len(twins)), 5),
        "peak_gib": peak(),
    }


def planted(count: int) -> tuple[npt.NDArray[np.float16], set[tuple[int, int]]]:
    """``(n, 512)`` unit vectors, and the pairs that are twins."""
    random = np.random.default_rng(1)
    topics = random.standard_normal((2000, SIZE), np.float32)
    units = np.empty((count, SIZE), np.float16)
    originals = count * 10 // 11
    block = 50_000
    for begin in range(0, count, block):
        end = min(begin + block, count)
        part = random.standard_normal((end - begin, SIZE), np.float32)
        part += topics[random.integers(0, len(topics), end - begin)]
        units[begin:end] = part / np.linalg.norm(part, axis=1, keepdims=True)
    source = random.permutation(originals)[: count - originals]
    for begin in range(originals, count, block):
        end = min(begin + block, count)
        part = units[source[begin - originals : end - originals]].astype(np.float32)
        off = random.standard_normal(part.shape, np.float32)
        off -= (off * part).sum(axis=1, keepdims=True) * part
        off /= np.linalg.norm(off, axis=1, keepdims=True)
        cosine = 1 - random.uniform(0.01, 0.045, (end - begin, 1)).astype(np.float32)
        units[begin:end] = part * cosine + off * np.sqrt(1 - cosine**2)
    return units, {(int(a), originals + i) for i, a in enumerate(source)}


def pictures(count: int) -> dict[str, float]:
    """Find planted copies among `count` clips of five hashes with six crops each."""
    random = np.random.default_rng(2)
    originals = count * 10 // 11
    whole = random.integers(0, 256, (count, HASHES, 32), np.uint8)
    source = random.permutation(originals)[: count - originals]
    whole[originals:] = whole[source] ^ np.packbits(
        random.random((count - originals, HASHES, 256)) < 0.1, axis=-1
    )
    crops = random.integers(0, 256, (count, HASHES * (VARIANTS - 1), 32), np.uint8)
    owner = np.arange(count)
    bits = np.concatenate([whole.reshape(-1, 32), crops.reshape(-1, 32)])
    owners = np.concatenate([np.repeat(owner, HASHES), np.repeat(owner, HASHES * (VARIANTS - 1))])
    del crops
    start = time.perf_counter()
    pairs = near_rows(bits, owners, num_whole=count * HASHES, most=51)
    seconds = since(start)
    found = {tuple(pair) for pair in pairs.tolist()}
    twins = {(int(a), originals + i) for i, a in enumerate(source)}
    return {
        "clips": count,
        "hashes": len(bits),
        "hashes_seconds": seconds,
        "candidates": len(found),
        "candidates_recall": round(len(found & twins) / max(1, len(twins)), 5),
        "peak_gib_with_hashes": peak(),
    }


def since(start: float) -> float:
    return round(time.perf_counter() - start, 2)


def peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


if __name__ == "__main__":
    main()
