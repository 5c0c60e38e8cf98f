#!/usr/bin/python3
"""export_from_torch.py FOLDER: what PyTorch exports for small networks, as
NAME.onnx, NAME.input and NAME.expected (float32, little-endian), with the names
in FOLDER/index.txt. Exits with 77 (skipped) without PyTorch."""

import pathlib
import sys

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: there is no torch package for", sys.executable)
    sys.exit(77)


class Residual(nn.Module):
    """A block with a projection, as in residual networks."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.conv2(y) + self.shortcut(x))


def networks():
    """Pairs of a name and (network, shape of an example)."""
    yield "mlp", nn.Sequential(
        nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 8), nn.Tanh(),
        nn.Dropout(0.2), nn.Linear(8, 4), nn.Softmax(dim=1)), (7,)
    yield "gelu", nn.Sequential(
        nn.Linear(6, 5), nn.GELU(), nn.LayerNorm(5), nn.Linear(5, 1),
        nn.Sigmoid()), (6,)
    yield "flattened_mlp", nn.Sequential(
        nn.Flatten(), nn.Linear(48, 5), nn.ReLU(), nn.Linear(5, 3)), (3, 4, 4)
    yield "lenet", nn.Sequential(
        nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(8, 10), nn.ReLU(), nn.Linear(10, 4),
        nn.Softmax(dim=-1)), (3, 12, 12)
    yield "depthwise", nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 6, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)), (2, 9, 7)
    yield "residual", nn.Sequential(
        Residual(2, 4), Residual(4, 4), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64, 3)), (2, 8, 8)
    yield "sensor", nn.Sequential(
        nn.Conv1d(3, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(8, 8, 3), nn.Sigmoid(), nn.Flatten(), nn.Linear(56, 2)), (
            3, 18)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    names = []
    for name, network, shape in networks():
        network.eval()
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm2d,)):
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
        x = torch.randn(5, *shape)
        torch.onnx.export(
            network, x, str(folder / f"{name}.onnx"), opset_version=13,
            input_names=["features"], output_names=["scores"],
            dynamic_axes={"features": {0: "batch"}, "scores": {0: "batch"}})
        x.numpy().tofile(folder / f"{name}.input")
        network(x).detach().numpy().tofile(folder / f"{name}.expected")
        names.append(name)
    (folder / "index.txt").write_text("\n".join(names) + "\n")
    return 0


sys.exit(main())
