"""Virtual releases: everything but the clips, which come out of the user's own footage byte for byte."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.cli import run as command
from curator.engine.progress import Silent
from curator.errors import ConvertError, LoaderError, SourceError, StoreError
from curator.hub.address import open_remote
from curator.hub.publish import publish
from curator.hub.pull import pull
from curator.hub.takedown import Target, takedown
from curator.hub.where import Where
from curator.loader.clips import with_clips
from curator.release.build import BuildResult, build
from curator.release.materialize import materialize
from curator.release.read import ReleaseFolder, open_release
from curator.release.verify import verify
from curator.spec.compile import compile_recipe
from curator.spec.settings import EngineSpec, PublishSpec, Settings, StoreSpec
from curator.testing.footage import black, flat, make_video, pan, tone
from tests.hub import HubServer
from tests.hub.clients import CLIENT_WARNING, as_user

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(CLIENT_WARNING)]

ENGINE = EngineSpec(workers=1)
SRT = "1\n00:00:00,500 --> 00:00:01,500\nHello.\n"


@dataclass(frozen=True, kw_only=True)
class Made:
    """One recipe, built both ways."""

    films: Path
    encoded: BuildResult
    virtual: BuildResult

    @property
    def release(self) -> ReleaseFolder:
        return open_release(self.virtual.release.folder)


def recipe(films: Path, clips: str) -> Mapping[str, Any]:
    return {
        "name": "licensed",
        "target": "test",
        "sources": {
            "films": {
                "url": f"{films}/*.mp4",
                "license": "CC-BY-4.0",
                "sidecars": {"said": "{stem}.srt", "take": "{stem}.wav", "side": "{stem}.mov"},
            }
        },
        "segment": {"seconds": {"min": 0.5, "max": 1.5}},
        "keep": {"lit": {"of": "luma.mean.median", "min": 40}},
        "sample": {
            "video": {"height": 64, "bars": "cut"},
            "audio": {"of": "sidecar.take", "sample_rate_hz": 16000},
            "videos": {"side": {"of": "sidecar.side", "height": 48}},
            "tracks": {"light": {"of": "luma.mean"}, "said": {"of": "sidecar.said"}},
        },
        "splits": {"test": 0.4},
        "pack": {"clips": clips},
    }


def settings(root: Path) -> Settings:
    return Settings(out=str(root / "out"), engine=ENGINE, store=StoreSpec(root=str(root / "store")))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Four films; the first has sound of its own file and another camera besides."""
    films = tmp_path_factory.mktemp("films")
    for n in range(4):
        parts = [pan(2, seed=n), flat(1, 0.3 + n / 20), black(1), pan(2, seed=9 - n)]
        make_video(films / f"f{n}.mp4", parts, fps=Fraction(25), audio=[tone(6, 300 + n)])
    (films / "f0.srt").write_text(SRT)
    with wave.open(str(films / "f0.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes((8000 * np.sin(np.arange(6 * 16000) / 9)).astype("<i2").tobytes())
    make_video(films / "f0.mov", [pan(6, seed=30)], fps=Fraction(25))
    built = []
    for clips in ("virtual", "encoded"):
        (one,) = build(
            [compile_recipe(recipe(films, clips))],
            settings(tmp_path_factory.mktemp(clips)),
            Silent(),
        )
        built.append(one)
    return Made(films=films, virtual=built[0], encoded=built[1])


def elsewhere(made: Made, folder: Path, *, without: str = "-") -> Path:
    """The footage under other names."""
    folder.mkdir()
    for n, path in enumerate(sorted(made.films.iterdir())):
        if path.name != without and path.suffix != ".srt":
            shutil.copy(path, folder / f"mine {n}{path.suffix}")
    return folder


def sources(folder: Path) -> list[str]:
    return [str(folder), f"{folder}/*.wav"]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_is_encoded_and_nothing_is_shown(made: Made) -> None:
    assert made.virtual.frames_encoding == 0 < made.encoded.frames_encoding
    assert made.release.manifest["clips"] == "virtual"
    held = contents(made.virtual.release.folder)
    assert not [path for path, data in held.items() if b"ftyp" in data or b"fLaC" in data]
    assert not [path for path, data in held.items() if b"\xff\xd8\xff" in data or b"base64" in data]
    table = pq.read_table(made.virtual.release.folder / "data")
    assert not {"video", "audio", "video.side"} & set(table.column_names)
    assert {"cut", "tracks.light", "tracks.said", "luma.mean.median", "license"} <= set(
        table.column_names
    )
    assert sum(row is not None for row in table.column("tracks.said").to_pylist()) >= 1


def test_the_same_samples_are_named(made: Made) -> None:
    encoded = open_release(made.encoded.release.folder).manifest["samples"]
    virtual = made.release.manifest["samples"]
    assert len(virtual) >= 8
    assert encoded.keys() == virtual.keys()
    assert all(encoded[one]["key"] == virtual[one]["key"] for one in virtual)


def test_with_the_footage_it_becomes_the_encoded_release(made: Made, tmp_path: Path) -> None:
    mine = elsewhere(made, tmp_path / "mine")
    done = materialize(made.release, sources(mine), tmp_path / "whole", engine=ENGINE)
    assert done.is_whole
    assert done.digest == made.encoded.release.digest
    got, want = contents(tmp_path / "whole"), contents(made.encoded.release.folder)
    differ = {path for path in want if got.get(path) != want[path]}
    # What only tells of the content has no pictures of it.
    assert differ == {"README.md", "report.html", "croissant.json", "manifest.json", "assets/contact.jpg"}  # fmt: skip
    assert [path for path in want if path.startswith("data/")]
    found = verify(tmp_path / "whole", sources=True)
    assert found.faults == ()
    assert found.sources_compared == len(made.release.manifest["samples"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "whole"], "nothing is left"


def test_the_card_says_what_is_so(made: Made, tmp_path: Path) -> None:
    virtual = (made.virtual.release.folder / "README.md").read_text()
    assert "curator materialize FOLDER --sources" in virtual
    mine = elsewhere(made, tmp_path / "mine")
    materialize(made.release, sources(mine), tmp_path / "whole", engine=ENGINE)
    told = (tmp_path / "whole/README.md").read_text()
    assert "materialize" not in told
    encoded = (made.encoded.release.folder / "README.md").read_text()
    assert told.split("---")[1] == encoded.split("---")[1], "the same metadata"


def test_what_others_read_is_right_before_and_after(made: Made, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    mine = elsewhere(made, tmp_path / "mine")
    materialize(made.release, sources(mine), tmp_path / "whole", engine=ENGINE)
    count = len(made.release.manifest["samples"])
    for folder, has in ((made.virtual.release.folder, False), (tmp_path / "whole", True)):
        loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert sum(map(len, loaded.values())) == count
        assert ("video" in loaded["train"].features) is has


def test_missing_footage_is_told_by_name_and_count(made: Made, tmp_path: Path) -> None:
    mine = elsewhere(made, tmp_path / "mine", without="f2.mp4")
    samples = made.release.manifest["samples"].values()
    gone = str(made.films / "f2.mp4")
    rows = pq.read_table(made.virtual.release.folder / "data").to_pylist()
    lost = [row["id"] for row in rows if row["url"] == gone]
    with pytest.raises(SourceError) as caught:
        materialize(made.release, sources(mine), tmp_path / "part", engine=ENGINE)
    assert caught.value.reason == "footage-missing"
    assert f"1 video is not among the sources, of {len(lost)} samples: {gone}" in str(caught.value)
    assert not (tmp_path / "part").exists()
    done = materialize(made.release, sources(mine), tmp_path / "part", engine=ENGINE, partial=True)
    assert done.missing == {gone: len(lost)}
    assert done.samples == len(samples) - len(lost)
    assert verify(tmp_path / "part").faults == ()


def test_a_sidecar_that_is_missing_costs_the_samples_that_need_it(
    made: Made, tmp_path: Path
) -> None:
    mine = elsewhere(made, tmp_path / "mine", without="f0.wav")
    done = materialize(made.release, [str(mine)], tmp_path / "part", engine=ENGINE, partial=True)
    assert list(done.missing) == [str(made.films / "f0.mp4")]
    assert done.samples > 0


def test_the_command_says_it_with_its_exit_code(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = elsewhere(made, tmp_path / "mine", without="f2.mp4")
    words = ["materialize", str(made.release.folder), "--sources", str(mine)]
    words += ["--sources", f"{mine}/*.wav", "--workers", "1", "--to", str(tmp_path / "part")]
    assert command(words) == 1
    assert "footage-missing" in capsys.readouterr().err
    assert command([*words, "--partial", "--json"]) == 3
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(told["missing"]) == 1
    assert command(words[:2]) == 2
    assert command([*words[:-1], str(tmp_path / "more"), "--partial"]) == 3
    encoded = ["materialize", str(made.encoded.release.folder), *words[2:-1], str(tmp_path / "x")]
    assert command(encoded) == 1
    assert "not-virtual" in capsys.readouterr().err


def test_a_sheet_that_was_changed_is_refused(made: Made, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made.release.folder, tmp_path / "copy"))
    path = sorted(folder.glob("data/*.parquet"))[0]
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["cut"]["document"] = rows[0]["cut"]["document"].replace('"crf":18', '"crf":40')
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    assert "cut-sheet" in {fault.reason for fault in verify(folder).faults}
    with pytest.raises(StoreError) as caught:
        materialize(open_release(folder), [str(made.films)], tmp_path / "x", engine=ENGINE)
    assert caught.value.reason == "cut-sheet"


def test_the_release_is_sound_and_is_what_the_recipe_gives(made: Made, tmp_path: Path) -> None:
    assert verify(made.release.folder).faults == ()
    assert command(["verify", str(made.release.folder), "--rebuild", "engine.workers=1"]) == 0


def test_versions_are_published_pulled_taken_back_and_cut(made: Made, tmp_path: Path) -> None:
    remote = open_remote(str(tmp_path / "published"))
    spec = PublishSpec(repo=str(tmp_path / "published"))
    publish(made.release.folder, remote, spec, say=lambda _: None)
    samples = made.release.manifest["samples"]
    some = pull(remote, tmp_path / "some", where=Where.parse("start_seconds < 1")).folder
    ids = set(open_release(some).manifest["samples"])
    assert 0 < len(ids) < len(samples)
    mine = elsewhere(made, tmp_path / "mine")
    cut = materialize(open_release(some), sources(mine), tmp_path / "cut", engine=ENGINE)
    assert cut.samples == len(ids)
    assert verify(tmp_path / "cut").faults == ()
    gone = min(samples)
    takedown(remote, Target(sample=gone), spec, reason="asked to", say=lambda _: None)
    after = pull(remote, tmp_path / "after").folder
    assert gone not in open_release(after).manifest["samples"]
    left = materialize(open_release(after), sources(mine), tmp_path / "left", engine=ENGINE)
    assert left.samples == len(samples) - 1
    assert verify(tmp_path / "left").faults == ()


def test_a_version_on_the_hub_is_cut_by_its_name(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
    with HubServer() as server:
        as_user(monkeypatch, server, server.user("ann", orgs=["lab"]), tmp_path / "home")
        remote = open_remote("lab/films")
        publish(made.release.folder, remote, PublishSpec(repo="lab/films"), say=lambda _: None)
        card = remote.read("README.md", "v1.0.0").decode()
        assert "curator materialize lab/films@v1.0.0 --sources" in card
        assert 'curator.load("lab/films", revision="v1.0.0", sources=' in card
        words = [
            "materialize",
            "lab/films@v1.0.0",
            "--workers",
            "1",
            "--to",
            str(tmp_path / "mine"),
        ]
        given = [f"--sources={one}" for one in sources(made.films)]
        assert command([*words, *given]) == 0
        encoded = made.encoded.release.folder
        later = publish(encoded, remote, PublishSpec(repo="lab/films"), say=lambda _: None)
    assert open_release(tmp_path / "mine").digest == made.encoded.release.digest
    assert later.version == "2.0.0", "columns came"


def test_the_loader_cuts_once(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
    folder = made.release.folder
    with pytest.raises(LoaderError) as caught:
        with_clips(folder, None)
    assert caught.value.reason == "no-clips"
    mine = elsewhere(made, tmp_path / "mine")
    first = with_clips(folder, sources(mine))
    shutil.rmtree(mine)
    assert with_clips(folder, None) == with_clips(folder, str(mine)) == first
    assert open_release(first).digest == made.encoded.release.digest
    pytest.importorskip("torch")
    import curator

    samples = curator.load(folder, window_seconds=0.4)
    assert samples[0]["video"].shape[1:] == (3, 64, samples[0]["video"].shape[3])
    with pytest.raises(LoaderError) as refused:
        with_clips(made.encoded.release.folder, str(mine))
    assert refused.value.reason == "not-virtual"


def test_there_is_nothing_to_convert(made: Made, tmp_path: Path) -> None:
    from curator.convert.clips import Clips

    with pytest.raises(ConvertError) as caught:
        Clips(made.release)
    assert caught.value.reason == "convert-virtual"


def test_after_an_interruption_nothing_is_cut_twice(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_folder: Path, _target: Path) -> None:
        raise OSError("no space left")

    heard: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("curator.release.materialize.publish", full)
        with pytest.raises(OSError, match="no space"):
            materialize(made.release, sources(made.films), tmp_path / "whole", say=heard.append)
    assert len(heard) == 4
    assert not (tmp_path / "whole").exists()
    heard.clear()
    done = materialize(made.release, sources(made.films), tmp_path / "whole", say=heard.append)
    assert heard == []
    assert done.digest == made.encoded.release.digest


@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_clips_are_laid_out_as_the_recipe_says(made: Made, tmp_path: Path, layout: str) -> None:
    built = {}
    for clips in ("virtual", "encoded"):
        document = {**recipe(made.films, clips), "pack": {"clips": clips, "layout": layout}}
        (one,) = build([compile_recipe(document)], settings(tmp_path / clips), Silent())
        built[clips] = open_release(one.release.folder)
    assert built["virtual"].manifest["layout"] == "parquet", "there is nothing to lay out"
    target = tmp_path / "whole"
    done = materialize(built["virtual"], sources(made.films), target, engine=ENGINE)
    assert done.digest == built["encoded"].digest
    assert open_release(target).manifest["layout"] == layout
    assert verify(target, sources=True).faults == ()
    told = [(one / "README.md").read_text() for one in (target, built["encoded"].folder)]
    assert told[0].split("---")[1] == told[1].split("---")[1], "the same metadata"
