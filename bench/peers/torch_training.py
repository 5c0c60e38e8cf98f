#!/usr/bin/python3
"""torch_training.py FOLDER: the workloads of `script/bench local_training` in
a plain PyTorch loop, on one core.

Reads FOLDER/workloads.json and, for every workload in it, NAME.features,
NAME.labels and NAME.weights. For every line "NAME SECONDS" on standard input
it trains on all users, again and again until so many seconds have passed, and
answers with the samples per second. Every user starts from the given weights
and trains on consecutive slices of its examples with plain SGD.
"""

import json
import os
import pathlib
import sys
import time

# One thread everywhere: those of OpenMP and OpenBLAS would wait for each other.
# A pinned OpenBLAS may be half as fast as it can be on this processor.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.pop("OPENBLAS_CORETYPE", None)

import torch
from torch.nn import functional

import torch_models

MODELS = {
    "W1": lambda: torch_models.logistic(60, 10),
    "W2": lambda: torch_models.mlp(784, 200, 200, 10),
    "W3": torch_models.mcmahan,
    "W4": lambda: torch_models.logistic(60, 10),
    "gru": lambda: torch_models.GruLanguageModel(64, 32, 128),
    "cnn1d": lambda: torch_models.sensor(9, 6),
}


def read(path, dtype, shape):
    storage = torch.from_file(
        str(path), size=path.stat().st_size // 4, dtype=dtype)
    return storage.clone().reshape(-1, *shape)


class Workload:
    def __init__(self, folder, name, about):
        self.batch_size = about["batch_size"]
        self.epochs = about["epochs"]
        self.users = about["users"]
        shape = about["shape"]
        features = read(folder / f"{name}.features", torch.float32, shape)
        labels = read(folder / f"{name}.labels", torch.int32,
                      [] if about["labels"] == 1 else [about["labels"]])
        self.features = (
            torch_models.channels_first(features) if len(shape) > 1
            else features.long() if name == "gru" else features)
        self.labels = labels.long()
        self.model = MODELS[name]()
        torch_models.load(
            self.model,
            read(folder / f"{name}.weights", torch.float32, []))
        self.start = [p.detach().clone() for p in self.model.parameters()]
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=about["learning_rate"])

    def train(self, begin, end):
        with torch.no_grad():
            for parameter, start in zip(self.model.parameters(), self.start):
                parameter.copy_(start)
        for _ in range(self.epochs):
            for at in range(begin, end, self.batch_size):
                stop = min(at + self.batch_size, end)
                self.optimizer.zero_grad(set_to_none=True)
                outputs = self.model(self.features[at:stop])
                functional.cross_entropy(
                    outputs, self.labels[at:stop]).backward()
                self.optimizer.step()

    def measure(self, seconds):
        samples = 0
        start = time.perf_counter()
        while True:
            for begin, end in self.users:
                self.train(begin, end)
                samples += (end - begin) * self.epochs
                spent = time.perf_counter() - start
                if spent >= seconds:
                    return samples / spent


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.set_num_threads(1)
    about = json.loads((folder / "workloads.json").read_text())
    workloads = {name: Workload(folder, name, about[name]) for name in about}
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, seconds = line.split()
        print(workloads[name].measure(float(seconds)), flush=True)


if __name__ == "__main__":
    main()
