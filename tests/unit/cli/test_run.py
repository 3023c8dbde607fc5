from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from curator.cli import plan, run
from curator.cli.verbs import VERBS
from curator.errors import BuildError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


FOOTAGE = ("sources.films.url=none/*.mp4", "sources.films.license=CC0-1.0")


def last_line(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text.splitlines()[-1])
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help_that_shows_how_it_is_called(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: curator {verb}")


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {verb} " in out for verb in VERBS)


@pytest.mark.parametrize(
    ("argv", "code", "reason"),
    [
        (["biuld"], 2, "usage-unknown-command"),
        (["--nonsense"], 2, "usage-option"),
        (["build"], 2, "usage-no-recipe"),
        (["build", "a", "b"], 2, "usage-recipes"),
        (["build", "nowhere.yaml"], 2, "usage-no-file"),
        (["build", "avatr"], 1, "recipe-unknown"),
        (["test", "avatar", *FOOTAGE], 2, "usage-no-labels"),
        (["tune", "avatar", *FOOTAGE], 2, "usage-no-hours"),
        (["tune", "avatar", "--hours", "x"], 2, "usage-option"),
        (["explain"], 2, "usage-no-target"),
        (["explain", "x.mp4", "nonsense=1"], 1, "recipe-unknown-key"),
        (["diff", "a"], 2, "usage-diff"),
        (["recipes", "show", "avatr"], 2, "recipe-unknown"),
        (["recipes", "nonsense"], 2, "usage-arguments"),
        (["ops", "show", "lumma"], 1, "measure-unknown"),
        (["weights", "ls", "lumma"], 2, "usage-op"),
        (["cache", "stats"], 2, "store-missing"),
        (["cache", "prune"], 2, "usage-arguments"),
    ],
)
def test_a_mistake_has_an_exit_code_and_is_told_to_people_and_programs(
    argv: list[str], code: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*argv, "--json"]) == code
    told = capsys.readouterr()
    assert f"error[{reason}]" in told.err
    assert "Traceback" not in told.err
    errors = last_line(told.out)["errors"]
    assert isinstance(errors, list)
    assert [error["reason"] for error in errors] == [reason]


def test_an_unknown_command_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["biuld"])
    assert "did you mean 'build'?" in capsys.readouterr().err


def test_all_mistakes_of_a_recipe_reach_programs(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "bad.yaml").write_text("name: bad\ntarget: x\nkepp: {}\nmax_failed: 3s\n")
    assert run(["build", "./bad.yaml", "--json"]) == 1
    errors = last_line(capsys.readouterr().out)["errors"]
    assert isinstance(errors, list)
    found = {(error["reason"], error["where"] and error["where"]["line"]) for error in errors}
    assert found >= {("recipe-unknown-key", 3), ("recipe-wrong-unit", 4), ("recipe-missing", None)}


def test_debug_lets_errors_through(monkeypatch: pytest.MonkeyPatch) -> None:
    from curator.errors import UsageError

    monkeypatch.setenv("CURATOR_DEBUG", "1")
    with pytest.raises(UsageError):
        run(["biuld"])


def raising(error: BaseException) -> Callable[..., int]:
    def verb(words: list[str], output: object) -> int:
        raise error

    return verb


def test_a_broken_invariant_is_shown_as_our_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan, "run", raising(AssertionError("tiles tile")))
    assert run(["plan", "avatar"]) == 1
    told = capsys.readouterr().err
    assert "this is a bug in curator: tiles tile" in told
    assert "test_run.py" in told


def test_an_interrupted_command_says_that_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan, "run", raising(KeyboardInterrupt()))
    assert run(["plan", "avatar"]) == 130
    assert "interrupted" in capsys.readouterr().err


def built(name: str, *, failed: bool = False) -> SimpleNamespace:
    error = BuildError("2 of 4 videos failed", reason="too-many-failed") if failed else None
    return SimpleNamespace(
        over_budget=error, to_json=lambda: {"release": name}, lines=lambda: [f"built {name}"]
    )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """Stands where the engine is: these tests are about the words around it. Keeps what it was given."""
    import sys

    calls: list[list[object]] = []

    def fake(recipes: list[object], settings: object, progress: object) -> list[SimpleNamespace]:
        calls.append(recipes)
        return [
            built(f"r{n}", failed=not n and "bad" in str(settings)) for n in range(len(recipes))
        ]

    monkeypatch.setitem(sys.modules, "curator.release.build", SimpleNamespace(build=fake))  # type: ignore[arg-type]
    return calls


FOOTAGE = ("sources.films.url=x.mp4", "sources.films.license=CC0")


def test_one_build_is_one_object(
    engine: list[list[object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["build", "avatar", *FOOTAGE, "--json"]) == 0
    out = capsys.readouterr().out
    assert "built r0" in out
    assert last_line(out) == {"release": "r0"}


def test_a_sweep_is_one_call_and_one_object(
    engine: list[list[object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["build", "-m", "avatar", "keep.sharp.min=0.1,0.2", *FOOTAGE, "--json", "-q"]) == 0
    assert [len(call) for call in engine] == [2]
    out = capsys.readouterr().out
    assert last_line(out) == {"builds": [{"release": "r0"}, {"release": "r1"}]}
    assert len(out.splitlines()) == 1


def test_too_many_failed_videos_end_with_three_and_the_facts_are_still_last(
    engine: list[list[object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["build", "avatar", *FOOTAGE, "out=bad", "--json"]) == BuildError.exit_code == 3
    told = capsys.readouterr()
    assert last_line(told.out) == {"release": "r0"}
    assert "error[too-many-failed]" in told.err


def test_what_hydra_shows_builds_nothing(
    engine: list[list[object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["build", "avatar", "--cfg", "job", "--package", "keep.sharp"]) == 0
    assert "of: sharpness" in capsys.readouterr().out
    assert engine == []


def test_recipes_are_listed_shown_copied_and_checked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["recipes", "ls", "--json"]) == 0
    rows = last_line(capsys.readouterr().out)["recipes"]
    assert isinstance(rows, list)
    assert "avatar" in [row["name"] for row in rows]
    assert all(row["about"] for row in rows)
    assert run(["recipes", "show", "avatar"]) == 0
    text = capsys.readouterr().out
    assert run(["recipes", "cp", "avatar", "mine.yaml"]) == 0
    assert (here / "mine.yaml").read_text() == text
    assert run(["recipes", "cp", "avatar", "mine.yaml"]) == 2
    assert run(["recipes", "check", "mine.yaml"]) == 0
    (here / "mine.yaml").write_text("name: mine\n")
    capsys.readouterr()
    assert run(["recipes", "check", "mine.yaml", "avatar", "--json"]) == 1
    checked = last_line(capsys.readouterr().out)["recipes"]
    assert checked == {"mine.yaml": ["recipe-missing"], "avatar": []}


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "curator recipe"


def test_ops_say_what_an_aligner_is_put_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ops", "show", "envelope", "--json"]) == 0
    fact = last_line(capsys.readouterr().out)
    assert fact["tracks"] == ["audio"]
    assert fact["listens"] is True
    # `lips` is a measure and an aligner: both are shown.
    assert run(["ops", "show", "lips", "--json"]) == 0
    both = last_line(capsys.readouterr().out)
    assert both["kind"] == "measure"
    assert isinstance(both["aligner"], dict)
    assert both["aligner"]["tracks"] == ["own_audio"]


def test_ops_say_what_a_reader_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ops", "show", "bvh", "--json"]) == 0
    fact = last_line(capsys.readouterr().out)
    assert (fact["kind"], fact["suffixes"]) == ("reader", [".bvh"])
    settings = fact["settings"]
    assert isinstance(settings, list)
    assert {
        "name": "unit",
        "default": "cm",
        "unit": "",
        "about": "What offsets and positions count.",
    } in settings
    assert run(["ops", "show", "c3d"]) == 0
    assert "extra    curator-build[mocap], installed" in capsys.readouterr().out


def test_ops_say_what_a_measure_needs_and_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ops", "show", "face", "--json"]) == 0
    face = last_line(capsys.readouterr().out)
    assert face["extra"] == "face"
    weights = face["weights"]
    assert isinstance(weights, list)
    assert weights
    assert all(weight["license"] for weight in weights)
    assert not any(weight["present"] for weight in weights)
    assert run(["ops", "--json"]) == 0
    ops = last_line(capsys.readouterr().out)["ops"]
    assert isinstance(ops, list)
    assert {op["kind"] for op in ops} == {"aligner", "measure", "reader", "shots"}
    assert [op for op in ops if "error" in op] == []


def test_weights_are_listed_with_their_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "ls", "face", "--json"]) == 0
    rows = last_line(capsys.readouterr().out)["weights"]
    assert isinstance(rows, list)
    assert {row["op"] for row in rows} == {"face"}
    assert all(len(row["sha256"]) == 64 for row in rows)


def test_the_store_is_counted_pruned_and_checked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from curator.store.store import Store

    with Store.open(here / "store"):
        pass
    for words in (["stats"], ["prune", "--keep-gib", "1", "--dry-run"], ["check"]):
        assert run(["cache", *words, "store.root=store", "--json"]) == 0
        assert last_line(capsys.readouterr().out)


def test_the_doctor_finds_the_installation_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    findings = last_line(capsys.readouterr().out)["findings"]
    assert isinstance(findings, list)
    about = {finding["about"]: finding for finding in findings}
    assert "libavcodec" in about["ffmpeg"]["text"]
    assert about["name"]["state"] == "ok"


def test_the_doctor_finds_another_owner_of_the_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = here / "other_curator-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-curator\nVersion: 9\n")
    (info / "entry_points.txt").write_text("[console_scripts]\ncurator = curator.cli:cli\n")
    (info / "top_level.txt").write_text("curator\n")
    monkeypatch.syspath_prepend(here)
    assert run(["doctor"]) == 1
    assert "'other-curator' also installs" in capsys.readouterr().out
