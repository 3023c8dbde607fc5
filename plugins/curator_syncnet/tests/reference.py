"""The network as its authors describe it, layer by layer in PyTorch's own modules, to compare with."""

from __future__ import annotations

from torch import Tensor, nn


def _conv(
    kind: type[nn.Module], normal: type[nn.Module], inputs: int, outputs: int, **more: object
):
    return [kind(inputs, outputs, **more), normal(outputs), nn.ReLU()]


class Reference(nn.Module):
    """Module names are those of the published checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        two, three = (nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d)
        same, flat = (
            {"kernel_size": 3, "padding": 1},
            {"kernel_size": (1, 3, 3), "padding": (0, 1, 1)},
        )
        self.netcnnaud = nn.Sequential(
            *_conv(*two, 1, 64, **same), nn.MaxPool2d(1, 1),
            *_conv(*two, 64, 192, **same), nn.MaxPool2d(3, (1, 2)),
            *_conv(*two, 192, 384, **same),
            *_conv(*two, 384, 256, **same),
            *_conv(*two, 256, 256, **same), nn.MaxPool2d(3, 2),
            *_conv(*two, 256, 512, kernel_size=(5, 4)),
        )  # fmt: skip
        self.netcnnlip = nn.Sequential(
            *_conv(*three, 3, 96, kernel_size=(5, 7, 7), stride=(1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv(*three, 96, 256, kernel_size=(1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
            *_conv(*three, 256, 256, **flat),
            *_conv(*three, 256, 256, **flat),
            *_conv(*three, 256, 256, **flat), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv(*three, 256, 512, kernel_size=(1, 6, 6)),
        )  # fmt: skip
        self.netfcaud, self.netfclip = (
            nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))
            for _ in range(2)
        )

    def audio(self, values: Tensor) -> Tensor:
        """``(n, 1, 13, 20)`` to ``(n, 1024)``."""
        return self.netfcaud(self.netcnnaud(values).flatten(1))

    def visual(self, values: Tensor) -> Tensor:
        """``(n, 3, 5, 224, 224)`` to ``(n, 1024)``."""
        return self.netfclip(self.netcnnlip(values).flatten(1))
