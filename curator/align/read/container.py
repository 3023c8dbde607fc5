"""Subtitle streams inside a video's own container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid
from curator.align.read.cues import Draft, Drafts, without_tags
from curator.align.read.webvtt import spoken
from curator.errors import MediaError
from curator.media.probe import probe
from curator.media.subtitles import SubtitlePacket, SubtitleStream, read_subtitles
from curator.model.track import TextTrack

__all__ = ["Subtitles"]

_FIELDS_BEFORE_TEXT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtitles:
    """A text stream of the video's container: SubRip, SubStation Alpha, WebVTT, QuickTime text.

    Its zero is the video's first frame, as everywhere. Without settings the default stream is
    taken, or the first. Streams of pictures (DVD, Blu-ray, DVB) are no text and are not read.
    """

    name: ClassVar[str] = "subtitles"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str | None] = None

    language: str | None = None
    """Of the stream, as the container says it (``eng``); the first stream that has it."""
    stream: int | None = None
    """Number of the stream among the container's text streams, from 0."""

    def read(self, file: Sidecar) -> Mapping[str, TextTrack]:
        """The one stream's track; see `curator.abc.reader.TrackReader.read`."""
        try:
            found = probe(file.path)
            zero = found.first_pts * found.info.video.time_base
            streams = read_subtitles(file.path, zero=zero)
        except MediaError as error:
            raise invalid(file, error.message, hint=error.hint) from error
        chosen = self._chosen(file, streams)
        drafts = Drafts(notes=list(chosen.notes))
        for number, packet in enumerate(chosen.packets):
            drafts.drafts += _drafts(packet, chosen.codec, f"packet {number}", drafts)
        track = drafts.track(language=chosen.language, video_seconds=file.video_seconds)
        return {"": track}

    def _chosen(self, file: Sidecar, streams: Sequence[SubtitleStream]) -> SubtitleStream:
        have = ", ".join(one.language or "unknown" for one in streams) or "none"
        fitting = [one for one in streams if self.language in (None, one.language)]
        if self.stream is not None:
            fitting = [one for one in streams[self.stream : self.stream + 1] if one in fitting]
        if not fitting:
            asked = [f"'{self.language}'"] if self.language else []
            asked += [f"number {self.stream}"] if self.stream is not None else []
            what = " ".join(["no text stream", *asked])
            raise invalid(file, f"{what}; the languages of its text streams: {have}")
        return max(fitting, key=lambda one: one.is_default)


def _drafts(packet: SubtitlePacket, codec: str, where: str, drafts: Drafts) -> list[Draft]:
    if codec == "webvtt":
        return spoken(packet.text, start=packet.start, end=packet.end, where=where, drafts=drafts)
    text, speaker = packet.text, None
    if codec in {"ass", "ssa"}:
        # ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text
        parts = text.split(",", _FIELDS_BEFORE_TEXT)
        if len(parts) <= _FIELDS_BEFORE_TEXT:
            drafts.note(where, "no line of SubStation Alpha, left out")
            return []
        text, speaker = parts[-1], parts[3].strip() or None
    return [
        Draft(
            start=packet.start,
            end=packet.end,
            text=without_tags(text),
            where=where,
            speaker=speaker,
        )
    ]
