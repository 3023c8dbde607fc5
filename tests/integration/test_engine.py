"""The engine on synthetic footage: caching, fusing, failing, dying, and the same bytes every time."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from curator.engine.footage import videos_of
from curator.engine.inspect import preview
from curator.engine.progress import Silent
from curator.engine.run import Ran, run
from curator.model.clip import Decision
from curator.model.outcome import Outcome
from curator.model.span import Span
from curator.plan.logical import Node
from curator.plan.physical import Plan, make_plan
from curator.release.build import BuildResult, build
from curator.release.explain import explain
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.store.store import Store
from curator.testing.faults import Fault, Kind
from curator.testing.footage import flat, make_video, noise, pan, silence, still, tone

pytestmark = pytest.mark.slow

KEEP = {
    "lit": {"of": "luma.mean.median", "min": 40},
    "sharp": {"of": "sharpness.score.median", "min": 0.05},
    "loud": {"of": "loudness.level.median", "min": -60, "absent": "keep"},
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short films: stills and pans, one with a dark stretch, one with sound."""
    folder = tmp_path_factory.mktemp("films")
    fps = Fraction(25)
    make_video(folder / "a.mp4", [pan(5, seed=1), flat(2, 0.02), pan(4, seed=2)], fps=fps)
    make_video(folder / "b.mp4", [still(3, seed=3), pan(6, seed=4), noise(2)], fps=fps)
    make_video(
        folder / "c.mkv",
        [pan(6, seed=5), pan(3, seed=6)],
        fps=Fraction(30000, 1001),
        audio=[tone(6, 440), silence(3)],
    )
    return folder


def recipe(films: str | Path, **changes: Any) -> Recipe:
    document: dict[str, Any] = {
        "name": "plain",
        "target": "test",
        "sources": {"films": {"url": str(films), "license": "CC0-1.0"}},
        "segment": {
            "seconds": {"min": 1, "max": 4, "trim": 0.1},
            "where": {"bright": {"of": "luma.mean", "min": 20}},
        },
        "keep": KEEP,
        "sample": {"video": {"height": 90}, "audio": {"mono": True}},
    }
    return compile_recipe(document | changes)


def with_keep(films: Path, **bounds: Mapping[str, Any]) -> Recipe:
    return recipe(films, keep={name: KEEP[name] | bounds.get(name, {}) for name in KEEP})


def settings(root: Path, workers: int = 1, **engine: Any) -> Settings:
    return Settings(
        out=str(root / "out"),
        engine=EngineSpec(workers=workers, **engine),
        store=StoreSpec(root=str(root / "store")),
    )


def built(root: Path, wanted: Recipe, workers: int = 1, **engine: Any) -> BuildResult:
    (result,) = build([wanted], settings(root, workers, **engine), Silent())
    return result


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(result: BuildResult) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(
        result.release.folder / "metrics.parquet"
    ).to_pylist()
    return found


@pytest.fixture(scope="module")
def first(films: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildResult]:
    """A finished build; tests copy its folder before they build on it."""
    root = tmp_path_factory.mktemp("first")
    return root, built(root, recipe(films))


@pytest.fixture
def copy(first: tuple[Path, BuildResult], tmp_path: Path) -> Path:
    shutil.copytree(first[0], tmp_path / "copy")
    return tmp_path / "copy"


def middling(result: BuildResult) -> float:
    """A bound on brightness that stops some of the kept clips and lets others through."""
    kept = sorted(r["luma.mean.median"] for r in rows(result) if r["verdict"] == "kept")
    assert kept[0] < kept[-1]
    return float(kept[0] + kept[-1]) / 2


def test_every_second_has_one_verdict(first: tuple[Path, BuildResult]) -> None:
    result = first[1]
    assert result.clips["kept"] > 0
    assert result.videos == {"ok": 3, "failed": 0}
    by_video: dict[str, list[dict[str, Any]]] = {}
    for row in rows(result):
        by_video.setdefault(row["video"], []).append(row)
    for one in by_video.values():
        assert one[0]["start_seconds"] == 0
        assert all(a["end"] == b["start"] for a, b in itertools.pairwise(one))


def test_a_dark_stretch_is_out_and_says_why(first: tuple[Path, BuildResult]) -> None:
    dark = [
        r for r in rows(first[1]) if r["video"].endswith("a.mp4") and 5.5 <= r["start_seconds"] < 7
    ]
    assert dark
    assert all(r["verdict"] == "dropped" for r in dark)


def test_a_second_build_decodes_nothing_and_is_the_same(
    first: tuple[Path, BuildResult], copy: Path, films: Path
) -> None:
    again = built(copy, recipe(films))
    assert again.frames_decoded == 0
    assert again.release.digest == first[1].release.digest


def test_damaged_facts_are_measured_again_in_the_same_build(
    first: tuple[Path, BuildResult], copy: Path, films: Path
) -> None:
    blobs = [path for path in (copy / "store" / "blobs").rglob("*") if path.is_file()]
    series = [
        path
        for path in blobs
        if b"ARROW" in path.read_bytes()[:400] or path.read_bytes()[:4] == b"\xff" * 4
    ]
    assert series
    for path in series:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = built(copy, recipe(films))
    assert again.frames_decoded > 0
    assert again.release.digest == first[1].release.digest
    built(copy, recipe(films))  # the pictures of the report, which this one did without
    assert built(copy, recipe(films)).frames_decoded == 0


def test_a_stricter_threshold_decodes_nothing(
    first: tuple[Path, BuildResult], copy: Path, films: Path
) -> None:
    strict = built(copy, with_keep(films, lit={"min": middling(first[1])}))
    assert strict.frames_decoded == 0
    assert 0 < strict.clips["kept"] < first[1].clips["kept"]


def test_a_looser_threshold_decodes_only_what_had_been_stopped(films: Path, tmp_path: Path) -> None:
    strict = built(tmp_path, with_keep(films, lit={"min": 1000}))
    assert strict.clips["kept"] == 0
    loose = built(tmp_path, recipe(films))
    assert loose.clips["kept"] > 0
    assert loose.frames_decoded == loose.frames_encoding > 0, "only new clips are encoded"
    longest = max(row["end_seconds"] for row in rows(loose))
    assert loose.frames_decoded < strict.frames_decoded + longest * 30
    fresh = built(tmp_path / "fresh", recipe(films))
    assert contents(fresh.release.folder) == contents(loose.release.folder)


def test_workers_and_task_sizes_never_change_a_byte(
    first: tuple[Path, BuildResult], films: Path, tmp_path: Path
) -> None:
    two = built(tmp_path, recipe(films), workers=2, task_tiles=1, decode_threads=2)
    assert contents(two.release.folder) == contents(first[1].release.folder)


def test_measuring_everything_keeps_the_same_clips(
    first: tuple[Path, BuildResult], films: Path, tmp_path: Path
) -> None:
    whole = built(tmp_path, recipe(films), measure_all=True)
    kept = [
        [(r["video"], r["start"], r["end"], r["id"]) for r in rows(one) if r["verdict"] == "kept"]
        for one in (first[1], whole)
    ]
    assert kept[0] == kept[1]


def test_fused_measures_give_the_facts_that_each_gives_alone(films: Path, tmp_path: Path) -> None:
    ops = ["luma.mean.median", "freeze.share", "motion.camera_shake", "flicker.amplitude"]
    conditions = {f"c{i}": {"of": of, "min": -1e9, "absent": "keep"} for i, of in enumerate(ops)}
    together = tmp_path / "together"
    built(together, recipe(films, keep=conditions, segment={}))
    seen = 0
    for name, condition in conditions.items():
        alone = tmp_path / name
        built(alone, recipe(films, keep={name: condition}, segment={}))
        for key, output in facts(alone).items():
            assert facts(together)[key] == output
            seen += 1
    assert seen >= len(ops) * 3 * 2


def facts(root: Path) -> dict[tuple[str, int, int], str]:
    """Every fact of a store: (key, tiles) to the digest of its output."""
    with closing(sqlite3.connect(root / "store" / "facts.db")) as database:
        found = database.execute("SELECT key, first_tile, last_tile, output FROM facts").fetchall()
    return {(key, first, last): output for key, first, last, output in found}


def test_a_sweep_decodes_once(films: Path, tmp_path: Path) -> None:
    wanted = [with_keep(films, lit={"min": low}) for low in (40, 60, 80)]
    single = built(tmp_path / "one", wanted[0])
    results = build(wanted, settings(tmp_path / "sweep"), Silent())
    measured = [one.frames_decoded - one.frames_encoding for one in (results[0], single)]
    assert measured[0] == measured[1]
    assert results[0].release.digest == single.release.digest


def test_preview_says_what_a_build_would_keep(
    first: tuple[Path, BuildResult], copy: Path, films: Path
) -> None:
    wanted = with_keep(films, lit={"min": middling(first[1])})
    said = preview(wanted, settings(copy)).to_json()
    result = built(copy, wanted)
    assert said["clips"] == dict(result.clips)
    assert said["hours_kept"] == pytest.approx(result.hours_kept)
    assert said["frames_decoded"] == 0


def test_explain_names_the_condition_and_its_margin(copy: Path, films: Path) -> None:
    built(copy, with_keep(films, lit={"min": 240}))
    (one,) = explain("b.mp4@4", settings(copy), None).explanations
    assert one.row.decision is Decision.dropped
    assert one.row.threshold == "keep.lit"
    lit = next(check for check in one.checks if check.name == "keep.lit")
    assert lit.said == "fails"
    assert lit.margin is not None
    assert lit.margin < 0
    assert all(node.cached for node in one.nodes)


def test_footage_in_memory_is_built_like_footage_on_disk(
    first: tuple[Path, BuildResult], films: Path, tmp_path: Path
) -> None:
    memory = fsspec.filesystem("memory")
    for path in films.iterdir():
        memory.pipe(f"/films/{path.name}", path.read_bytes())
    result = built(tmp_path, recipe("memory://films/*"), workers=2)
    kept = {r["id"] for r in rows(result) if r["verdict"] == "kept"}
    assert kept == {r["id"] for r in rows(first[1]) if r["verdict"] == "kept"}


def test_the_same_content_at_two_urls_counts_once(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(films / "a.mp4", folder / "a.mp4")
    shutil.copy(films / "a.mp4", folder / "copy.mp4")
    result = built(tmp_path, recipe(folder), workers=2)
    copies = [r for r in rows(result) if r["video"].endswith("copy.mp4")]
    assert [(r["verdict"], r["reason"]) for r in copies] == [("dropped", "same-content")]
    ids = [r["id"] for r in rows(result) if r["verdict"] == "kept"]
    assert ids
    assert len(ids) == len(set(ids))


# What goes wrong costs one video


def faulty(wanted: Recipe, kind: Kind) -> Plan:
    """The plan of a recipe, with a measure in its scan that breaks on bright frames."""
    plan = make_plan(wanted)
    node = Node("fault", "fault", Fault(kind=kind, above=200.0))
    passes = [
        dataclasses.replace(p, nodes=(*p.nodes, "fault")) if p.index == 1 else p
        for p in plan.passes
    ]
    logical = dataclasses.replace(plan.logical, nodes={**plan.nodes, "fault": node})
    return Plan(logical=logical, passes=tuple(passes))


@pytest.fixture(scope="module")
def bright_and_dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bright")
    make_video(folder / "bright.mp4", [pan(3), flat(2, 0.95)], fps=Fraction(25))
    make_video(folder / "dark.mp4", [pan(4, seed=7)], fps=Fraction(25))
    return folder


def outcomes(plan: Plan, root: Path, **engine: Any) -> dict[str, Outcome]:
    spec = EngineSpec(workers=2, **engine)
    with Store.open(root / "store") as store:
        refs = videos_of(plan.recipe)
        (ran,), _ = run([(plan, refs)], store=store, engine=spec, progress=Silent())
    assert isinstance(ran, Ran)
    return {Path(one.ref.url).stem: one for one in ran.outcomes}


@pytest.mark.parametrize(
    ("kind", "reason", "limits"),
    [
        (Kind.crash, "crash", {}),
        (Kind.hang, "timeout", {"task_seconds": 20.0}),
        (Kind.bloat, "memory", {"task_memory_gib": 1.0}),
        (Kind.error, "measure-broke", {}),
    ],
)
def test_a_measure_that_breaks_costs_its_video_alone(
    bright_and_dark: Path, tmp_path: Path, kind: Kind, reason: str, limits: dict[str, float]
) -> None:
    plan = faulty(recipe(bright_and_dark), kind)
    for _ in range(2):  # the second time, what failed is known and is not tried again
        found = outcomes(plan, tmp_path, **limits)
        assert [f.reason for f in found["bright"].failures] == [reason]
        assert [r.decision for r in found["bright"].rows] == [Decision.unscored]
        assert not found["dark"].failures
        assert any(r.decision is Decision.kept for r in found["dark"].rows)


def test_a_mended_measure_is_tried_again_when_asked(bright_and_dark: Path, tmp_path: Path) -> None:
    plan = faulty(recipe(bright_and_dark), Kind.error)
    outcomes(plan, tmp_path)
    # The same key, as after mending a measure without raising its version.
    mended = Fault(kind=Kind.none, above=200.0)
    nodes = dict(plan.nodes) | {"fault": _Keyed("fault", "fault", mended)}
    fixed = Plan(logical=dataclasses.replace(plan.logical, nodes=nodes), passes=plan.passes)
    assert outcomes(fixed, tmp_path)["bright"].failures
    assert not outcomes(fixed, tmp_path, retry_failed=True)["bright"].failures


class _Keyed(Node):
    """A node that passes for the broken one."""

    def settings(self) -> Mapping[str, Any]:
        return {"above": 200.0, "kind": "error"}


def test_too_many_failures_fail_the_build_after_finishing_it(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    shutil.copytree(films, folder)
    (folder / "broken.mp4").write_bytes(b"this is no video")
    result = built(tmp_path, recipe(folder))
    assert result.videos == {"ok": 3, "failed": 1}
    assert result.over_budget is not None
    assert result.over_budget.exit_code == 3
    assert result.clips["kept"] > 0
    failed = pq.read_table(result.release.folder / "failures.parquet").to_pylist()
    assert [(Path(f["video"]).name, f["reason"]) for f in failed] == [("broken.mp4", "not-a-video")]
    allowed = built(tmp_path, recipe(folder, max_failed=0.5))
    assert allowed.over_budget is None


def test_a_video_that_changes_while_it_is_read_is_refused(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(films / "a.mp4", folder)
    shutil.copy(films / "b.mp4", folder)

    class Meddler(Silent):
        """Rewrites b.mp4 as soon as the first pass has begun."""

        done = False

        def pass_started(self, name: str, total_seconds: float | None) -> None:
            if not self.done:
                self.done = True
                data = (films / "c.mkv").read_bytes()
                (folder / "b.mp4").write_bytes(data)

    (result,) = build([recipe(folder)], settings(tmp_path), Meddler())
    failed = pq.read_table(result.release.folder / "failures.parquet").to_pylist()
    assert [(Path(f["video"]).name, f["reason"]) for f in failed] == [
        ("b.mp4", "changed-while-read")
    ]
    settled = built(tmp_path, recipe(folder))
    assert settled.videos == {"ok": 2, "failed": 0}


# A build that is killed


@pytest.fixture
def recipe_file(films: Path, tmp_path: Path) -> Iterator[Path]:
    from curator.spec.document import document

    path = tmp_path / "plain.yaml"
    import yaml

    path.write_text(yaml.safe_dump(document(recipe(films)), sort_keys=False), encoding="utf-8")
    return path


def start(path: Path, root: Path) -> subprocess.Popen[bytes]:
    words = [str(path), f"out={root / 'out'}", f"store.root={root / 'store'}", "engine.workers=2"]
    return subprocess.Popen(
        [sys.executable, "-m", "curator", "build", *words, "engine.task_tiles=1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_build_killed_again_and_again_ends_in_the_same_bytes(
    first: tuple[Path, BuildResult], recipe_file: Path, tmp_path: Path
) -> None:
    rng = random.Random(7)
    kills = 0
    for _ in range(60):
        process = start(recipe_file, tmp_path)
        # On a busy machine six seconds may not be enough for one task, so patience grows.
        with_luck = rng.uniform(0.5, 6.0 + kills)
        end = time.monotonic() + with_luck
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            assert not list((tmp_path / "out").glob("[0-9a-f]*")) or _whole(tmp_path / "out")
        else:
            break
    assert process.returncode == 0
    assert kills >= 2, "nothing was killed, so nothing was shown"
    (release,) = _releases(tmp_path / "out")
    assert contents(release) == contents(first[1].release.folder)


def _releases(out: Path) -> Sequence[Path]:
    return [path for path in out.iterdir() if not path.name.startswith(".")]


def _whole(out: Path) -> bool:
    """A release that can be seen is complete."""
    return all((path / "manifest.json").is_file() for path in _releases(out))


def test_an_interrupted_build_keeps_what_it_found(recipe_file: Path, tmp_path: Path) -> None:
    process = start(recipe_file, tmp_path)
    try:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline and not _some_facts(tmp_path):
            time.sleep(0.05)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) in (0, 130)
    finally:
        process.kill()
        process.wait()
    assert facts(tmp_path)


def _some_facts(root: Path) -> bool:
    """Whether a build that is running has recorded something."""
    if not (root / "store" / "facts.db").exists():
        return False
    try:
        return bool(facts(root))
    except sqlite3.OperationalError:
        return False  # the tables are just being made


def test_spans_are_exact_under_fractional_rates(first: tuple[Path, BuildResult]) -> None:
    for row in rows(first[1]):
        if row["video"].endswith("c.mkv") and row["unit"] == "clip":
            span = Span(Fraction(row["start"]), Fraction(row["end"]))
            assert 1 <= span.seconds <= 4
