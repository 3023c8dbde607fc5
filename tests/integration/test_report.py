"""`report.html` in a real browser: it renders by itself, with pictures, without scripts or requests."""

from __future__ import annotations

import dataclasses
import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.model.clip import Decision
from curator.model.outcome import SignalInfo
from curator.model.signal import Signal
from curator.model.span import Span
from curator.release.report import report
from tests.release_content import NASTY, content, outcome, posters, shuffled

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
PROBE = """
<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body><iframe id="f" style="width:1280px;height:900px"></iframe><script>
const frame = document.getElementById("f");
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow;
  const pictures = [...page.images];
  const seen = {
    pictures: pictures.length,
    decoded: pictures.filter(one => one.naturalWidth > 0).length,
    scripts: page.scripts.length,
    bold: page.querySelectorAll("b b, .about b, dd b").length,
    wide: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    bars: [...page.querySelectorAll(".step .track i:first-child")].map(one => one.getBoundingClientRect().width),
    track: page.querySelector(".step .track")?.getBoundingClientRect().width,
    lines: page.querySelectorAll("svg line.bound").length,
    requests: view.performance.getEntriesByType("resource").map(one => one.name).filter(one => !one.startsWith("data:")),
    text: page.body.innerText,
  };
  const out = document.createElement("pre");
  out.id = "seen";
  out.textContent = JSON.stringify(seen);
  document.body.append(out);
};
frame.src = "report.html";
</script></body></html>
"""


@pytest.fixture
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """A folder on a loopback web server, its address, and the paths that were asked for."""
    folder = tmp_path / "site"
    folder.mkdir()
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def run(browser: str, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={profile}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def complaints(log: str) -> list[str]:
    return [line for line in log.splitlines() if ":CONSOLE" in line]


def test_a_browser_shows_all_of_it_without_asking_for_anything(
    browser: str, served: tuple[Path, str, list[str]], tmp_path: Path
) -> None:
    folder, address, asked = served
    made = content(tmp_path / "blobs")
    page = report(made, version="0123456789ab", digest="d" * 64)
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "probe.html").write_text(PROBE, encoding="utf-8")
    done = run(
        browser,
        tmp_path / "profile",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        "--dump-dom",
        f"{address}/probe.html",
    )
    assert complaints(done.stderr) == []
    assert sorted(set(asked)) == ["/probe.html", "/report.html"]
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stdout[-2000:]
    seen = json.loads(html.unescape(found[1]))
    assert seen["pictures"] == seen["decoded"] == page.count("<img ")
    assert seen["pictures"] >= 9
    assert (seen["scripts"], seen["bold"], seen["requests"]) == (0, 0, [])
    assert seen["wide"] == 0
    for step in made.funnel:
        assert step.name in seen["text"]
        assert step.about in seen["text"]
    assert "3 min 00 s" in seen["text"]
    assert "only this: 54.0 s, 3 clips" in seen["text"]
    shares = [width / seen["track"] for width in seen["bars"]]
    assert shares == pytest.approx([1, 1, 0.9, 26 / 60, 0.2], abs=0.01)
    assert seen["lines"] == 3
    assert "<script>alert(1)</script> & | `x`" in seen["text"]


@pytest.mark.parametrize("size", ["1280,2400", "390,1600"])
def test_a_screenshot_is_no_blank_page(browser: str, tmp_path: Path, size: str) -> None:
    import cv2

    path = tmp_path / "report.html"
    path.write_text(report(content(tmp_path / "blobs"), version="v", digest="d"), encoding="utf-8")
    shot = tmp_path / "shot.png"
    run(
        browser,
        tmp_path / "profile",
        f"--window-size={size}",
        f"--screenshot={shot}",
        path.as_uri(),
    )
    picture = cv2.imread(str(shot))
    assert picture is not None
    kept_green = (abs(picture.astype(int) - (0x66, 0x8A, 0x0A)).sum(axis=2) < 12).mean()
    assert 0.002 < kept_green < 0.2
    assert picture.std() > 10


def test_the_page_is_the_same_in_any_order(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs")
    pages = {report(one, version="v", digest="d") for one in (made, shuffled(made))}
    assert len(pages) == 1


def test_text_of_the_user_is_never_markup(tmp_path: Path) -> None:
    attack = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'"
    made = content(tmp_path / "blobs", [outcome(0, url=NASTY), outcome(1, url=attack)])
    made = dataclasses.replace(
        made,
        recipe=dataclasses.replace(made.recipe, name=attack, description=attack, target=attack),
        document={"name": attack, attack: [attack]},
        lock={"versions": {attack: attack}, "weights": {attack: {"sha256": attack}}},
        signals={"speech.share": dataclasses.replace(made.signals["speech.share"], about=attack)},
        funnel=[dataclasses.replace(one, name=attack, about=attack) for one in made.funnel],
    )
    page = report(made, version="v", digest="d")
    assert page.count("&lt;script&gt;") >= 10
    assert "<script" not in page
    assert "<img src=x" not in page
    assert not re.search(r'title="[^"]*<', page)


def test_the_yield_is_questioned_when_it_is_unusual(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs", [outcome(1)])
    few = made.outcomes[0].rows[1:]
    only = (
        dataclasses.replace(
            made.outcomes[0].rows[0], span=Span(few[0].span.start, few[-1].span.end)
        ),
    )
    usual, low, high = (
        report(
            dataclasses.replace(made, outcomes=[dataclasses.replace(made.outcomes[0], rows=rows)]),
            version="v",
            digest="d",
        )
        for rows in (made.outcomes[0].rows, few, only)
    )
    assert "was kept (" not in usual
    assert "Very little was kept (0.0 %)" in low
    assert "Nearly everything was kept (80.0 %)" in high


def test_nothing_kept_and_nothing_in_are_pages_too(tmp_path: Path) -> None:
    page = report(content(tmp_path / "blobs", []), version="v", digest="d")
    assert "No footage could be read." in page
    assert "No clip has a number." in page


def test_the_nearest_misses_come_first_by_spread_not_by_unit(tmp_path: Path) -> None:
    page = report(content(tmp_path / "blobs"), version="v", digest="d")
    sheet = page[page.index("Nearest misses") : page.index("Dropped: ")]
    margins = re.findall(r'class="tag">([^<]+)</span> <span class="soft">by ([^<]+)<', sheet)
    assert (
        margins
        == [("voice:low", "0.01"), ("voice:low", "0.02"), ("voice:low", "0.03")]
        + [("frontal:high", "20 deg")] * 3
    )


def test_the_page_stays_small_however_much_there_is(tmp_path: Path) -> None:
    def large(fingerprint: str, span: Span) -> list[bytes]:
        return [one + bytes(60_000) for one in posters(fingerprint, span)]

    outcomes = [outcome(index) for index in range(400)]
    made = content(tmp_path / "blobs", outcomes[:1])
    infos = {
        f"many.number_{index}": SignalInfo(
            name=f"many.number_{index}", unit="px", about="One of many.", op="many", version=1
        )
        for index in range(150)
    }
    held = {name: Signal(float(index)) for index, name in enumerate(infos)}
    outcomes = [
        dataclasses.replace(
            one,
            rows=tuple(
                dataclasses.replace(row, signals={**row.signals, **held})
                if row.decision is not Decision.unscored
                else row
                for row in one.rows
            ),
        )
        for one in outcomes
    ]
    page = report(
        dataclasses.replace(
            made, outcomes=outcomes, signals={**made.signals, **infos}, posters=large
        ),
        version="v",
        digest="d",
    )
    assert 2_000_000 < len(page.encode()) < 5 * 2**20
    assert "280 more in <code>metrics.parquet</code>" in page
    assert "no picture" in page
