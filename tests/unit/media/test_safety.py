"""FFmpeg must not read a second file or the network because a first file says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.errors import MediaError
from curator.media import safety
from curator.media.probe import probe
from curator.media.safety import Limits, open_media
from curator.testing.footage import make_video, still


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A video that is easy to read, and that no other file may lead to."""
    path = tmp_path / "secret.ts"
    make_video(path, [still(1)])
    return path


def opened_reason(path: Path) -> str:
    with pytest.raises(MediaError) as caught, open_media(path, limits=Limits()):
        pass
    return caught.value.reason


@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ts"])
def test_a_playlist_is_not_followed(tmp_path: Path, secret: Path, name: str) -> None:
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{secret.name}\n#EXT-X-ENDLIST\n"
    (tmp_path / name).write_text(text)
    assert opened_reason(tmp_path / name) == "playlist-refused"


def test_a_concat_script_is_not_followed(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "a.mp4").write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    assert opened_reason(tmp_path / "a.mp4") == "playlist-refused"


def test_a_dash_manifest_is_not_followed(tmp_path: Path, secret: Path) -> None:
    text = f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{secret.name}</BaseURL></MPD>'
    (tmp_path / "a.mp4").write_text(text)
    assert opened_reason(tmp_path / "a.mp4") == "playlist-refused"


@pytest.mark.parametrize("name", ["http:a.mp4", "concat:a.mp4|b.mp4", "-dash.mp4", "file:%2e.mp4"])
def test_a_name_that_looks_like_a_protocol_is_only_a_name(tmp_path: Path, name: str) -> None:
    make_video(tmp_path / "plain.mp4", [still(0.2)])
    (tmp_path / "plain.mp4").rename(tmp_path / name)
    assert len(probe(tmp_path / name).table) == 6


def test_a_quicktime_reference_to_another_file_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``dref`` entry that is not self-contained: its data would lie in a file that it names."""
    make_video(tmp_path / "a.mov", [still(0.5)])
    data = (tmp_path / "a.mov").read_bytes()
    entry = b"\0\0\0\x0curl \0\0\0\x01"  # flag 1: in this file
    assert data.count(entry) == 1
    (tmp_path / "b.mov").write_bytes(data.replace(entry, entry[:-1] + b"\0"))
    asked: list[str] = []

    def refuse(url: str, flags: int, options: dict[str, str]) -> None:
        asked.append(url)
        raise AssertionError(url)

    monkeypatch.setattr(safety, "_refuse", refuse)
    try:
        with open_media(tmp_path / "b.mov", limits=Limits()) as container:
            list(container.demux())
    except MediaError as error:
        assert error.reason in {"outside-reference", "damaged-header", "not-a-video"}  # noqa: PT017
    assert asked == []


def test_whatever_a_demuxer_asks_for_is_refused_by_name() -> None:
    with pytest.raises(MediaError) as caught:
        safety._refuse("http://169.254.169.254/", 1, {})
    assert caught.value.reason == "outside-reference"


def test_no_demuxer_that_opens_other_files_is_allowed() -> None:
    forbidden = {"hls", "concat", "dash", "image2", "applehttp", "sdp", "rtsp", "ffmetadata", "lavfi", "tty", "srt"}  # fmt: skip
    assert not forbidden & set(safety.FORMATS)


def test_every_allowed_demuxer_exists() -> None:
    import av

    known = {alias for name in av.formats_available for alias in name.split(",")}
    assert set(safety.FORMATS) <= known
