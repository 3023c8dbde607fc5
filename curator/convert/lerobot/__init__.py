"""LeRobotDataset v3.0: episodes of numbers and pictures, for training robots."""

from curator.convert.lerobot.write import write_lerobot

__all__ = ["write_lerobot"]
