"""Every odd and broken file of the shared footage, each in a process with little memory.

`expect.json` and `observed_formats.json` say what a bare PyAV loop that forgives single packets got
from each file; reading by tiles must not get less.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.footage import shared

_MEMORY_BYTES = (
    6 << 30
)  # of addresses: PyAV's libraries and their threads map far more than they use
_READ = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
from fractions import Fraction
from pathlib import Path
from curator.abc.measure import AudioNeed, FrameNeed, View
from curator.errors import MediaError
from curator.media.decode import DecodeStats, read_tiles
from curator.media.encode import AudioTrack, VideoTrack, cut
from curator.media.probe import probe
from curator.media.stored import dump, load
from curator.model.span import Span
from curator.model.tile import Tiles

def facts(path):
    try:
        found = load(dump(probe(path)))
    except MediaError as error:
        return {{"reason": error.reason}}
    luma, sound = FrameNeed(view=View.luma), AudioNeed(sample_rate_hz=16000)
    needs = [luma, FrameNeed(view=View.thumb), FrameNeed(view=View.patch, fps=Fraction(2)),
             FrameNeed(view=View.rgb, fps=Fraction(1), max_side_px=256), sound]
    stats, got, covered = DecodeStats(), 0, 0
    for tile in read_tiles(path, found, needs, Tiles.all(found.info.num_tiles), stats=stats):
        block = tile.blocks[luma]
        got += len(block.ticks[block.own])
        if sound in tile.blocks:
            covered += int(tile.blocks[sound].covered.sum())
    end = found.info.duration_seconds
    span = Span(end / 4, min(end, end / 4 + 1))
    try:
        (clip,) = cut(path, found, [span], video=VideoTrack(height=120), audio=AudioTrack(), stats=DecodeStats())
        encoded = clip.num_frames
    except MediaError as error:
        encoded = error.reason
    inside = found.table.index_at(span.end) - found.table.index_at(span.start)
    return {{"table": len(found.table), "decoded": stats.frames_decoded, "got": got,
            "damaged": stats.damaged_packets, "notes": found.info.notes, "encoded": encoded,
            "inside": inside, "covered": covered, "audio": len(found.info.audio)}}

print(json.dumps({{name: facts(Path(sys.argv[1]) / name) for name in json.load(sys.stdin)}}))
"""
_REASONS = {
    "androidx_200kB-garbage-prefix.mp3": "not-a-video",
    "androidx_invalid-bitstream.webm": "undecodable",
    "androidx_sample_malformed_free_box.mp4": "damaged-header",
    "dir_named.mp4": "not-a-file",
    "git_lfs_pointer.mp4": "not-a-video",
    "html_error_page.mp4": "not-a-video",
    "jpeg_named.mp4": "not-a-video",
    "mkv_cut_header.mkv": "not-a-video",
    "mp4parse_bipbop_480wp_1001kbps-cenc-video-key1-init.mp4": "no-frames",
    "mp4parse_chunk_out_of_range.mp4": "damaged-header",
    "mp4parse_invalid_userdata.mp4": "no-frames",
    "mp4parse_short-cenc.mp4": "encrypted",
    "mp4parse_test_case_1185230.mp4": "undecodable",
    "mp4parse_zero_empty_stsc.mp4": "undecodable",
    "one_byte.mp4": "not-a-video",
    "pdf_named.mov": "not-a-video",
    "png_named.mkv": "not-a-video",
    "random_64k.mp4": "not-a-video",
    "stts_huge_count.mp4": "too-much-memory",
    "text_named.srt.mp4": "not-a-video",
    "truncated_60pct_moov_lost.mp4": "damaged-header",
    "zero_length.mp4": "empty-file",
}
_NOTES = {
    "truncated_60pct_faststart.mp4": "truncated",
    "mkv_growing_unfinished.mkv": "truncated",
    "ts_packet_loss_17pct.ts": "corrupt-packets",
    "v_midstream_resize.ts": "pts-jump",
    "v_missing_first_keyframe.ts": "no-first-keyframe",
}


def read(folder: Path, names: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _READ.format(memory=_MEMORY_BYTES), str(folder)],
        input=json.dumps(names),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_broken_files_give_what_is_left_of_them_or_a_precise_reason() -> None:
    expected = json.loads(shared("malformed/expect.json").read_text())["files"]
    seen = {Path(e["path"].rstrip("/")).name: e["observed_pyav"] for e in expected}
    found = read(shared("malformed"), sorted(seen))
    for name, facts in found.items():
        if name in _REASONS:
            assert facts == {"reason": _REASONS[name]}, name
            continue
        assert "reason" not in facts, (name, facts)
        frames = seen[name].get("frames_per_packet_recovery", seen[name]["frames"])
        assert facts["got"] == frames, (name, facts)
        assert facts["damaged"] >= seen[name].get("packet_errors", 0), (name, facts)
        assert _NOTES.get(name, "") in [*facts["notes"], ""], (name, facts)
        if facts["got"] == facts["table"]:
            assert facts["encoded"] == facts["inside"], (name, facts)


@pytest.mark.slow
def test_every_format_is_read_whole() -> None:
    seen = json.loads(shared("observed_formats.json").read_text())
    names = {Path(path).name: facts for path, facts in seen.items() if "skipped" not in facts}
    found = read(shared("fixtures/formats"), sorted(names))
    hdr = 0
    for name, facts in found.items():
        if names[name].get("video_streams") == 0:
            assert facts == {"reason": "no-video"}, name
            continue
        assert facts["got"] == names[name]["frames"], (name, facts)
        assert facts["damaged"] == 0, (name, facts)
        assert _NOTES.get(name, "") in [*facts["notes"], ""], (name, facts)
        assert bool(facts["covered"]) == bool(facts["audio"]), (name, facts)
        if facts["encoded"] == "hdr-not-supported":
            hdr += 1
        elif name != "v_missing_first_keyframe.ts":
            assert facts["encoded"] == facts["inside"], (name, facts)
    assert hdr == 2
