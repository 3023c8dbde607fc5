"""Flash-and-beep films through whole builds: the samples that are released have the offset of their source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curator.engine.progress import Silent
from curator.release.build import build
from curator.release.verify import verify
from curator.spec.compile import compile_recipe
from curator.spec.settings import EngineSpec, Settings, StoreSpec
from curator.testing.beeps import make_beeps, measure_file

pytestmark = pytest.mark.slow

NTSC = Fraction(30000, 1001)
FILMS: dict[str, dict[str, Any]] = {
    "a.mp4": {"fps": NTSC, "offset": Fraction(-1, 2)},
    "b.mov": {"audio_codec": "pcm_s16le", "offset": Fraction(1, 2), "start": Fraction(-33, 25), "gop": 50},
    "c.mkv": {"fps": Fraction(24), "audio_codec": "libopus", "offset": Fraction(-7, 50)},
    "d.webm": {"codec": "libvpx", "b_frames": 0, "audio_codec": "libopus", "offset": Fraction(2, 25)},
    "e.ts": {"fps": Fraction(50), "offset": Fraction(37, 100), "shift_container": True},
    "f.mkv": {"fps": Fraction(60), "vfr": [1, 2, 1, 5], "offset": Fraction(0)},
}  # fmt: skip


@pytest.mark.parametrize("fps", [None, 25])
def test_released_samples_keep_the_offset_of_their_source(tmp_path: Path, fps: int | None) -> None:
    films = tmp_path / "films"
    films.mkdir()
    made = {name: make_beeps(films / name, **how) for name, how in FILMS.items()}
    recipe = compile_recipe(
        {
            "name": "beeps",
            "target": "test",
            "sources": {"films": {"url": f"{films}/*", "license": "CC0-1.0"}},
            "segment": {"seconds": {"min": 1, "max": 8}, "where": {}},
            "sample": {"video": {"fps": fps}, "audio": {}},
        }
    )
    settings = Settings(
        out=str(tmp_path / "out"),
        engine=EngineSpec(workers=1),
        store=StoreSpec(root=str(tmp_path / "store")),
    )
    (result,) = build([recipe], settings, Silent())
    rows = pq.read_table(result.release.folder / "data").to_pylist()
    told: dict[str, list[float]] = {name: [] for name in FILMS}
    for row in rows:
        name = Path(row["url"]).name
        player, exact = (measure_file(row[track]["bytes"]) for track in ("video", "audio"))
        skews = player.skews() + [
            min((beep - flash for beep in exact.beeps), key=abs, default=9.0)
            for flash in player.flashes
        ]
        told[name] += [s - float(made[name].offset) for s in skews if abs(s) < 0.58]
    for name, errors in told.items():
        assert len(errors) >= (6 if fps is None else 2), name  # fewer frames: some flashes fall out
        # Half a frame where pictures had to move to another rate; else what Matroska rounds.
        bound = 0.0011 if fps is None else 0.5 / fps + 0.0011
        assert max(map(abs, errors)) < bound, name
    found = verify(result.release.folder, sources=True)
    assert found.faults == ()
    assert (found.samples, found.sources_compared, found.clips) == (len(rows), len(rows), 2 * len(rows))  # fmt: skip
