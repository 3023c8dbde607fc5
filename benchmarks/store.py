"""Times of the store: keys made, facts written and looked up. The look-up of 20,000 keys should take under a second."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from curator.store.facts import Entry
from curator.store.key import digest
from curator.store.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Path(folder), args.keys)
    if args.json:
        print(json.dumps(times))
    else:
        for name, value in times.items():
            print(f"{name:28} {value}")


def measure(folder: Path, count: int) -> dict[str, float]:
    """Seconds for `count` small facts in batches of 100, and for 500 outputs of 20 kB in files."""
    times: dict[str, float] = {"keys": count}
    with Store.open(folder / "store") as store:
        start = time.perf_counter()
        entries = [entry(n, random.randbytes(300)) for n in range(count)]
        times["hash_seconds"] = since(start)
        start = time.perf_counter()
        for first in range(0, count, 100):
            store.record(entries[first : first + 100])
        times["record_seconds"] = since(start)
        start = time.perf_counter()
        found = store.facts(one.key for one in entries)
        times["look_up_seconds"] = since(start)
        if len(found) != count:
            raise SystemExit("facts are missing")
        start = time.perf_counter()
        store.record([entry(count + n, random.randbytes(20_000)) for n in range(500)])
        times["record_500_files_seconds"] = since(start)
    return times


def entry(number: int, output: bytes) -> Entry:
    document = {
        "format": 1,
        "op": "face",
        "version": 1,
        "params": {"fps": 8.0, "number": number},
        "inputs": {"video": "a" * 64},
    }
    return Entry(
        key=digest(document),
        document=document,
        op="face",
        subject=f"video-{number % 500}",
        first=0,
        last=30,
        output=output,
    )


def since(start: float) -> float:
    return round(time.perf_counter() - start, 3)


if __name__ == "__main__":
    main()
