"""Discovery finds every video once, in one order, and says what is wrong with all sources together."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.errors import Location, RecipeErrors
from curator.source.discover import discover, search


@dataclass(frozen=True, kw_only=True)
class Source:
    url: str
    license: str | None = "CC0-1.0"
    attribution: str | None = None
    sidecars: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as people have them; the working directory is its parent."""
    names = "b.mp4 a.MOV .hidden.mp4 notes.txt deep/c.mkv deep/.trash/d.mp4 deep/c.srt clip[1].mp4 raw.dat"
    for name in names.split():
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "films"


def urls(url: str, **more: Any) -> list[str]:
    return [ref.url for ref in discover({"films": Source(url=url, **more)})]


def reasons(url: str, **more: Any) -> list[str]:
    with pytest.raises(RecipeErrors) as caught:
        discover({"films": Source(url=url, **more)})
    return [error.reason for error in caught.value.errors]


class TestLocal:
    def test_a_folder_gives_the_videos_inside_it(self, films: Path) -> None:
        expected = ["films/a.MOV", "films/b.mp4", "films/clip[1].mp4", "films/deep/c.mkv"]
        assert urls("films") == urls("./films/") == urls("films/**/*") == expected

    def test_a_glob_gives_what_it_matches(self, films: Path) -> None:
        assert urls("films/*.mp4") == ["films/b.mp4", "films/clip[1].mp4"]
        assert urls("films/**/*.mkv") == ["films/deep/c.mkv"]
        assert urls("films/*/*") == ["films/deep/c.mkv"]
        assert urls("films/?.mp4") == ["films/b.mp4"]

    def test_a_file_named_outright_is_taken_whatever_it_is_called(self, films: Path) -> None:
        for name in ("films/raw.dat", "films/.hidden.mp4", "films/clip[1].mp4"):
            assert urls(name) == [name]

    def test_a_glob_that_names_its_suffix_means_it(self, films: Path) -> None:
        assert urls("films/*.dat") == ["films/raw.dat"]

    def test_paths_stay_as_they_were_written(self, films: Path) -> None:
        assert urls(str(films / "b.mp4")) == [str(films / "b.mp4")]
        assert urls(f"file://{films}/b.mp4") == [str(films / "b.mp4")]
        assert urls("films/deep/../b.mp4") == ["films/b.mp4"]

    def test_from_another_place_they_say_where_they_are(self, films: Path, tmp_path: Path) -> None:
        (ref,) = discover({"films": Source(url="b.mp4")}, base=films)
        assert ref.url == str(films / "b.mp4")
        (ref,) = discover({"films": Source(url="films/b.mp4")}, base=tmp_path)
        assert ref.url == "films/b.mp4"

    def test_sidecars_lie_beside_their_video(self, films: Path) -> None:
        sidecars = {"transcript": "{stem}.srt", "pose": "{dir}/../{stem}.npz"}
        refs = discover({"films": Source(url="films/**/*.m*", sidecars=sidecars)})
        assert {ref.url: dict(ref.sidecars) for ref in refs if ref.sidecars} == {
            "films/deep/c.mkv": {"transcript": "films/deep/c.srt"}
        }

    def test_a_sidecar_pattern_with_another_name_is_refused(self, films: Path) -> None:
        assert reasons("films", sidecars={"transcript": "{name}.srt"}) == ["source-sidecar"]


class TestRemote:
    def test_globs_and_folders_of_any_file_system(self, memory: Any) -> None:
        for name in ("b.mp4", "deep/a.mkv", "deep/.x/a.mp4", "._a.mp4", "notes.txt"):
            memory.pipe(f"/bucket/{name}", b"x")
        expected = ["memory://bucket/b.mp4", "memory://bucket/deep/a.mkv"]
        assert urls("memory://bucket/**") == urls("memory://bucket") == expected
        assert urls("memory://bucket/*.mp4") == expected[:1]
        assert urls("memory://bucket/notes.txt") == ["memory://bucket/notes.txt"]

    def test_brackets_may_be_part_of_a_name(self, memory: Any) -> None:
        memory.pipe("/clip[1].mp4", b"x")
        assert urls("memory://clip[1].mp4") == ["memory://clip[1].mp4"]

    def test_archives_wherever_they_lie(self, memory: Any, films: Path) -> None:
        memory.pipe("/z.zip", zipped({"d/a.mp4": b"x", "__MACOSX/d/._a.mp4": b"y", "n.txt": b"z"}))
        (films / "z.zip").write_bytes(zipped({"a.mp4": b"x", "b.mp4": b"y"}))
        assert urls("zip://**/*.mp4::memory://z.zip") == ["zip://d/a.mp4::memory://z.zip"]
        assert urls("zip://*::films/z.zip") == [
            "zip://a.mp4::films/z.zip",
            "zip://b.mp4::films/z.zip",
        ]
        assert urls("zip://b.mp4::films/z.zip") == ["zip://b.mp4::films/z.zip"]

    def test_sidecars_are_looked_up_where_folders_can_be_listed(self, memory: Any) -> None:
        for name in ("a.mp4", "a.srt", "b.mp4"):
            memory.pipe(f"/d/{name}", b"x")
        memory.pipe("/z.zip", zipped({"a.mp4": b"x", "a.srt": b"y"}))
        sidecars = {"transcript": "{stem}.srt"}
        found = discover(
            {
                "a": Source(url="memory://d/*.mp4", sidecars=sidecars),
                "z": Source(url="zip://*.mp4::memory://z.zip", sidecars=sidecars),
            }
        )
        assert [dict(ref.sidecars) for ref in found] == [
            {"transcript": "memory://d/a.srt"},
            {},
            {"transcript": "zip://a.srt::memory://z.zip"},
        ]

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("memory://none/*.mp4", "source-empty"),
            ("memory://none.mp4", "source-empty"),
            ("zip://*.mp4::memory://none.zip", "source-empty"),
            ("zip://*.mp4::memory://broken.zip", "source-unreachable"),
            ("nonsense://a/*.mp4", "source-unreachable"),
            ("http://user:secret@127.0.0.1:9/a.mp4?token=secret", "source-unreachable"),
        ],
    )
    def test_what_cannot_be_had_is_said_without_secrets(
        self, memory: Any, url: str, reason: str
    ) -> None:
        memory.pipe("/broken.zip", b"not a zip")
        _, (error,) = search({"films": Source(url=url)})
        assert error.reason == reason
        assert "secret" not in error.message + (error.hint or "")


class TestRights:
    def test_every_source_says_its_licence_unless_nobody_asks(self, films: Path) -> None:
        assert reasons("films", license=None) == ["source-missing-license"]
        assert reasons("films", license="  ") == ["source-missing-license"]
        refs = discover({"films": Source(url="films", license=None)}, require_license=False)
        assert {ref.rights.license for ref in refs} == {None}

    def test_rights_travel_with_each_video(self, films: Path) -> None:
        source = Source(url="films/b.mp4", license="CC-BY-4.0", attribution="Jo")
        (ref,) = discover({"films": source})
        assert (ref.rights.license, ref.rights.attribution) == ("CC-BY-4.0", "Jo")

    def test_one_video_in_two_sources_counts_once_and_has_one_licence(self, films: Path) -> None:
        both = {"a": Source(url="films/b.mp4"), "b": Source(url="./films/*.mp4")}
        assert [(ref.source, ref.url) for ref in discover(both)] == [
            ("a", "films/b.mp4"),
            ("b", "films/clip[1].mp4"),
        ]
        both["b"] = Source(url="./films/*.mp4", license="CC-BY-4.0")
        _, (error,) = search(both)
        assert error.reason == "source-rights-differ"


class TestMistakes:
    def test_all_sources_are_reported_together_with_their_places(self, films: Path) -> None:
        sources = {
            "empty": Source(url="films/*.avi"),
            "free": Source(url="films", license=None),
            "odd": Source(url="nonsense://a"),
        }
        places = {
            "sources.empty.url": Location("r.yaml", 3, 5),
            "sources.free": Location("r.yaml", 4, 2),
        }
        with pytest.raises(RecipeErrors) as caught:
            discover(sources, places=places)
        assert [(error.reason, str(error.where)) for error in caught.value.errors] == [
            ("source-empty", "r.yaml:3:5"),
            ("source-missing-license", "r.yaml:4:2"),
            ("source-unreachable", "None"),
        ]

    def test_an_empty_source_says_what_is_there(self, films: Path) -> None:
        hints = []
        for url in ("films/deep/none/*.mp4", "films/deep/*.avi", "films/*.d[a]t?"):
            _, (error,) = search({"films": Source(url=url)})
            assert url in error.message
            hints.append(error.hint or "")
        assert "films/deep (2 files, 1 videos)" in hints[0]
        assert "films/deep (2 files, 1 videos)" in hints[1]
        (films / "only").mkdir()
        (films / "only" / "readme.txt").write_text("")
        _, (error,) = search({"films": Source(url="films/only")})
        assert "1 files are there" in (error.hint or "")


Writer = Callable[[Path, list[dict[str, Any]]], None]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, sorted({name for row in rows for name in row}))
    writer.writeheader()
    for row in rows:
        writer.writerow({k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()})
    path.write_text("\ufeff" + text.getvalue())


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


MANIFESTS = pytest.mark.parametrize(
    ("name", "write"),
    [("m.csv", write_csv), ("m.jsonl", write_jsonl), ("m.parquet", write_parquet)],
)


class TestManifests:
    @MANIFESTS
    def test_rows_give_videos_rights_and_sidecars(
        self, films: Path, name: str, write: Writer
    ) -> None:
        rows = [
            {
                "url": "b.mp4",
                "license": "CC-BY-4.0",
                "attribution": "Jo",
                "sidecar.transcript": "b.srt",
                "sidecars": {"pose": "s3://bucket/b.npz"},
                "title": "extra columns are ignored",
            },
            {"url": "memory://x/y.mp4", "license": None, "attribution": None, "sidecars": {}},
        ]
        write(films / name, rows)
        first, second = discover({"films": Source(url=f"films/{name}", license="CC0-1.0")})
        assert first.url == "films/b.mp4"
        assert (first.rights.license, first.rights.attribution) == ("CC-BY-4.0", "Jo")
        assert first.sidecars == {"transcript": "films/b.srt", "pose": "s3://bucket/b.npz"}
        assert (second.url, second.rights.license) == ("memory://x/y.mp4", "CC0-1.0")
        assert dict(second.sidecars) == {}

    @MANIFESTS
    def test_a_manifest_on_the_network_names_files_beside_it(
        self, memory: Any, tmp_path: Path, name: str, write: Writer
    ) -> None:
        write(tmp_path / name, [{"url": "../b.mp4"}, {"url": "s3://bucket/c.mp4"}])
        memory.pipe(f"/d/e/{name}", (tmp_path / name).read_bytes())
        assert urls(f"memory://d/e/{name}") == ["memory://d/b.mp4", "s3://bucket/c.mp4"]

    @pytest.mark.parametrize("url", ["/etc/passwd", "~/a", "file:///etc/passwd", "zip://a::/b.zip"])
    def test_a_manifest_on_the_network_cannot_name_files_of_this_machine(
        self, memory: Any, url: str
    ) -> None:
        memory.pipe("/m.jsonl", json.dumps({"url": url}).encode())
        assert reasons("memory://m.jsonl") == ["manifest-invalid"]

    @MANIFESTS
    def test_a_row_without_a_licence_is_named(self, films: Path, name: str, write: Writer) -> None:
        write(films / name, [{"url": "a.mp4", "license": "X"}, {"url": "b.mp4", "license": ""}])
        _, (error,) = search({"films": Source(url=f"films/{name}", license=None)})
        assert error.reason == "source-missing-license"
        assert "1 of 2" in error.message
        line = {"m.csv": 3, "m.jsonl": 2, "m.parquet": 2}[name]
        assert f"films/{name}:{line}" in error.message

    @MANIFESTS
    def test_a_misspelt_column_names_the_nearest(
        self, films: Path, name: str, write: Writer
    ) -> None:
        write(films / name, [{"url": "a.mp4", "licence": "X"}])
        _, (error,) = search({"films": Source(url=f"films/{name}")})
        assert (error.reason, error.hint) == ("manifest-invalid", "did you mean 'license'?")

    @MANIFESTS
    def test_a_table_without_urls_lists_its_columns(
        self, films: Path, name: str, write: Writer
    ) -> None:
        write(films / name, [{"video": "a.mp4"}])
        _, (error,) = search({"films": Source(url=f"films/{name}")})
        assert error.reason == "manifest-invalid"
        assert "video" in (error.hint or "")

    @pytest.mark.parametrize(
        ("name", "text", "line"),
        [
            ("m.jsonl", b'{"url": "a.mp4"}\n{"url": }', 2),
            ("m.jsonl", b'{"url": "a.mp4"}\n\n["b.mp4"]', 3),
            ("m.jsonl", b'{"url": 3}', 1),
            ("m.jsonl", b'{"url": "a.mp4", "sidecars": ["x"]}', 1),
            ("m.jsonl", b'{"url": "a.mp4"}\n\xff', 2),
            ("m.csv", b"url,license\na.mp4,X\nb.mp4,X,Y\n", 3),
            ("m.csv", b"url,license\na.mp4,X\n,X\n", 3),
            ("m.csv", b'url,sidecars\na.mp4,"{"\n', 2),
            ("m.csv", b'url\n"a.mp4" x\n', 2),
            ("m.csv", b'url\na.mp4\n"b.mp4\nc.mp4\n', 3),
            ("m.csv", b"", 1),
            ("m.parquet", b"PAR1 or not", 1),
            ("m.json", b'[{"url": "a.mp4"}]', 1),
        ],
    )
    def test_a_mistake_has_its_line(self, films: Path, name: str, text: bytes, line: int) -> None:
        (films / name).write_bytes(text)
        _, (error,) = search({"films": Source(url=f"films/{name}")})
        assert error.reason == "manifest-invalid"
        assert error.where == Location(f"films/{name}", line, 1)

    def test_many_mistakes_are_counted_rather_than_listed(self, films: Path) -> None:
        (films / "m.jsonl").write_text("nonsense\n" * 50)
        _, errors = search({"films": Source(url="films/m.jsonl")})
        assert len(errors) == 21
        assert "30 more" in errors[-1].message

    def test_a_manifest_without_rows_is_an_empty_source(self, films: Path) -> None:
        (films / "m.csv").write_text("url,license\n")
        assert reasons("films/m.csv") == ["source-empty"]

    def test_a_manifest_that_names_a_video_twice_gives_it_once(self, films: Path) -> None:
        (films / "m.csv").write_text("url\na.mp4\n./a.mp4\n")
        assert urls("films/m.csv") == ["films/a.mp4"]


NAMES = st.lists(st.text("abc", min_size=1, max_size=3), unique=True, min_size=1, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=NAMES, data=st.data())
def test_the_order_of_sources_and_of_writing_never_matters(
    memory: Any, names: list[str], data: st.DataObject
) -> None:
    def found(order: list[str]) -> object:
        memory.store.clear()
        for name in order:
            memory.pipe(f"/{name[0]}/{name}.mp4", b"x")
        return discover({name: Source(url=f"memory://{name[0]}/*.mp4") for name in order})

    assert found(names) == found(data.draw(st.permutations(names)))


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()
