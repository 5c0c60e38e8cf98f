"""Shoal's models in PyTorch, with weights in Shoal's layout.

Images are [channels, height, width] here and [height, width, channels] there;
weights are turned when they are loaded, so that PyTorch runs as it likes best.
"""

import torch
from torch import nn


class Flatten(nn.Module):
    """To a vector; remembers the shape for whoever loads the next layer."""

    def __init__(self, *shape):
        super().__init__()
        self.shape = shape  # channels first

    def forward(self, x):
        return x.flatten(1)


class GlobalAveragePool(nn.Module):
    def forward(self, x):
        return x.flatten(2).mean(2)


class ChannelLayerNorm(nn.Module):
    """Layer norm over the channels of every position."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x):
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class GruLanguageModel(nn.Module):
    """Tokens [rows, length] to scores [rows, vocabulary, length]."""

    def __init__(self, vocabulary, embedding, units):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.gru = nn.GRU(embedding, units, batch_first=True)
        self.dense = nn.Linear(units, vocabulary)

    def forward(self, tokens):
        states, _ = self.gru(self.embedding(tokens))
        return self.dense(states).transpose(1, 2)


def logistic(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, outputs))


def mlp(*widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mcmahan(outputs=10):
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        Flatten(64, 7, 7), nn.Linear(64 * 49, 512), nn.ReLU(),
        nn.Linear(512, outputs))


def lenet(outputs=10):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        Flatten(16, 5, 5), nn.Linear(400, 120), nn.ReLU(),
        nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, outputs))


def sensor(channels, outputs):
    return nn.Sequential(
        nn.Conv1d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(64, 64, 3, padding=1), nn.ReLU(),
        GlobalAveragePool(), nn.Linear(64, outputs))


def normalised(outputs=5):
    """A small network with every kind of normalisation."""
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 12, 1),
        nn.GroupNorm(3, 12), nn.GELU(), nn.AvgPool2d(2),
        ChannelLayerNorm(12), nn.Conv2d(12, 8, 3), nn.Tanh(),
        GlobalAveragePool(), nn.Linear(8, outputs))


class _Reader:
    """Takes tensors off the front of a flat vector."""

    def __init__(self, values):
        self.values = values
        self.at = 0

    def take(self, *dims):
        size = 1
        for dim in dims:
            size *= dim
        part = self.values[self.at:self.at + size]
        self.at += size
        return part.reshape(dims)


def _load_linear(reader, layer, flatten):
    weight = reader.take(layer.in_features, layer.out_features).T
    if flatten is not None:
        channels, *places = flatten.shape
        weight = weight.reshape(-1, *places, channels).movedim(-1, 1)
    layer.weight.copy_(weight.reshape(layer.weight.shape))
    layer.bias.copy_(reader.take(layer.out_features))


def _load_convolution(reader, layer):
    outputs, inputs, *kernel = layer.weight.shape
    if layer.groups > 1:  # depthwise: [kernel, channels]
        weight = reader.take(*kernel, outputs).movedim(-1, 0).unsqueeze(1)
    else:  # [kernel, inputs, outputs]
        weight = reader.take(*kernel, inputs, outputs)
        weight = weight.movedim((-1, -2), (0, 1))
    layer.weight.copy_(weight)
    layer.bias.copy_(reader.take(outputs))


def _load_gru(reader, layer):
    def torch_gates(rows):  # z, r, n to r, z, n
        z, r, n = rows.chunk(3)
        return torch.cat([r, z, n])

    units = layer.hidden_size
    for name, dims in (("weight_ih_l0", (layer.input_size, 3 * units)),
                       ("weight_hh_l0", (units, 3 * units)),
                       ("bias_ih_l0", (3 * units,)),
                       ("bias_hh_l0", (3 * units,))):
        values = reader.take(*dims)
        values = values.T if len(dims) == 2 else values
        getattr(layer, name).copy_(torch_gates(values))


def _load_batch_norm(reader, layer):
    for target in (layer.weight, layer.bias, layer.running_mean,
                   layer.running_var):
        target.copy_(reader.take(layer.num_features))


@torch.no_grad()
def load(model, values):
    """Fills `model` with a device's vector: the layers in their order, and
    behind them those of batch normalisation, which never leave a device."""
    reader = _Reader(values)
    flatten = None
    for layer in model.modules():
        if isinstance(layer, Flatten):
            flatten = layer
        elif isinstance(layer, nn.Linear):
            _load_linear(reader, layer, flatten)
            flatten = None
        elif isinstance(layer, (nn.Conv1d, nn.Conv2d)):
            _load_convolution(reader, layer)
        elif isinstance(layer, nn.GRU):
            _load_gru(reader, layer)
        elif isinstance(layer, nn.Embedding):
            layer.weight.copy_(reader.take(*layer.weight.shape))
        elif isinstance(layer, (nn.GroupNorm, nn.LayerNorm)):
            layer.weight.copy_(reader.take(*layer.weight.shape))
            layer.bias.copy_(reader.take(*layer.bias.shape))
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            _load_batch_norm(reader, layer)
    if reader.at != len(values):
        raise ValueError(
            f"the model takes {reader.at} values, there are {len(values)}")


def channels_first(features):
    """[rows, places, channels] as PyTorch wants it."""
    return features.movedim(-1, 1).contiguous()
