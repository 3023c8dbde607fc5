"""The built wheel in an environment that holds nothing else, used from another directory."""

import json
import subprocess
import sys
import venv
import zipfile
from fractions import Fraction
from pathlib import Path

import pytest

from curator.testing.footage import black, make_video, pan

ROOT = Path(__file__).parents[2]
PLUGINS = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()} - {"__pycache__"}

RECIPE = """\
name: mine
target: test
sources:
  films: {url: "clips/*.mp4", license: CC0-1.0}
segment:
  seconds: {min: 2, max: 20}
keep:
  bright: {of: luma.mean.mean, min: 60}
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [path] = folder.glob("curator_build-*.whl")
    return path


def test_the_wheel_carries_all_that_the_package_reads_at_run_time(wheel):
    members = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        *(f"curator/_data/recipes/{p.name}" for p in (ROOT / "recipes").glob("*.yaml")),
        *(f"curator/_data/{p.relative_to(ROOT)}" for p in (ROOT / "conf").rglob("*.yaml")),
        *(str(p.relative_to(ROOT)) for p in (ROOT / "curator").rglob("*.py")),
        *(str(p.relative_to(ROOT)) for p in (ROOT / "curator").rglob("*.j2")),
        *(
            str(p.relative_to(ROOT / "plugins"))
            for p in (ROOT / "plugins").rglob("*.py")
            if "tests" not in p.parts
        ),
        "curator/py.typed",
        *(str(p.relative_to(ROOT / "plugins")) for p in (ROOT / "plugins").glob("*/py.typed")),
    }
    assert len(wanted) > 50
    assert wanted <= members


def test_the_wheel_carries_no_tests_and_no_footage(wheel):
    members = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in members if "/tests/" in name]
    tops = {name.split("/")[0] for name in members}
    assert {name for name in tops if not name.endswith(".dist-info")} == {
        "curator",
        *PLUGINS,
    }
    assert not [name for name in members if name.endswith((".mp4", ".webm", ".mkv", ".pyc"))]
    assert any(name.endswith("licenses/LICENSE") for name in members)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of executables of a fresh environment with the wheel and what it asks for."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    pip = [home / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    run(*pip, "-c", ROOT / "constraints.txt", wheel, cwd=home)
    return home / "bin"


@pytest.mark.slow
def test_an_installed_wheel_lists_its_recipes_anywhere(installed, tmp_path):
    listed = json.loads(
        run(installed / "curator", "recipes", "--json", cwd=tmp_path).splitlines()[-1]
    )
    assert "avatar" in json.dumps(listed)


@pytest.mark.slow
def test_an_installed_wheel_builds_a_release_anywhere(installed, tmp_path):
    (tmp_path / "clips").mkdir()
    # Two shots, the cut is at 3 s; the black one falls.
    make_video(tmp_path / "clips" / "one.mp4", [pan(3), black(3)], fps=Fraction(25))
    (tmp_path / "mine.yaml").write_text(RECIPE)
    out = run(installed / "curator", "build", "./mine.yaml", "--json", cwd=tmp_path)
    facts = json.loads(out.splitlines()[-1])
    assert facts["clips"]["kept"] == 1
    assert facts["hours_kept"] == pytest.approx(3 / 3600, abs=0.2 / 3600)
    assert (tmp_path / facts["release"] / "report.html").is_file()
    assert not (tmp_path / "outputs").exists(), "Hydra must not leave folders behind"
