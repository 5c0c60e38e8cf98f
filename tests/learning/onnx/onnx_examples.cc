#include "tests/learning/onnx/onnx_examples.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "learning/predictor.h"

namespace shoal::learning {
namespace {

using Layers = std::vector<LayerSpec>;

constexpr ActivationKind kActivations[] = {
    ActivationKind::kRelu, ActivationKind::kGelu, ActivationKind::kTanh,
    ActivationKind::kSigmoid};
constexpr Padding kPaddings[] = {Padding::kSame, Padding::kValid};

// The layers, and a dense layer that ends the network in three classes.
ModelSpec Classifier(std::vector<int> input, Layers layers) {
  LayerListSpec list;
  list.input = std::move(input);
  list.layers = std::move(layers);
  list.layers.push_back({DenseSpec{.units = 3}});
  return {list};
}

void AppendPresets(std::vector<NamedModel>& models) {
  models.push_back({"mcmahan", {CnnSpec{CnnPreset::kMcmahan, {8, 8, 1}, 3}}});
  models.push_back({"lenet_rgb", {CnnSpec{CnnPreset::kLenet, {14, 16, 3}, 5}}});
}

void AppendActivations(std::vector<NamedModel>& models) {
  for (ActivationKind kind : kActivations) {
    const int number = static_cast<int>(kind);
    models.push_back(
        {absl::StrCat("activation", number),
         Classifier({5}, {{DenseSpec{.units = 6, .activation = kind}},
                          {ActivationSpec{kind}}})});
  }
}

// All paddings and strides of everything that has windows.
void AppendWindows(std::vector<NamedModel>& models) {
  for (Padding padding : kPaddings) {
    const char* const name = padding == Padding::kSame ? "same" : "valid";
    for (int stride : {1, 2, 3}) {
      const Layers on_images = {
          {Conv2dSpec{.filters = 4,
                      .kernel = 4,
                      .stride = stride,
                      .padding = padding,
                      .activation = ActivationKind::kGelu,
                      .bias = stride != 2}},
          {DepthwiseConvSpec{.kernel = 2, .padding = padding}},
          {PoolSpec{.kind = PoolKind::kAverage,
                    .size = 2,
                    .stride = stride,
                    .padding = padding}},
          {FlattenSpec{}}};
      models.push_back({absl::StrCat("image_", name, stride),
                        Classifier({13, 16, 2}, on_images)});
      const Layers on_sequences = {
          {DepthwiseConvSpec{.kernel = 4,
                             .stride = stride,
                             .padding = padding,
                             .activation = ActivationKind::kRelu,
                             .bias = stride != 2}},
          {Conv1dSpec{.filters = 5, .kernel = 3, .padding = padding}},
          {PoolSpec{.size = 3, .stride = 1, .padding = padding}},
          {GlobalAveragePoolSpec{}}};
      models.push_back({absl::StrCat("sequence_", name, stride),
                        Classifier({29, 3}, on_sequences)});
    }
  }
}

void AppendNormalisations(std::vector<NamedModel>& models) {
  for (const auto& [name, input] :
       std::vector<std::pair<std::string, std::vector<int>>>{
           {"vector", {8}}, {"sequence", {5, 8}}, {"image", {4, 5, 8}}}) {
    models.push_back(
        {absl::StrCat("norms_", name),
         Classifier(input, {{BatchNormSpec{.epsilon = 1e-3}},
                            {LayerNormSpec{.epsilon = 1e-4}},
                            {GroupNormSpec{.groups = 4}},
                            {DropoutSpec{.rate = 0.3}},
                            {ActivationSpec{ActivationKind::kTanh}},
                            {BatchNormSpec{.momentum = 0.3}},
                            {FlattenSpec{}}})});
  }
}

void AppendSequences(std::vector<NamedModel>& models) {
  models.push_back(
      {"gru_after_conv",
       Classifier({9, 3}, {{Conv1dSpec{.filters = 4}},
                           {GruSpec{.units = 5}},
                           {GruSpec{.units = 4}},
                           {LayerNormSpec{}},
                           {GruSpec{.units = 6, .return_sequences = false}}})});
  models.push_back(
      {"dense_positions",
       Classifier({4, 3},
                  {{DenseSpec{.units = 5, .activation = ActivationKind::kRelu}},
                   {DenseSpec{.units = 4, .bias = false}}})});
  models.push_back(
      {"no_bias", Classifier({4}, {{DenseSpec{.units = 5, .bias = false}}})});
}

// Residual blocks within each other, around a flattening, and on vectors.
void AppendResiduals(std::vector<NamedModel>& models) {
  const ResidualSpec inner = {
      .body = {{DepthwiseConvSpec{}}, {BatchNormSpec{}}}, .shortcut = {}};
  models.push_back(
      {"nested",
       Classifier({6, 6, 2},
                  {{ResidualSpec{
                       .body = {{inner}, {Conv2dSpec{.filters = 2}}},
                       .shortcut = {{Conv2dSpec{.filters = 2, .kernel = 1}}}}},
                   {ActivationSpec{}},
                   {PoolSpec{}}})});
  models.push_back(
      {"flat_shortcut",
       Classifier({3, 4}, {{ResidualSpec{.body = {{FlattenSpec{}},
                                                  {DenseSpec{.units = 12}}},
                                         .shortcut = {{FlattenSpec{}}}}}})});
  models.push_back(
      {"vector_residual",
       Classifier({6}, {{ResidualSpec{
                           .body = {{DenseSpec{.units = 6}},
                                    {ActivationSpec{ActivationKind::kGelu}}},
                           .shortcut = {}}}})});
  const LayerSpec idle = {
      ResidualSpec{.body = {{DropoutSpec{.rate = 0.5}}}, .shortcut = {}}};
  models.push_back(
      {"idle_body",
       Classifier({4, 3}, {idle,
                           {ResidualSpec{.body = {idle}, .shortcut = {}}},
                           {DenseSpec{.units = 5}},
                           {ResidualSpec{.body = {{DropoutSpec{}}, idle},
                                         .shortcut = {{DropoutSpec{}}}}},
                           {FlattenSpec{}}})});
}

void AppendPreprocessing(std::vector<NamedModel>& models) {
  const std::vector<std::pair<std::string, PreprocessingSpec>> all = {
      {"standardise", {.standardise = true}},
      {"impute", {.impute = true}},
      {"impute_mask", {.impute = true, .mask = true}},
      {"clip", {.clip = 0.5}},
      {"all", {.standardise = true, .impute = true, .mask = true, .clip = 1}}};
  for (const auto& [name, preprocessing] : all) {
    ModelSpec spec = {MlpSpec{6, {5}, 3}};
    spec.preprocessing = preprocessing;
    models.push_back({absl::StrCat("prepared_", name), spec});
  }
  ModelSpec image = {CnnSpec{CnnPreset::kLenet, {12, 12, 3}, 3}};
  image.preprocessing = {.standardise = true, .impute = true, .clip = 2};
  models.push_back({"prepared_image", image});
  ModelSpec reconstructed = {AutoencoderSpec{6, {4, 2}}};
  reconstructed.preprocessing = {.standardise = true};
  models.push_back({"prepared_autoencoder", reconstructed});
}

}  // namespace

std::vector<NamedModel> EveryExport() {
  std::vector<NamedModel> models = EveryModel();
  AppendPresets(models);
  AppendActivations(models);
  AppendWindows(models);
  AppendNormalisations(models);
  AppendSequences(models);
  AppendResiduals(models);
  AppendPreprocessing(models);
  return models;
}

ParameterVector ExportValues(const Model& model, uint64_t seed) {
  ParameterVector values = RandomParameters(model, seed);
  for (const Node& node : model.nodes()) {
    if (node.layer == nullptr) continue;
    for (size_t i = 0; i < node.layer->tensors().size(); ++i) {
      const std::string& name = node.layer->tensors()[i].name;
      if (name != "variance" && name != "deviation") continue;
      const int64_t begin = node.parameter_offset + node.layer->offset(i);
      for (int64_t k = 0; k < node.layer->tensor_size(i); ++k) {
        values[begin + k] = std::abs(values[begin + k]) + 0.5f;
      }
    }
  }
  return values;
}

std::vector<float> ExportFeatures(const Model& model, int64_t rows,
                                  uint64_t seed) {
  const Examples examples(model, rows, seed);
  const absl::Span<const float> random = examples.batch().features;
  std::vector<float> features(random.begin(), random.end());
  if (!model.spec().preprocessing.impute) return features;
  SeededRng rng(seed);
  for (float& x : features) {
    if (rng.Below(6) == 0) x = std::numeric_limits<float>::quiet_NaN();
  }
  return features;
}

std::vector<float> PredictionsOf(const Model& model,
                                 const ParameterVector& values,
                                 const std::vector<float>& features) {
  const int64_t rows =
      static_cast<int64_t>(features.size()) / model.input().num_values();
  OwnedPredictor predictor(model, rows);
  const absl::Span<const float> predictions =
      predictor->Predict(values, features);
  return std::vector<float>(predictions.begin(), predictions.end());
}

}  // namespace shoal::learning
