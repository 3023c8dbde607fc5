"""The built wheel in an environment that holds nothing else, used from another directory."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

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
        *(str(p.relative_to(ROOT / "plugins")) for p in (ROOT / "plugins").rglob("*.py")),
        "curator/py.typed",
    }
    assert len(wanted) > 50
    assert wanted <= members


def test_the_wheel_carries_no_tests_and_no_footage(wheel):
    members = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in members}
    assert {name for name in tops if not name.endswith(".dist-info")} == {
        "curator",
        "hydra_plugins",
    }
    assert not [name for name in members if name.endswith((".mp4", ".webm", ".mkv", ".pyc"))]
    assert any(name.endswith("licenses/LICENSE") for name in members)


def bright_then_dark(path: Path) -> None:
    """Six seconds at 25 fps: three of a bright picture that moves, three of a dark one. The cut is at 3 s."""
    random = np.random.default_rng(1)
    blocks = random.integers(90, 240, (2, 9, 32, 3), dtype=np.uint8)
    bright, dark = blocks.repeat(16, axis=1).repeat(16, axis=2)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
        for k in range(150):
            image = bright[:, k : k + 256] if k < 75 else dark[:, k : k + 256] // 6
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


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
    bright_then_dark(tmp_path / "clips" / "one.mp4")
    (tmp_path / "mine.yaml").write_text(RECIPE)
    out = run(installed / "curator", "build", "./mine.yaml", "--json", cwd=tmp_path)
    facts = json.loads(out.splitlines()[-1])
    assert facts["clips"]["kept"] == 1
    assert facts["hours_kept"] == pytest.approx(3 / 3600, abs=0.2 / 3600)
    assert (Path(facts["release"]) / "report.html").is_file()
    assert not (tmp_path / "outputs").exists(), "Hydra must not leave folders behind"
