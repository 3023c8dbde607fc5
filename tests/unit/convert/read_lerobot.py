"""Reads a dataset with LeRobot's own code and tells what it saw, as JSON. Run with a Python that has it.

    python read_lerobot.py FOLDER

Either `lerobot` or `lerobot-dataset` (the same reader, without the robots) will do. Where torchvision
is missing, of which the reader wants a video reader and names of transforms, PyAV stands in.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any


def stand_in() -> None:
    """Modules by the names of torchvision's."""
    import av
    import torch

    class VideoReader:
        def __init__(self, path: str, stream: str) -> None:
            self.container = av.open(path)

        def seek(self, seconds: float, keyframes_only: bool = False) -> VideoReader:
            self.container.seek(int(seconds * 1_000_000), any_frame=False)
            return self

        def __iter__(self) -> Any:
            for frame in self.container.decode(video=0):
                picture = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
                yield {"data": picture, "pts": float(frame.pts * frame.time_base)}

    class Anything(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (torch.nn.Module,), {})

    root = Anything("torchvision")
    root.set_video_backend = lambda name: None
    root.io = types.ModuleType("torchvision.io")
    root.io.VideoReader = VideoReader
    root.transforms = Anything("torchvision.transforms")
    root.transforms.v2 = Anything("torchvision.transforms.v2")
    root.transforms.v2.functional = Anything("torchvision.transforms.v2.functional")
    for module in (
        root,
        root.io,
        root.transforms,
        root.transforms.v2,
        root.transforms.v2.functional,
    ):
        module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
        module.__path__ = []
        sys.modules[module.__name__] = module


def reader() -> type[Any]:
    for name in ("lerobot", "ledataset"):
        if importlib.util.find_spec(name) is not None:
            module = importlib.import_module(f"{name}.datasets.lerobot_dataset")
            found: type[Any] = module.LeRobotDataset
            return found
    raise SystemExit("neither lerobot nor lerobot-dataset is installed")


def main(folder: Path) -> None:
    if "--stand-in" in sys.argv:
        stand_in()
    dataset = reader()("local/set", root=folder, video_backend="pyav")
    frames = []
    for at in range(len(dataset)):
        item = dataset[at]
        frames.append(
            {
                name: value.float().mean(dim=(1, 2)).tolist()
                if name.startswith("observation.images.")
                else value.tolist()
                if hasattr(value, "tolist")
                else value
                for name, value in item.items()
            }
        )
    meta = dataset.meta
    told = {
        "frames": frames,
        "fps": dataset.fps,
        "episodes": dataset.num_episodes,
        "cameras": sorted(meta.camera_keys),
        "stats": {
            name: {stat: value.tolist() for stat, value in held.items()}
            for name, held in meta.stats.items()
        },
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
