"""How often marks are found that were laid over real footage, and how often where there is none.

    python benchmarks/logos.py FOLDER [--films 12] [--crf 28] [--jump SECONDS]

Films are put together from 2 to 8 s of eight videos each, encoded without a mark and with one (five
drawings, four sizes, four opacities, in the corners and in the middle), and measured as a build measures them. A second counts
as found when at least three scenes have its mark and the middle lies within 3 % of the mark.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from curator_overlay import Logos

from curator.abc.measure import FrameBlock, Tile
from curator.errors import MediaError
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.series import Series
from curator.model.tile import Tiles
from curator.testing.tiles import join

Frame = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]

WIDTH, HEIGHT, FPS = 640, 360, 12
DRAWINGS = ("letters", "ring", "disc", "star", "bars")
WIDTHS = (0.05, 0.08, 0.12, 0.16)
OPACITIES = (1.0, 0.5, 0.3, 0.2)
PLACES = ("tl", "tr", "bl", "br", "c")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--crf", type=int, default=28)
    parser.add_argument("--jump", type=float, help="seconds after which the mark is elsewhere")
    args = parser.parse_args()
    videos = sorted(p for p in args.folder.rglob("*") if p.suffix in (".mp4", ".mkv", ".webm"))
    clean: Counter[str] = Counter()
    marked = {opacity: Counter[str]() for opacity in OPACITIES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        for seed in range(args.films):
            frames = list(film(videos, seed, args.shots))
            count(path, frames, [None] * len(frames), args.crf, clean)
            for k, opacity in enumerate(OPACITIES):
                drawing = drawn(DRAWINGS[seed % 5], WIDTHS[(seed + k) % 4])
                place = PLACES[(seed // 5 + k) % 5]
                boxes: list[Box | None] = []
                with_mark = []
                for number, frame in enumerate(frames):
                    turn = int(number / FPS / args.jump) if args.jump else 0
                    at = PLACES[(PLACES.index(place) + turn) % 5]
                    shown, box = laid(frame, drawing, at, opacity)
                    with_mark.append(shown)
                    boxes.append(box)
                count(path, with_mark, boxes, args.crf, marked[opacity])
    told = clean["told"]
    print(f"without a mark: {clean['found']} of {told} s have one ({clean['found'] / told:.2%})")
    for opacity, one in marked.items():
        print(
            f"opacity {opacity:.0%}: {one['right']} of {one['told']} s found ({one['right'] / one['told']:.1%}), "
            f"{one['found'] - one['right']} s elsewhere; {one['films']} of {args.films} films"
        )
    seconds = sum((c["seconds"] for c in marked.values()), clean["seconds"])
    cpu = sum((c["cpu_ms"] for c in marked.values()), clean["cpu_ms"]) / 1000
    print(f"{cpu / seconds:.4f} CPU-s per second of video, without decoding")


def film(videos: Sequence[Path], seed: int, shots: int) -> Iterator[Frame]:
    """Parts of videos one after the other, cropped to fill the picture."""
    random = np.random.default_rng(seed)
    for number in random.permutation(len(videos))[:shots]:
        begin, length = random.uniform(0, 4), random.uniform(2, 8)
        try:
            yield from part(videos[number], begin, length)
        except (av.FFmpegError, MediaError):
            continue  # some files are broken on purpose


def part(path: Path, begin: float, length: float) -> Iterator[Frame]:
    with av.open(path) as source:
        shown = 0
        for frame in source.decode(video=0):
            while shown < length * FPS and frame.time >= begin + shown / FPS:
                scale = max(WIDTH / frame.width, HEIGHT / frame.height)
                wide, tall = round(frame.width * scale), round(frame.height * scale)
                picture = frame.to_ndarray(width=wide, height=tall, format="rgb24")
                left, top = (wide - WIDTH) // 2, (tall - HEIGHT) // 2
                yield picture[top : top + HEIGHT, left : left + WIDTH]
                shown += 1
            if shown >= length * FPS:
                return


def drawn(kind: str, width: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Opacity and brightness of a mark, ``(h, w)``."""
    side = 8 * round(width * WIDTH)
    tall = {"letters": side // 2, "bars": 2 * side // 3}.get(kind, side)
    shape, light = np.zeros((tall, side), np.uint8), np.full((tall, side), 235, np.uint8)
    middle = (side // 2, side // 2)
    if kind == "letters":
        where, scale = (side // 20, int(side * 0.4)), side / 75
        cv2.putText(shape, "TV7", where, cv2.FONT_HERSHEY_DUPLEX, scale, 255, side // 14)
    elif kind == "ring":
        cv2.circle(shape, middle, int(side * 0.44), 255, side // 9)
        cv2.fillPoly(
            shape, [(np.array([[4, 3], [4, 7], [7, 5]]) * side // 10).astype(np.int32)], 255
        )
    elif kind == "disc":
        cv2.circle(shape, middle, int(side * 0.48), 255, -1)
        light[:] = 60
        cv2.ellipse(light, middle, (int(side * 0.3), int(side * 0.15)), 30, 0, 360, 230, -1)
    elif kind == "star":
        turn = np.arange(10) * np.pi / 5
        reach = np.where(np.arange(10) % 2, 0.2, 0.47) * side
        points = np.stack([side / 2 + reach * np.sin(turn), side / 2 - reach * np.cos(turn)], 1)
        cv2.polylines(shape, [points.astype(np.int32)], True, 255, side // 14)
    else:
        for left, top, right, bottom in ((1, 1, 6, 10), (8, 1, 18, 4), (8, 6, 16, 10)):
            corners = (
                (left * side // 20, top * side // 20),
                (right * side // 20, bottom * side // 20),
            )
            cv2.rectangle(shape, *corners, 255, -1)
    size = side // 8, tall // 8
    opacity = cv2.resize(shape, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return opacity, cv2.resize(light, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def laid(
    frame: Frame,
    drawing: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    place: str,
    opacity: float,
) -> tuple[Frame, Box]:
    """The frame with the mark, and where that is."""
    tall, wide = drawing[0].shape
    far = WIDTH - wide - WIDTH // 25, HEIGHT - tall - HEIGHT // 25
    middle = (WIDTH - wide) // 2, (HEIGHT - tall) // 2
    left = {"l": WIDTH // 25, "r": far[0], "c": middle[0]}[place[-1]]
    top = {"t": HEIGHT // 25, "b": far[1], "c": middle[1]}[place[0]]
    share, light = opacity * drawing[0][..., None], drawing[1][..., None]
    out = frame.copy()
    under = frame[top : top + tall, left : left + wide]
    out[top : top + tall, left : left + wide] = under * (1 - share) + light * share
    return out, (left / WIDTH, top / HEIGHT, (left + wide) / WIDTH, (top + tall) / HEIGHT)


def count(
    path: Path, frames: Sequence[Frame], boxes: Sequence[Box | None], crf: int, into: Counter[str]
) -> None:
    """Encode, measure, compare."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        out.mux(stream.encode(None))
    found, cpu = measured(path)
    into["cpu_ms"] += round(1000 * cpu)
    into["seconds"] += len(frames) // FPS
    any_right = False
    for at, scenes, x, y in zip(
        found["scenes"].seconds, *(found[name].values for name in ("scenes", "x", "y")), strict=True
    ):
        if np.isnan(scenes):
            continue
        into["told"] += 1
        box = boxes[min(len(boxes) - 1, round(at * FPS))]
        into["found"] += bool(scenes >= 3)
        near = box is not None and box[0] - 0.03 <= x <= box[2] + 0.03
        right = near and box is not None and box[1] - 0.03 <= y <= box[3] + 0.03
        into["right"] += bool(scenes >= 3 and right)
        any_right |= bool(scenes >= 3 and right)
    into["films"] += any_right


def measured(path: Path) -> tuple[dict[str, Series], float]:
    """Series of the whole film, and CPU-seconds they took."""
    measure, facts = Logos(), probe(path)
    running, needs = measure.start({}), measure.needs
    parts, cpu = [], 0.0
    tiles = Tiles.all(int(facts.info.num_tiles))
    for one in read_tiles(path, facts, tuple(needs.values()), tiles, stats=DecodeStats()):
        blocks = {name: one.blocks[need] for name, need in needs.items()}
        frames = {name: block for name, block in blocks.items() if isinstance(block, FrameBlock)}
        begun = time.process_time()
        parts.append(running.tile(Tile(one.index, one.span, facts.info, frames, {})))
        cpu += time.process_time() - begun
    begun = time.process_time()
    found = join(parts)
    found |= measure.gather(found)
    return found, cpu + time.process_time() - begun


if __name__ == "__main__":
    main()
