"""Sources over real protocols: a web server with etags, and a server that speaks S3."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from curator.errors import MediaError, RecipeErrors
from curator.model.video import VideoRef
from curator.source.discover import discover, search
from curator.source.fingerprint import changed, fingerprint, observe
from curator.source.spool import Spool
from curator.store.store import Store

DATA = bytes(range(256)) * 2000
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(DATA).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Source:
    url: str
    license: str | None = "CC0-1.0"
    attribution: str | None = None
    sidecars: dict[str, str] = field(default_factory=dict)


def refs(url: str) -> tuple[VideoRef, ...]:
    return discover({"films": Source(url=url)})


class Site:
    """A web server whose files and etags a test sets."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, str | None]] = {}
        self.bodies_sent = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(with_body=False)

            def do_GET(self) -> None:
                self.answer(with_body=True)

            def answer(self, *, with_body: bool) -> None:
                found = site.files.get(self.path.split("?")[0])
                if found is None:
                    self.send_error(404)
                    return
                data, etag = found
                status, size = 200, len(data)
                if "Range" in self.headers:
                    first, last = self.headers["Range"].removeprefix("bytes=").split("-")
                    data, status = data[int(first) : int(last or size) + 1], 206
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Accept-Ranges", "bytes")
                if status == 206:
                    last_byte = int(first) + len(data) - 1
                    self.send_header("Content-Range", f"bytes {first}-{last_byte}/{size}")
                if etag is not None:
                    self.send_header("ETag", etag)
                self.end_headers()
                if with_body:
                    site.bodies_sent += 1
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    opened = Site()
    yield opened
    opened.close()


class TestWeb:
    def test_an_etag_that_is_a_digest_needs_no_download(self, site: Site) -> None:
        site.files = {"/a.mp4": (DATA, f'"{MD5}"'), "/d/b.mp4": (DATA, f'"{MD5}"')}
        (one,), (other,) = refs(f"{site.url}/a.mp4"), refs(f"{site.url}/d/b.mp4")
        assert fingerprint(one) == fingerprint(other)
        assert site.bodies_sent == 0

    @pytest.mark.parametrize("etag", ['"5f9a1b2c-1e240"', f'W/"{MD5}"'])
    def test_another_etag_costs_one_download_ever(
        self, site: Site, tmp_path: Path, etag: str
    ) -> None:
        site.files = {"/a.mp4": (DATA, etag)}
        (ref,) = refs(f"{site.url}/a.mp4")
        for _ in range(2):
            with Store.open(tmp_path / "store") as store:
                spool = Spool(tmp_path / "spool", 10**9, memo=store)
                observed = spool.observe(ref)
                assert observed.fingerprint == SHA256
                with spool.hold(ref, observed) as path:
                    assert path.read_bytes() == DATA
        assert site.bodies_sent == 1

    def test_two_files_with_the_same_time_and_size_are_told_apart(self, site: Site) -> None:
        # nginx makes etags of these two; files from an image often share their time.
        site.files = {"/a.mp4": (b"one", '"5f9a1b2c-3"'), "/b.mp4": (b"two", '"5f9a1b2c-3"')}
        assert fingerprint(*refs(f"{site.url}/a.mp4")) != fingerprint(*refs(f"{site.url}/b.mp4"))

    def test_a_video_that_changes_while_it_is_read_is_refused(
        self, site: Site, tmp_path: Path
    ) -> None:
        site.files = {"/a.mp4": (DATA, '"1"')}
        (ref,) = refs(f"{site.url}/a.mp4")
        observed = observe(ref)
        assert not changed(ref, observed)
        site.files = {"/a.mp4": (DATA[::-1], '"2"')}
        assert changed(ref, observed)
        with pytest.raises(MediaError) as caught, Spool(tmp_path, 10**9).hold(ref, observed):
            pass
        assert caught.value.reason == "changed-while-read"
        site.files = {}
        assert changed(ref, observed)

    def test_a_manifest_beside_its_videos(self, site: Site) -> None:
        rows = b"url,license,sidecar.transcript\nv/a.mp4,CC-BY-4.0,v/a.srt\n"
        site.files = {"/m.csv": (rows, None), "/v/a.mp4": (DATA, None)}
        (ref,) = refs(f"{site.url}/m.csv?token=secret")
        assert ref.url == f"{site.url}/v/a.mp4"
        assert ref.sidecars == {"transcript": f"{site.url}/v/a.srt"}
        assert fingerprint(ref) == SHA256

    def test_archives_are_read_in_place(self, site: Site, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
            archive.writestr("d/a.mp4", DATA)
        site.files = {"/z.zip": ((tmp_path / "z.zip").read_bytes(), '"1"')}
        (ref,) = refs(f"zip://**/*.mp4::{site.url}/z.zip")
        assert fingerprint(ref) == SHA256

    def test_what_is_not_there_is_empty_and_what_does_not_answer_is_unreachable(
        self, site: Site
    ) -> None:
        _, (error,) = search({"films": Source(url=f"{site.url}/none.mp4?token=secret")})
        assert (error.reason, "secret" in error.message) == ("source-empty", False)
        site.close()
        _, (error,) = search({"films": Source(url=f"{site.url}/none.mp4?token=secret")})
        assert (error.reason, "secret" in error.message) == ("source-unreachable", False)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """An S3 server, and a client; curator finds it by the environment, as users' machines do."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        client = fsspec.filesystem("s3")
        client.mkdir("films")
        yield client
        client.clear_instance_cache()
    server.stop()


class TestS3:
    def test_globs_list_a_bucket_and_etags_name_content(self, s3: Any) -> None:
        for name in ("a.mp4", "d/b.mp4", "d/notes.txt"):
            s3.pipe_file(f"films/glob/{name}", DATA)
        found = refs("s3://films/glob/**/*.mp4")
        assert [ref.url for ref in found] == [
            "s3://films/glob/a.mp4",
            "s3://films/glob/d/b.mp4",
        ]
        assert refs("s3://films/glob/") == found
        first, second = (observe(ref) for ref in found)
        assert first.fingerprint == second.fingerprint
        assert not first.is_content  # nothing was downloaded

    def test_an_upload_in_parts_has_a_fingerprint_too(self, s3: Any) -> None:
        big = DATA * 14  # above the smallest part of 5 MiB
        with s3.open("films/parts/a.mp4", "wb", block_size=5 * 2**20) as file:
            file.write(big)
        assert "-" in s3.info("films/parts/a.mp4")["ETag"]
        assert not observe(*refs("s3://films/parts/a.mp4")).is_content

    def test_a_replaced_object_is_another_video(self, s3: Any, tmp_path: Path) -> None:
        s3.pipe_file("films/change/a.mp4", DATA)
        (ref,) = refs("s3://films/change/a.mp4")
        spool, observed = Spool(tmp_path, 10**9), observe(ref)
        with spool.hold(ref, observed) as path:
            assert path.read_bytes() == DATA
        assert not changed(ref, observed)
        s3.pipe_file("films/change/a.mp4", DATA[::-1])
        assert changed(ref, observed)
        assert observe(ref).fingerprint != observed.fingerprint

    def test_sidecars_and_manifests_in_a_bucket(self, s3: Any) -> None:
        s3.pipe_file("films/side/a.mp4", DATA)
        s3.pipe_file("films/side/a.srt", b"")
        s3.pipe_file("films/side/m.jsonl", b'{"url": "a.mp4", "license": "CC0-1.0"}\n')
        source = Source(url="s3://films/side/*.mp4", sidecars={"transcript": "{stem}.srt"})
        (ref,) = discover({"films": source})
        assert ref.sidecars == {"transcript": "s3://films/side/a.srt"}
        assert [one.url for one in refs("s3://films/side/m.jsonl")] == [ref.url]

    def test_a_missing_bucket_is_said(self, s3: Any) -> None:
        with pytest.raises(RecipeErrors) as caught:
            refs("s3://nobody/*.mp4")
        assert caught.value.errors[0].reason == "source-empty"
        with pytest.raises(RecipeErrors) as caught:
            refs("s3://films/none/*.mp4")
        assert caught.value.errors[0].reason == "source-empty"


class _Slow(BaseHTTPRequestHandler):
    """A server that says how large the file is, and then takes forever."""

    def do_HEAD(self) -> None:
        self._begin()

    def do_GET(self) -> None:
        self._begin()
        asked.set()
        over.wait(120)

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**9))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


asked, over = threading.Event(), threading.Event()


def test_an_interrupted_build_does_not_wait_for_a_download(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    words = ["build", "avatar", f"sources.films.url=http://127.0.0.1:{server.server_port}/a.mp4"]
    words += ["sources.films.license=CC0-1.0", f"out={tmp_path / 'out'}"]
    words += [f"store.root={tmp_path / 'store'}", "engine.workers=1"]
    # Where tests run in the background, children would ignore SIGINT as their parents do.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from curator.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *words], start_new_session=True)
    try:
        assert asked.wait(120), "the build never asked for the file"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        over.set()
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()
