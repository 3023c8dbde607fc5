"""Shot boundaries of `cuts` beside PySceneDetect at its defaults, in one run on footage with known boundaries.

A hard cut is found by a boundary within 2 frames of it (or the tolerance written in the truth), a
gradual transition by one in ``[start - 2, end + 2]``; each boundary finds one at most. A boundary
inside the range of a gradual transition counts for gradual transitions only, found or not. Any
other boundary that finds nothing counts against what its detector calls it, and PySceneDetect
calls everything a cut. Boundaries within 2 frames of a frame marked ambiguous are left out.
`title_card` entries are no boundaries of their own: each is the text between a fade out and a fade
in, which both have their own entries.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenedetect import AdaptiveDetector, ContentDetector, detect

from curator.abc.measure import FrameBlock, Tile
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.clip import Shot, Transition
from curator.model.series import Series
from curator.model.tile import Tiles
from curator.segment.cuts import Cuts

TOLERANCE = 2
KINDS = ("cut", "gradual", "all")


@dataclass(frozen=True)
class Truth:
    cuts: tuple[tuple[int, int], ...]
    gradual: tuple[tuple[int, int], ...]
    ambiguous: tuple[int, ...]


@dataclass(frozen=True)
class Found:
    frame: int
    gradual: bool


@dataclass
class Count:
    hits: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, other: Count) -> None:
        self.hits += other.hits
        self.wrong += other.wrong
        self.missed += other.missed

    def figures(self) -> dict[str, float | int]:
        found, true = self.hits + self.wrong, self.hits + self.missed
        return {
            "f1": round(2 * self.hits / (found + true), 4) if found + true else 1.0,
            "precision": round(self.hits / found, 4) if found else 1.0,
            "recall": round(self.hits / true, 4) if true else 1.0,
            "hits": self.hits,
            "wrong": self.wrong,
            "missed": self.missed,
        }


@dataclass
class Score:
    kinds: dict[str, Count] = field(default_factory=lambda: {kind: Count() for kind in KINDS})

    def add(self, other: Score) -> None:
        for kind, count in other.kinds.items():
            self.kinds[kind].add(count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("CURATOR_SHARED", Path(__file__).parents[2] / "shared"))
    parser.add_argument("--data", type=Path, default=shared / "data" / "fixtures")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    report = measure(args.data)
    print(json.dumps(report) if args.json else table(report))


def measure(data: Path) -> dict[str, dict[str, dict[str, object]]]:
    """Figures by detector, file (and ``pooled``) and kind."""
    detectors: dict[str, Callable[[Path], list[Found]]] = {
        "cuts": ours,
        "scenedetect content": lambda path: theirs(path, ContentDetector()),
        "scenedetect adaptive": lambda path: theirs(path, AdaptiveDetector()),
    }
    report: dict[str, dict[str, dict[str, object]]] = {}
    for name, find in detectors.items():
        pooled, rows = Score(), {}
        start = time.process_time()
        for video, truth in truths(data):
            score = compare(find(video), truth)
            pooled.add(score)
            rows[video.name] = figures(score)
        rows["pooled"] = figures(pooled) | {"cpu_seconds": round(time.process_time() - start, 1)}
        report[name] = rows
    return report


def truths(data: Path) -> Iterable[tuple[Path, Truth]]:
    """The film, and every file with annotated shots."""
    film = data / "film" / "film_fixture.gt.json"
    yield film.with_name(json.loads(film.read_text())["file"]), read_truth(film)
    for path in sorted((data / "gt").glob("*.shots.json")):
        video = data.parent / json.loads(path.read_text())["file"]
        yield video, read_truth(path)


def read_truth(path: Path) -> Truth:
    document = json.loads(path.read_text())
    cuts, gradual = [], []
    for one in document["boundaries"]:
        near = one.get("tolerance", TOLERANCE)
        if one["type"] == "cut":
            cuts.append((one["frame"] - near, one["frame"] + near))
        elif one["type"] != "title_card":
            gradual.append((one["start"] - near, one["end"] + near))
    return Truth(tuple(cuts), tuple(gradual), tuple(document.get("ambiguous", ())))


def ours(path: Path) -> list[Found]:
    return [
        Found(shot.start_frame, shot.transition is not Transition.cut)
        for shot in shots(path, Cuts())
        if shot.transition is not Transition.start
    ]


def shots(path: Path, detector: Cuts) -> tuple[Shot, ...]:
    known = probe(path)
    running = detector.start({})
    parts: dict[str, list[Series]] = {}
    need = detector.needs["thumb"]
    tiles = Tiles.all(int(known.info.num_tiles))
    for one in read_tiles(path, known, [need], tiles, stats=DecodeStats()):
        block = one.blocks[need]
        assert isinstance(block, FrameBlock)
        tile = Tile(one.index, one.span, known.info, {"thumb": block}, {})
        for name, series in running.tile(tile).items():
            parts.setdefault(name, []).append(series)
    return detector.shots({name: Series.join(some) for name, some in parts.items()}, known.table)


def theirs(path: Path, detector: ContentDetector | AdaptiveDetector) -> list[Found]:
    scenes = detect(str(path), detector)
    return [Found(int(start.frame_num), gradual=False) for start, _ in scenes[1:]]


def compare(found: Sequence[Found], truth: Truth) -> Score:
    inside = [one for one in found if within(one.frame, truth.gradual)]
    outside = [one for one in found if not within(one.frame, truth.gradual)]
    gradual, left = match(inside, truth.gradual)
    cut, unmatched = match(outside, truth.cuts)
    gradual.wrong = len(left)
    for one in unmatched:
        if any(abs(one.frame - frame) <= TOLERANCE for frame in truth.ambiguous):
            continue
        if one.gradual:
            gradual.wrong += 1
        else:
            cut.wrong += 1
    score = Score({"cut": cut, "gradual": gradual, "all": Count()})
    score.kinds["all"].add(cut)
    score.kinds["all"].add(gradual)
    return score


def within(frame: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(first <= frame <= last for first, last in ranges)


def match(found: Sequence[Found], ranges: Sequence[tuple[int, int]]) -> tuple[Count, list[Found]]:
    """Each range, earliest end first, takes the earliest boundary that is left in it."""
    left = sorted(found, key=lambda one: one.frame)
    count = Count()
    for first, last in sorted(ranges, key=lambda one: one[1]):
        hit = next((one for one in left if first <= one.frame <= last), None)
        if hit is None:
            count.missed += 1
        else:
            left.remove(hit)
            count.hits += 1
    return count, left


def figures(score: Score) -> dict[str, object]:
    return {kind: count.figures() for kind, count in score.kinds.items()}


def table(report: dict[str, dict[str, dict[str, object]]]) -> str:
    files = list(next(iter(report.values())))
    lines = [f"{'F1 (precision, recall)':32}" + "".join(f"{name:>26}" for name in report)]
    for file in files:
        for kind in KINDS:
            row = f"{file[:22]:23}{kind:9}"
            for rows in report.values():
                one = rows[file][kind]
                assert isinstance(one, dict)
                row += f"{one['f1']:10.3f} ({one['precision']:.3f}, {one['recall']:.3f})"
            lines.append(row)
    seconds = [f"{name} {rows['pooled']['cpu_seconds']} s" for name, rows in report.items()]
    return "\n".join([*lines, f"CPU time with decoding: {', '.join(seconds)}"])


if __name__ == "__main__":
    main()
