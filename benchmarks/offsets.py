"""Offsets that were planted, and what the aligners say of them.

Talking clips with their sound shifted by -12..12 frames, cut to several lengths; voices of others, speech played
backwards, music and rain instead of their own; motion capture beside its render, with offsets and drift; a
recorder beside a camera. Series of the pictures are computed once per file and kept in `--cache`; shifts
are applied to the series of the sound, as a repair does.

    python benchmarks/offsets.py --data ../shared/data/fixtures --cache /tmp/offsets
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curator.abc.aligner import Aligner, Hear, Pair
from curator.abc.measure import AudioBlock, FrameBlock, Measure, Tile
from curator.align.estimate.envelope import Envelope
from curator.align.estimate.lips import Lips
from curator.align.estimate.movement import MovementAligner
from curator.align.estimate.pose_speed import PoseSpeed
from curator.align.estimate.speech_text import SpeechText
from curator.measure.face import Lips as LipsMeasure
from curator.measure.onsets import Onsets as OnsetsMeasure
from curator.measure.speech import Speech
from curator.media.decode import DecodeStats, read_tiles
from curator.media.hear import Hearing, probe_sound
from curator.media.probe import probe
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock, Offset
from curator.model.tile import Tiles
from curator.model.track import Cue, MotionTrack, Skeleton, TextTrack
from curator.model.video import VideoInfo
from curator.store.series import decode_series, encode_series
from curator.store.weights import prefetch
from curator.testing.tiles import Footage, join, run

Floats = npt.NDArray[np.float64]
NANO = Fraction(1, 10**9)
MOST = 0.56
FRAME = 0.04
SHIFTS = range(-12, 13)
LENGTHS = (3, 5, 8, 12, 20)
BOUNDS = (1.0, 1.5, 2.0, 2.5, 3.0)
TALK = (
    "avatar/talk_f_01_hdtf.mp4",
    "avatar/talk_f_01b.mp4",
    "avatar/talk_m_02.mp4",
    "avatar/talk_f_03_portrait_hevc.mp4",
    "avatar/talk_m_04_portrait_hevc.mp4",
)
SPEAKER = {name: name.split("/")[1][:9] for name in TALK}
"""Two of the clips show the same woman: her other clip is no other voice."""
OTHER_SOUNDS = (
    "audio/jfk.flac",
    "audio/libri-1088-134315-0000.wav",
    "audio/dub_speech_01.wav",
    "audio/rain.mp3",
)
MUSIC = "avatar/face_music.mp4"


@dataclass(frozen=True)
class Clip:
    """A file whose pictures have been looked at."""

    info: VideoInfo
    series: Mapping[str, Series]

    @property
    def seconds(self) -> float:
        return float(self.info.duration_seconds)


class Bench:
    def __init__(self, data: Path, cache: Path) -> None:
        self.data, self._cache = data, cache
        cache.mkdir(parents=True, exist_ok=True)

    def clip(self, measure: Measure, path: str) -> Clip:
        """Series of a file, computed once."""
        found = probe(self.data / path)
        kept = self._cache / f"{measure.name}-{measure.version}-{path.replace('/', '-')}.series"
        if not kept.exists():
            running = measure.start(prefetch(measure.weights, self._cache / "store"))
            parts = []
            tiles = Tiles.all(int(found.info.num_tiles))
            needs = measure.needs
            for one in read_tiles(
                self.data / path, found, tuple(needs.values()), tiles, stats=DecodeStats()
            ):
                blocks = {
                    name: one.blocks[need] for name, need in needs.items() if need in one.blocks
                }
                frames = {k: v for k, v in blocks.items() if isinstance(v, FrameBlock)}
                audio = {k: v for k, v in blocks.items() if isinstance(v, AudioBlock)}
                parts.append(running.tile(Tile(one.index, one.span, found.info, frames, audio)))
            kept.write_bytes(encode_series(join(parts)))
        series = decode_series(kept.read_bytes())
        return Clip(found.info, {f"{measure.name}.{name}": one for name, one in series.items()})

    def sound(self, path: str, rate: int = 16_000) -> Floats:
        """Mono samples of a whole sound file."""
        file = probe_sound(self.data / path)[0]
        with Hearing(self.data / path, file) as hearing:
            span = Span(Fraction(0), file.duration_seconds)
            block = hearing.clip(span, Clock(), sample_rate_hz=rate, mono=True)
            return block.samples[0].astype(np.float64)

    def voice(self, path: str) -> Mapping[str, Series]:
        """The series of the sound that `lips` would have, of a file without pictures."""
        sound = self.sound(path)
        kept = self._cache / f"voice-{path.replace('/', '-')}.series"
        if not kept.exists():
            black = np.zeros((int(len(sound) / 16_000), 64, 64, 3), np.uint8)
            footage = Footage(
                black, fps=Fraction(1), audio=sound[None].astype(np.float32), sample_rate_hz=16_000
            )
            measure = LipsMeasure()
            found = run(measure, footage, weights=prefetch(measure.weights, self._cache / "store"))
            heard = {f"lips.{name}" for name in found} & Lips().of_track
            kept.write_bytes(
                encode_series({k.split(".")[1]: found[k.split(".")[1]] for k in heard})
            )
        return {f"lips.{name}": one for name, one in decode_series(kept.read_bytes()).items()}


def moved(series: Series, seconds: float) -> Series:
    ticks = np.round((series.seconds + seconds) * 1e9).astype(np.int64)
    return Series(ticks, NANO, series.values)


def backwards(series: Series) -> Series:
    return Series(series.ticks, series.time_base, series.values[::-1])


def heard_in(aligner: Aligner, series: Mapping[str, Series]) -> dict[str, Series]:
    return {name: one for name, one in series.items() if name in aligner.of_track}


def spans(seconds: float, length: float, step: float) -> Iterator[Span]:
    for start in np.arange(0, seconds - length + 0.01, step):
        begin = Fraction(round(start * 25), 25)
        yield Span(begin, begin + Fraction(length))


def around(series: Mapping[str, Series], span: Span) -> dict[str, Series]:
    """Inside a clip widened by the largest offset, as a build gives it."""
    wide = Span(span.start - Fraction(str(MOST)), span.end + Fraction(str(MOST)))
    return {name: one.within(wide) for name, one in series.items()}


# --- people


@dataclass(frozen=True)
class Found:
    clip: str
    frames: int
    offset: Offset
    base: float

    @property
    def error(self) -> float:
        """Seconds; infinite where nothing was said."""
        if self.offset.seconds is None:
            return float("inf")
        return self.offset.seconds - self.base - self.frames * FRAME


def right(clips: Mapping[str, Clip], length: float) -> list[Found]:
    """Every clip of a length, with its own voice shifted."""
    lips, out = Lips(), []
    for name, clip in clips.items():
        base = lips.estimate(whole(clip), max_offset_seconds=MOST).seconds
        assert base is not None, name
        for span in spans(clip.seconds, length, max(1.0, length / 3)):
            for frames in SHIFTS:
                series = {
                    k: moved(one, frames * FRAME) if k in lips.of_track else one
                    for k, one in clip.series.items()
                }
                pair = Pair(span=span, video=clip.info, series=around(series, span))
                out.append(Found(name, frames, lips.estimate(pair, max_offset_seconds=MOST), base))
    return out


def whole(clip: Clip) -> Pair:
    return Pair(
        span=Span(Fraction(0), clip.info.duration_seconds), video=clip.info, series=clip.series
    )


def wrong(
    clips: Mapping[str, Clip], voices: Mapping[str, Mapping[str, Series]], length: float
) -> dict[str, list[Offset]]:
    """Every clip of a length with sounds that are not its own, by kind."""
    lips = Lips()
    out: dict[str, list[Offset]] = {"another voice": [], "backwards": [], "music, rain": []}
    for name, clip in clips.items():
        for span in spans(clip.seconds, length, max(1.0, length / 2)):
            seen = {k: one for k, one in clip.series.items() if k not in lips.of_track}
            for other, kind, sound in _sounds(name, clip, voices):
                del other
                ends = max(one.seconds[-1] for one in sound.values())
                for start in np.arange(0, ends - length - 2 * MOST, max(2.0, length / 2)):
                    shift = float(span.start) - start - MOST
                    track = {k: moved(one, shift) for k, one in sound.items()}
                    pair = Pair(span=span, video=clip.info, series=around({**seen, **track}, span))
                    out[kind].append(lips.estimate(pair, max_offset_seconds=MOST))
    return out


def _sounds(
    name: str, clip: Clip, voices: Mapping[str, Mapping[str, Series]]
) -> Iterator[tuple[str, str, Mapping[str, Series]]]:
    own = heard_in(Lips(), clip.series)
    yield name, "backwards", {k: backwards(one) for k, one in own.items()}
    for other, sound in voices.items():
        if SPEAKER.get(other, other) == SPEAKER[name]:
            continue
        kind = "music, rain" if "rain" in other or "music" in other else "another voice"
        yield other, kind, sound


def quantiles(values: Sequence[float], at: Sequence[float] = (0.1, 0.5, 0.9)) -> str:
    return (
        " ".join(f"{value:6.2f}" for value in np.quantile(values, at)) if values else "     -" * 3
    )


def people(bench: Bench) -> dict[str, object]:
    clips = {name: bench.clip(LipsMeasure(), name) for name in TALK}
    print(
        "\n## Whole clips, as published\n\n| clip | s | offset, s | confidence |\n|---|---|---|---|"
    )
    for name, clip in clips.items():
        found = Lips().estimate(whole(clip), max_offset_seconds=MOST)
        print(f"| {name} | {clip.seconds:.1f} | {found.seconds:+.3f} | {found.confidence:.1f} |")
    voices: dict[str, Mapping[str, Series]] = {
        name: heard_in(Lips(), clip.series) for name, clip in clips.items()
    }
    voices[MUSIC] = heard_in(Lips(), bench.clip(LipsMeasure(), MUSIC).series)
    voices |= {name: bench.voice(name) for name in OTHER_SOUNDS}
    out: dict[str, object] = {}
    print(
        "\n## Shifted by -12..12 frames: errors against the whole clip's own offset, by length\n\n"
        "| length, s | pairs | within 20 ms | within 40 ms | within 80 ms | median error, ms | confidence p10 p50 p90 |\n|---|---|---|---|---|---|---|"
    )
    all_right = {length: right(clips, length) for length in LENGTHS}
    for length, rows in all_right.items():
        errors = np.array([abs(row.error) for row in rows])
        shares = " | ".join(f"{(errors <= bound).mean():.2f}" for bound in (0.02, 0.04, 0.08))
        confidence = [row.offset.confidence for row in rows]
        print(
            f"| {length} | {len(rows)} | {shares} | {1000 * np.median(errors):.0f} | {quantiles(confidence)} |"
        )
    print(
        "\n## The same in clips of 5 s and 8 s, by shift\n\n| frames | 5 s: median offset, ms | within 40 ms | confidence p50 | 8 s: median offset, ms | within 40 ms | confidence p50 |\n|---|---|---|---|---|---|---|"
    )
    for frames in SHIFTS:
        cells = []
        for length in (5, 8):
            rows = [row for row in all_right[length] if row.frames == frames]
            errors = np.array([row.error for row in rows])
            middle = 1000 * (np.median(errors) + frames * FRAME)
            cells.append(
                f"{middle:+.0f} | {(np.abs(errors) <= 0.04).mean():.2f} | {np.median([row.offset.confidence for row in rows]):.1f}"
            )
        print(f"| {frames:+d} | {' | '.join(cells)} |")
    print(
        "\n## Not their own sound: confidence\n\n| length, s | sound | pairs | mean | sd | p50 p90 p95 |\n|---|---|---|---|---|---|"
    )
    all_wrong = {length: wrong(clips, voices, length) for length in LENGTHS}
    for length, kinds in all_wrong.items():
        for kind, found in kinds.items():
            told = [one.confidence for one in found if one.seconds is not None]
            if len(told) > 3:
                print(
                    f"| {length} | {kind} | {len(told)} | {np.mean(told):.2f} | {np.std(told):.2f} | {quantiles(told, (0.5, 0.9, 0.95))} |"
                )
    print(
        "\n## Share kept at a bound of the confidence: own voice / not their own\n\n| length, s | "
        + " | ".join(f"{bound:g}" for bound in BOUNDS)
        + " |\n|---|"
        + "---|" * len(BOUNDS)
    )
    for length in LENGTHS:
        good = np.array([row.offset.confidence for row in all_right[length]])
        bad = np.array([one.confidence for kind in all_wrong[length].values() for one in kind])
        cells = [
            f"{(good >= bound).mean():.2f} / {(bad >= bound).mean():.3f}" if len(bad) else "-"
            for bound in BOUNDS
        ]
        print(f"| {length} | {' | '.join(cells)} |")
        out[str(length)] = {
            "within_40_ms": float(np.mean([abs(r.error) <= 0.04 for r in all_right[length]]))
        }
    return out


# --- motion capture


def capture(bench: Bench) -> None:
    print(
        "\n## Motion capture beside its render: planted -1..+1 s, without and with 0.1 % drift\n\n| clip | drift | aligner | largest error, ms | a frame, ms | confidence, least and most |\n|---|---|---|---|---|---|"
    )
    for name in ("wave_hello", "jumping_jacks"):
        truth = json.loads((bench.data / f"gt/{name}_sync.json").read_text())
        clip = bench.clip(OnsetsMeasure(), f"mocap/{name}_render.mp4")
        track = skeleton(bench.data / f"mocap/{name}_joints.npz")
        for drift in (0.0, 0.001):
            for aligner in (MovementAligner(), PoseSpeed()):
                errors, confidence = [], []
                for late in np.arange(-1, 1.01, 0.1):
                    stamps = track.seconds * (1 + drift) + late
                    one = replace(track, ticks=np.round(stamps * 1e9).astype(np.int64))
                    found = aligner.estimate(
                        replace(whole(clip), track=one), max_offset_seconds=1.6
                    )
                    middle = clip.seconds / 2
                    expected = (middle - truth["video_offset_s"]) * (1 + drift) + late - middle
                    assert found.seconds is not None, found.absent
                    errors.append(abs(found.seconds - expected))
                    confidence.append(found.confidence)
                print(
                    f"| {name} | {drift:g} | {aligner.name} | {1000 * max(errors):.1f} | {1000 / truth['video_fps']:.1f} | {min(confidence):.1f} {max(confidence):.1f} |"
                )


def skeleton(path: Path) -> MotionTrack:
    with np.load(path) as file:
        count = len(file["positions"])
        return MotionTrack(
            ticks=np.round(np.arange(count) / float(file["fps"]) * 1e9).astype(np.int64),
            time_base=NANO,
            skeleton=Skeleton(
                joints=tuple(map(str, file["names"])), parents=tuple(file["parents"].tolist())
            ),
            positions=file["positions"],
        )


# --- transcripts


def text(bench: Bench) -> None:
    print(
        "\n## A transcript beside its speech (11 s, four phrases)\n\n| planted, s | found, s | confidence |\n|---|---|---|"
    )
    clip = bench.clip(Speech(), "formats/v_jfk_subs_2tracks.mkv")
    truth = json.loads((bench.data / "gt/jfk.json").read_text())
    for late in (-1.0, -0.5, 0.0, 0.5, 1.0, 1.75):
        said = [(max(0.0, one["start"] + late), one["end"] + late) for one in truth["segments"]]
        cues = tuple(
            Cue(span=Span(Fraction(str(round(a, 3))), Fraction(str(round(b, 3)))), text="so")
            for a, b in said
        )
        pair = replace(whole(clip), track=TextTrack(cues=cues))
        found = SpeechText().estimate(pair, max_offset_seconds=2.5)
        print(f"| {late:+.2f} | {found.seconds or 0:+.3f} | {found.confidence:.1f} |")


# --- a recorder beside a camera


def recorder(bench: Bench) -> None:
    print(
        "\n## A recorder beside a camera: 20 offsets of -2..2 s each\n\n| sound | what was done to it | drift | largest error, ms | largest error of the drift, ppm | confidence, least |\n|---|---|---|---|---|---|"
    )
    rng = np.random.default_rng(0)
    for name, seconds in (
        ("audio/libri-1088-134315-0000.wav", 4),
        ("audio/libri-1088-134315-0000.wav", 12),
        ("audio/rain.mp3", 50),
    ):
        sound = bench.sound(name)[: 16_000 * 60]
        for kind, noise, drift in (
            ("a copy, half as loud", 0.0, 0.0),
            ("noise as loud as the sound, an echo", 1.0, 0.0),
            ("noise a tenth as loud", 0.1, 0.001),
        ):
            if drift and seconds < 30:
                continue
            errors, drifts, confidence = [], [], []
            for late in rng.uniform(-2, 2, 20):
                made = recorded(sound, late, drift, noise, rng)
                span = Span(Fraction(2), Fraction(2 + seconds))
                pair = Pair(
                    span=span,
                    video=probe(bench.data / TALK[0]).info,
                    camera=listen(sound),
                    heard=listen(made),
                )
                found = Envelope().estimate(pair, max_offset_seconds=2.2)
                assert found.seconds is not None, found.absent
                errors.append(abs(found.seconds - late - drift * (2 + seconds / 2)))
                drifts.append(abs((found.drift or 0.0) - drift))
                confidence.append(found.confidence)
            print(
                f"| {Path(name).stem}, {seconds} s | {kind} | {drift:g} | {1000 * max(errors):.2f} | {1e6 * max(drifts):.0f} | {min(confidence):.1f} |"
            )


def recorded(
    sound: Floats, late: float, drift: float, noise: float, rng: np.random.Generator
) -> Floats:
    """What another recorder has: later, drifting, in noise and a room of its own."""
    at = (np.arange(len(sound)) / 16_000 - late) / (1 + drift) * 16_000
    made = 0.5 * np.interp(at, np.arange(len(sound)), sound, left=0, right=0)
    if noise:
        echo = made.copy()
        echo[480:] += 0.4 * made[:-480]
        made = echo + noise * made.std() * rng.normal(size=len(made))
    return made


def listen(sound: Floats) -> Hear:
    def hear(span: Span, sample_rate_hz: int) -> npt.NDArray[np.float32]:
        first, last = (round(at * sample_rate_hz) for at in (span.start, span.end))
        out = np.zeros(last - first, np.float32)
        a, b = max(0, first), min(len(sound), last)
        if a < b:
            out[a - first : b - first] = sound[a:b]
        return out

    return hear


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with avatar/, mocap/, gt/ ..."
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--parts", nargs="*", default=["people", "capture", "text", "recorder"])
    arguments = parser.parse_args()
    bench, begun = Bench(arguments.data, arguments.cache), time.monotonic()
    for part in arguments.parts:
        {"people": people, "capture": capture, "text": text, "recorder": recorder}[part](bench)
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
