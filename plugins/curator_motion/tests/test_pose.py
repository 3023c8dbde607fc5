"""Bodies: found and fitted where they are, disbelieved where nobody is, and measured against themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curator_motion import Pose

from curator.testing.measure import MeasureTests
from tests.measured import model_files


class TestPose(MeasureTests):
    measure = Pose()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)
