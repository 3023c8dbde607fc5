"""Makes ``demo_film.mp4`` and its ground truth from the clips beside it.

    python tests/data/footage/compose.py

A minute of "edited film" with every kind of transition: three stretches of a talking head that an
avatar data set wants, among footage that it must not take. Frame numbers are exact by construction.
The bytes of the film depend on the FFmpeg build; its frames, boundaries and labels do not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

FPS, WIDTH, HEIGHT, RATE = 25, 800, 600, 48_000
SAMPLES_PER_FRAME = RATE // FPS
HERE = Path(__file__).parent
TALK = "talk_f_01_hdtf.mp4"

Image = npt.NDArray[np.uint8]
BLACK: Image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The next segment begins at once."""


@dataclass(frozen=True, kw_only=True)
class Dissolve:
    """The next segment is blended in over the last frames of this one."""

    frames: int


@dataclass(frozen=True, kw_only=True)
class Black:
    """This segment fades out, black holds, the next one fades in."""

    out: int
    hold: int
    fade_in: int


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of one clip, with what is done to it and what it is good for."""

    source: str
    start: float
    seconds: float
    label: str = "reject"
    reasons: tuple[str, ...] = ()
    crop: float = 0.35
    """Where the 4:3 window lies in a picture that is taller (or wider): 0 top (left), 1 bottom (right)."""
    blur: float = 0.0
    gain: float = 1.0
    audio: str | None = None
    """Another file's sound; ``none`` for silence; None for the clip's own."""
    audio_start: float = 0.0
    """Where another file's sound begins, seconds."""
    internal: tuple[tuple[str, float, float], ...] = ()
    """Boundaries inside the source: kind, start, end in seconds of the source."""
    then: Cut | Dissolve | Black = Cut()

    @property
    def frames(self) -> int:
        return round(self.seconds * FPS)


SEGMENTS = (
    Segment(source="toy_frog.mp4", start=1, seconds=5, reasons=("no-person",), then=Dissolve(frames=15)),
    Segment(source=TALK, start=0, seconds=8, label="avatar"),
    Segment(source="juggle_720p.mp4", start=0, seconds=6, reasons=("no-speech", "small-face"), audio="none"),
    Segment(source=TALK, start=1, seconds=5, reasons=("no-speech",), audio="bbb_0_30.webm", audio_start=4),
    Segment(source="hands_blocks_topdown_720p.mp4", start=0, seconds=5, reasons=("no-face",)),
    # The trailer's own boundaries, by eye, as frames of its 24 fps.
    Segment(
        source="sintel_trailer_30s.mp4",
        start=21,
        seconds=7,
        reasons=("animation", "no-speech"),
        audio="none",
        internal=(
            ("cut", 523 / 24, 523 / 24),
            ("cut", 573 / 24, 573 / 24),
            ("cut", 610 / 24, 610 / 24),
            ("cut", 624 / 24, 624 / 24),
            ("fade", 631 / 24, 652 / 24),
        ),
        then=Black(out=12, hold=8, fade_in=12),
    ),
    Segment(source=TALK, start=2, seconds=5.6, label="avatar"),
    Segment(source="juggle_720p.mp4", start=6, seconds=4, reasons=("voice-over", "small-face"), audio=TALK),
    Segment(source=TALK, start=0.4, seconds=5, reasons=("blurred",), blur=9.0),
    Segment(source=TALK, start=2, seconds=5, reasons=("dark",), gain=0.1),
    Segment(source=TALK, start=3, seconds=5, label="avatar", crop=0.3, then=Dissolve(frames=10)),
    Segment(source="static_bottles_40s.mp4", start=28, seconds=5, reasons=("no-person", "static")),
    Segment(source=TALK, start=2, seconds=5, reasons=("no-speech",), audio="none", crop=0.4),
)  # fmt: skip


def pictures(segment: Segment) -> Iterator[Image]:
    """Exactly `segment.frames` pictures, ``(600, 800, 3)`` RGB, on the film's clock."""
    wanted = [segment.start + k / FPS for k in range(segment.frames)]
    with av.open(HERE / segment.source) as container:
        stream = container.streams.video[0]
        last: Image | None = None
        for frame in container.decode(stream):
            # A picture shows until the next one is due.
            while wanted and last is not None and float(frame.time or 0) > wanted[0] + 1e-6:
                yield last
                wanted.pop(0)
            if not wanted:
                return
            last = _window(frame.to_ndarray(format="rgb24"), segment)
    assert last is not None, f"{segment.source} is too short"
    yield from [last] * len(wanted)


def _window(image: Image, segment: Segment) -> Image:
    height, width = image.shape[:2]
    scale = max(WIDTH / width, HEIGHT / height)
    size = (max(WIDTH, round(width * scale)), max(HEIGHT, round(height * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    y = round((size[1] - HEIGHT) * segment.crop)
    x = round((size[0] - WIDTH) * 0.5)
    image = image[y : y + HEIGHT, x : x + WIDTH]
    if segment.blur:
        image = cv2.GaussianBlur(image, (0, 0), segment.blur)
    return (image * segment.gain).astype(np.uint8)


def sound(segment: Segment) -> npt.NDArray[np.float32]:
    """Mono samples of the whole segment at 48 kHz."""
    wanted = segment.frames * SAMPLES_PER_FRAME
    name = segment.audio or segment.source
    if name == "none":
        return np.zeros(wanted, np.float32)
    with av.open(HERE / name) as container:
        if not container.streams.audio:
            return np.zeros(wanted, np.float32)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [
            out.to_ndarray()[0]
            for frame in [*container.decode(container.streams.audio[0]), None]
            for out in resampler.resample(frame)
        ]
    start = round((segment.start if segment.audio is None else segment.audio_start) * RATE)
    samples = np.concatenate(parts)[start : start + wanted]
    return np.pad(samples, (0, wanted - len(samples))).astype(np.float32)


@dataclass(kw_only=True)
class Film:
    """The film as it grows: pictures go to the encoder, sound and ground truth are kept."""

    video: av.VideoStream
    container: av.container.OutputContainer
    position: int = 0
    """Frames written."""

    def write(self, image: Image) -> None:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts = self.position
        self.container.mux(self.video.encode(frame))
        self.position += 1


def main() -> None:
    target = HERE / "demo_film.mp4"
    with av.open(target, "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "27", "preset": "slow"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        film = Film(video=video, container=container)
        samples, truth = _edit(film)
        container.mux(video.encode(None))
        _write_sound(container, audio, samples)
    target.with_suffix(".gt.json").write_text(json.dumps(truth, indent=1) + "\n")


def _edit(film: Film) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    total = sum(s.frames + (s.then.hold if isinstance(s.then, Black) else 0) for s in SEGMENTS)
    samples = np.zeros(total * SAMPLES_PER_FRAME, np.float32)
    segments, boundaries = [], []
    tail: list[Image] = []
    fade_in = 0
    for segment in SEGMENTS:
        start, n = film.position, segment.frames
        out, into = _tail_lengths(segment)
        head = len(tail)
        samples[start * SAMPLES_PER_FRAME :][: n * SAMPLES_PER_FRAME] += sound(segment) * np.repeat(
            _envelope(n, head + fade_in, into + out), SAMPLES_PER_FRAME
        )
        next_tail = []
        for k, picture in enumerate(pictures(segment)):
            image = _blend(tail[k], picture, (k + 1) / (head + 1)) if k < head else picture
            image = _blend(BLACK, image, min(1.0, (k + 1) / (fade_in + 1), (n - k) / (out + 1)))
            if k >= n - into:
                next_tail.append(image)
            else:
                film.write(image)
        boundaries += _internal(segment, start)
        segments.append(_described(segment, start, max(head, fade_in), max(into, out)))
        end = start + n
        tail, fade_in = next_tail, 0
        if isinstance(segment.then, Black):
            for _ in range(segment.then.hold):
                film.write(BLACK)
            fade_in = segment.then.fade_in
            boundaries.append({"type": "fade", "start": end - out, "end": film.position + fade_in})
        elif isinstance(segment.then, Dissolve):
            boundaries.append({"type": "dissolve", "start": end - into, "end": end})
        elif segment is not SEGMENTS[-1]:
            boundaries.append({"type": "cut", "frame": end})
    truth = {
        "file": "demo_film.mp4",
        "fps": FPS,
        "n_frames": film.position,
        "segments": segments,
        "boundaries": boundaries,
    }
    return samples[: film.position * SAMPLES_PER_FRAME], truth


def _blend(old: Image, new: Image, weight: float) -> Image:
    return (old * (1 - weight) + new * weight).astype(np.uint8) if weight < 1 else new


def _tail_lengths(segment: Segment) -> tuple[int, int]:
    """(frames that fade out, frames that the next segment is blended over)."""
    if isinstance(segment.then, Black):
        return segment.then.out, 0
    return 0, segment.then.frames if isinstance(segment.then, Dissolve) else 0


def _envelope(frames: int, head: int, tail: int) -> npt.NDArray[np.float32]:
    level = np.ones(frames, np.float32)
    level[:head] = np.linspace(0, 1, head)
    level[frames - tail :] = np.linspace(1, 0, tail)
    return level


def _internal(segment: Segment, start: int) -> list[dict[str, Any]]:
    at = [(kind, *(start + round((t - segment.start) * FPS) for t in times)) for kind, *times in segment.internal]  # fmt: skip
    return [
        {"type": kind, "frame": a, "tolerance": 2}
        if kind == "cut"
        else {"type": kind, "start": a, "end": b, "tolerance": 3}
        for kind, a, b in at
    ]


def _described(segment: Segment, start: int, head: int, tail: int) -> dict[str, Any]:
    end = start + segment.frames
    return {
        "start": start,
        "end": end,
        "clean_start": start + head,
        "clean_end": end - tail,
        "label": segment.label,
        "reasons": list(segment.reasons),
        "source": segment.source,
        "source_seconds": segment.start,
    }


def _write_sound(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    samples: npt.NDArray[np.float32],
) -> None:
    for at in range(0, len(samples), 1024):
        block = np.ascontiguousarray(np.clip(samples[at : at + 1024], -1, 1)[None])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, at
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
