#include "learning/expand_model.h"

#include <utility>
#include <vector>

namespace shoal::learning {
namespace {

using Layers = std::vector<LayerSpec>;

LayerSpec Dense(int units, ActivationKind activation) {
  return {DenseSpec{.units = units, .activation = activation}};
}

LayerSpec Conv2d(int filters, int kernel, Padding padding, int stride = 1) {
  return {Conv2dSpec{.filters = filters,
                     .kernel = kernel,
                     .stride = stride,
                     .padding = padding,
                     .activation = ActivationKind::kRelu}};
}

LayerSpec Conv1d(int filters, int kernel) {
  return {Conv1dSpec{.filters = filters,
                     .kernel = kernel,
                     .activation = ActivationKind::kRelu}};
}

LayerSpec MaxPool() { return {PoolSpec{}}; }

// Convolution, normalisation and ReLU. Groups of channels are normalised
// within an example, which suits small batches of skewed data (batch
// statistics do not: Hsieh et al. 2020).
void AppendNormalised(Layers& layers, LayerSpec convolution, int channels) {
  layers.push_back(std::move(convolution));
  layers.push_back({GroupNormSpec{.groups = channels / 8}});
  layers.push_back({ActivationSpec{}});
}

// A depthwise and a pointwise convolution (Howard et al. 2017, figure 3).
void AppendSeparable(Layers& layers, int filters, int stride) {
  layers.push_back({DepthwiseConvSpec{.stride = stride,
                                      .activation = ActivationKind::kRelu}});
  AppendNormalised(layers,
                   {Conv2dSpec{.filters = filters, .kernel = 1, .bias = false}},
                   filters);
}

Layers LenetLayers(int outputs) {
  return {Conv2d(6, 5, Padding::kSame),
          MaxPool(),
          Conv2d(16, 5, Padding::kValid),
          MaxPool(),
          {FlattenSpec{}},
          Dense(120, ActivationKind::kRelu),
          Dense(84, ActivationKind::kRelu),
          Dense(outputs, ActivationKind::kNone)};
}

Layers McmahanLayers(int outputs) {
  return {Conv2d(32, 5, Padding::kSame),
          MaxPool(),
          Conv2d(64, 5, Padding::kSame),
          MaxPool(),
          {FlattenSpec{}},
          Dense(512, ActivationKind::kRelu),
          Dense(outputs, ActivationKind::kNone)};
}

Layers MobileLayers(int outputs) {
  Layers layers;
  AppendNormalised(layers,
                   {Conv2dSpec{.filters = 16, .kernel = 3, .bias = false}}, 16);
  AppendSeparable(layers, 32, 2);
  AppendSeparable(layers, 32, 1);
  AppendSeparable(layers, 64, 2);
  AppendSeparable(layers, 64, 1);
  layers.push_back({GlobalAveragePoolSpec{}});
  layers.push_back(Dense(outputs, ActivationKind::kNone));
  return layers;
}

Layers SpectrogramLayers(int outputs) {
  Layers layers;
  AppendNormalised(
      layers,
      {Conv2dSpec{.filters = 48, .kernel = 5, .stride = 2, .bias = false}}, 48);
  for (int block = 0; block < 4; ++block) AppendSeparable(layers, 48, 1);
  layers.push_back({GlobalAveragePoolSpec{}});
  layers.push_back(Dense(outputs, ActivationKind::kNone));
  return layers;
}

Layers SensorLayers(int outputs) {
  return {Conv1d(32, 5),
          MaxPool(),
          Conv1d(64, 5),
          MaxPool(),
          Conv1d(64, 3),
          {GlobalAveragePoolSpec{}},
          Dense(outputs, ActivationKind::kNone)};
}

LayerListSpec Expand(const LogisticSpec& spec) {
  return {.input = {spec.inputs},
          .layers = {Dense(spec.outputs, ActivationKind::kNone)}};
}

LayerListSpec Expand(const LinearSpec& spec) {
  return {.input = {spec.inputs},
          .layers = {Dense(spec.outputs, ActivationKind::kNone)},
          .loss = Loss::kMeanSquaredError,
          .target = Target::kValues};
}

LayerListSpec Expand(const MlpSpec& spec) {
  LayerListSpec list = {.input = {spec.inputs}, .layers = {}};
  for (int width : spec.hidden) {
    list.layers.push_back(Dense(width, ActivationKind::kRelu));
  }
  list.layers.push_back(Dense(spec.outputs, ActivationKind::kNone));
  return list;
}

Layers PresetLayers(CnnPreset preset, int outputs) {
  switch (preset) {
    case CnnPreset::kLenet:
      return LenetLayers(outputs);
    case CnnPreset::kMcmahan:
      return McmahanLayers(outputs);
    case CnnPreset::kMobile:
      return MobileLayers(outputs);
    case CnnPreset::kSpectrogram:
      return SpectrogramLayers(outputs);
    case CnnPreset::kSensor:
      return SensorLayers(outputs);
  }
  return {};
}

LayerListSpec Expand(const CnnSpec& spec) {
  return {.input = spec.input,
          .layers = PresetLayers(spec.preset, spec.outputs)};
}

LayerListSpec Expand(const GruLanguageModelSpec& spec) {
  return {.input = {spec.length},
          .layers = {{EmbeddingSpec{.vocabulary = spec.vocabulary,
                                    .dimensions = spec.embedding}},
                     {GruSpec{.units = spec.units}},
                     Dense(spec.vocabulary, ActivationKind::kNone)}};
}

LayerListSpec Expand(const AutoencoderSpec& spec) {
  LayerListSpec list = {.input = {spec.inputs},
                        .layers = {},
                        .loss = Loss::kMeanSquaredError,
                        .target = Target::kInput};
  for (int width : spec.hidden) {
    list.layers.push_back(Dense(width, ActivationKind::kRelu));
  }
  for (size_t i = spec.hidden.size(); i-- > 1;) {
    list.layers.push_back(Dense(spec.hidden[i - 1], ActivationKind::kRelu));
  }
  list.layers.push_back(Dense(spec.inputs, ActivationKind::kNone));
  return list;
}

LayerListSpec Expand(const LayerListSpec& spec) { return spec; }

LayerListSpec Expand(const ExternalSpec&) { return {}; }

}  // namespace

LayerListSpec ExpandModel(const ModelSpec& spec) {
  return std::visit(
      [](const auto& architecture) { return Expand(architecture); },
      spec.architecture);
}

}  // namespace shoal::learning
