#!/usr/bin/python3
"""torch_curves.py PEERS FOLDER: trains in PyTorch what write_curves trained
(in FOLDER), from equal weights on equal batches, and compares the losses step
by step. PyTorch computes in float64, so that what remains is our rounding: in
float32 a pre-activation on the other side of zero can lead its own curve astray
by 0.1 within 100 steps. PEERS is the folder of torch_models.py. Exits with 77
(skipped) without PyTorch."""

import pathlib
import sys

TOLERANCE = 1e-4  # of the loss, at each of the steps

try:
    import torch
    from torch.nn import functional
except ImportError:
    print("skipped: there is no torch package for", sys.executable,
          "(script/bootstrap peers installs it)")
    sys.exit(77)

sys.path.insert(0, sys.argv[1])
import torch_models

MODELS = {
    "lenet": torch_models.lenet,
    "normalised": torch_models.normalised,
    "sensor": lambda: torch_models.sensor(9, 6),
    "gru": lambda: torch_models.GruLanguageModel(20, 8, 24),
}
OPTIMISERS = {
    "sgd": torch.optim.SGD,
    "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
    "adam": torch.optim.Adam,
}


def read(path, dtype, shape):
    storage = torch.from_file(
        str(path), size=path.stat().st_size // 4, dtype=dtype)
    values = storage.double() if dtype == torch.float32 else storage.long()
    return values.reshape(-1, *shape)


def largest_difference(folder, line):
    """Between the two curves of a line of the index; prints both ends."""
    name, model_name, optimiser, rate, rows, steps, shape, labels = line.split()
    rows, steps, labels = int(rows), int(steps), int(labels)
    shape = [int(dim) for dim in shape.split(",")]
    x = read(folder / f"{name}.features", torch.float32, shape)
    x = torch_models.channels_first(x) if len(shape) > 1 else x.long()
    y = read(folder / f"{name}.labels", torch.int32,
             [labels] if labels > 1 else [])
    expected = read(folder / f"{name}.losses", torch.float32, [])
    model = MODELS[model_name]().double()
    torch_models.load(model,
                      read(folder / f"{name}.weights", torch.float32, []))
    rule = OPTIMISERS[optimiser](model.parameters(), lr=float(rate))
    losses = []
    for step in range(steps):
        at = step * rows % len(x)
        rule.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(x[at:at + rows]),
                                        y[at:at + rows])
        loss.backward()
        rule.step()
        losses.append(loss.item())
    difference = (torch.tensor(losses) - expected).abs().max().item()
    print(f"{name}: loss {losses[0]:.5f} to {losses[-1]:.5f} in {steps} steps, "
          f"largest difference {difference:.1e}")
    return difference


def main():
    folder = pathlib.Path(sys.argv[2])
    torch.set_num_threads(1)
    lines = (folder / "index.txt").read_text().splitlines()
    differences = [largest_difference(folder, line) for line in lines]
    # Not `any(d > TOLERANCE)`: NaN must fail too.
    good = [difference <= TOLERANCE for difference in differences]
    print(f"{len(good)} curves, {good.count(False)} beyond {TOLERANCE}")
    return 0 if good and all(good) else 1


sys.exit(main())
