#include "tests/learning/model_examples.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "absl/algorithm/container.h"
#include "base/check.h"
#include "learning/predictor.h"

namespace shoal::learning {
namespace {

LayerListSpec Residual() {
  LayerListSpec list;
  list.input = {6, 6, 4};
  list.layers = {
      {ResidualSpec{.body = {{Conv2dSpec{.filters = 4,
                                         .activation = ActivationKind::kRelu}},
                             {Conv2dSpec{.filters = 4}}},
                    .shortcut = {}}},
      {ActivationSpec{}},
      {ResidualSpec{
          .body = {{DepthwiseConvSpec{.stride = 2}},
                   {GroupNormSpec{.groups = 2}},
                   {Conv2dSpec{.filters = 6, .kernel = 1}}},
          .shortcut = {{Conv2dSpec{.filters = 6, .kernel = 1, .stride = 2}}}}},
      {GlobalAveragePoolSpec{}},
      {DenseSpec{.units = 3}}};
  return list;
}

LayerListSpec Sequence(bool all_positions) {
  LayerListSpec list;
  list.input = {5};
  list.layers = {{EmbeddingSpec{.vocabulary = 7, .dimensions = 4}},
                 {GruSpec{.units = 6, .return_sequences = all_positions}},
                 {LayerNormSpec{}},
                 {DenseSpec{.units = 7}}};
  return list;
}

LayerListSpec Sensor() {
  LayerListSpec list;
  list.input = {12, 3};
  list.layers = {
      {Conv1dSpec{
          .filters = 4, .kernel = 3, .activation = ActivationKind::kTanh}},
      {PoolSpec{.kind = PoolKind::kAverage, .size = 2}},
      {GruSpec{.units = 5, .return_sequences = false}},
      {DenseSpec{.units = 4, .activation = ActivationKind::kGelu}},
      {DropoutSpec{.rate = 0}},
      {DenseSpec{.units = 1}}};
  list.loss = Loss::kBinaryCrossEntropy;
  return list;
}

// Normalises by statistics that came with it.
LayerListSpec FrozenNorm() {
  LayerListSpec list;
  list.input = {6, 6, 2};
  list.layers = {{Conv2dSpec{.filters = 3}},
                 {.kind = BatchNormSpec{}, .frozen = true},
                 {.kind = ResidualSpec{.body = {{BatchNormSpec{}},
                                                {Conv2dSpec{.filters = 3}}},
                                       .shortcut = {}},
                  .frozen = true},
                 {ActivationSpec{}},
                 {GlobalAveragePoolSpec{}},
                 {DenseSpec{.units = 3}}};
  return list;
}

// Normalises by the statistics of what is in memory at once.
LayerListSpec TrainedNorm() {
  LayerListSpec list;
  list.input = {6, 6, 2};
  list.layers = {
      {Conv2dSpec{.filters = 4}},
      {BatchNormSpec{.momentum = 0.3}},
      {ActivationSpec{}},
      {ResidualSpec{.body = {{BatchNormSpec{}}, {Conv2dSpec{.filters = 4}}},
                    .shortcut = {}}},
      {GlobalAveragePoolSpec{}},
      {DenseSpec{.units = 3}}};
  return list;
}

LayerListSpec Dropout() {
  LayerListSpec list;
  list.input = {7};
  list.layers = {{DropoutSpec{.rate = 0.2}},
                 {DenseSpec{.units = 9, .activation = ActivationKind::kTanh}},
                 {DropoutSpec{.rate = 0.4}},
                 {DenseSpec{.units = 3}}};
  return list;
}

LayerListSpec Values() {
  LayerListSpec list;
  list.input = {6};
  list.layers = {
      {DenseSpec{.units = 5, .activation = ActivationKind::kSigmoid}},
      {DenseSpec{.units = 3}}};
  list.loss = Loss::kBinaryCrossEntropy;
  list.target = Target::kValues;
  return list;
}

bool IsTrainedBatchNorm(const Node& node) {
  return node.spec.has_value() && !node.frozen &&
         std::holds_alternative<BatchNormSpec>(node.spec->kind);
}

bool IsDropout(const Node& node) {
  return node.spec.has_value() &&
         std::holds_alternative<DropoutSpec>(node.spec->kind) &&
         std::get<DropoutSpec>(node.spec->kind).rate > 0;
}

MemoryPlan PlanFor(const Model& model, const LocalOptimizer& optimizer,
                   PlanOptions options) {
  options.optimizer_vectors = optimizer.num_vectors();
  options.whole_gradient = optimizer.clip_norm > 0;
  auto plan = MemoryPlan::ForTraining(model, options);
  SHOAL_CHECK(plan.ok());
  return *std::move(plan);
}

}  // namespace

std::vector<NamedModel> EveryModel() {
  LayerListSpec kept = Values();
  kept.layers[0].is_private = true;
  LayerListSpec frozen = Values();
  frozen.layers[0].frozen = true;
  ModelSpec prepared = {MlpSpec{6, {5}, 3}};
  prepared.preprocessing = {
      .standardise = true, .impute = true, .mask = true, .clip = 3};
  return {
      {"logistic", {LogisticSpec{6, 4}}},
      {"linear", {LinearSpec{5, 2}}},
      {"mlp", {MlpSpec{6, {9}, 4}}},
      {"deep_mlp", {MlpSpec{5, {18, 7, 9}, 3}}},
      {"lenet", {CnnSpec{CnnPreset::kLenet, {12, 12, 1}, 3}}},
      {"mobile", {CnnSpec{CnnPreset::kMobile, {8, 8, 1}, 3}}},
      {"spectrogram", {CnnSpec{CnnPreset::kSpectrogram, {13, 10, 1}, 4}}},
      {"sensor", {CnnSpec{CnnPreset::kSensor, {12, 2}, 3}}},
      {"language", {GruLanguageModelSpec{9, 4, 3, 5}}},
      {"autoencoder", {AutoencoderSpec{6, {4, 2}}}},
      {"residual", {Residual()}},
      {"sequence", {Sequence(true)}},
      {"last_state", {Sequence(false)}},
      {"binary_sensor", {Sensor()}},
      {"values", {Values()}},
      {"private", {kept}},
      {"frozen", {frozen}},
      {"frozen_norm", {FrozenNorm()}},
      {"trained_norm", {TrainedNorm()}},
      {"dropout", {Dropout()}},
      {"prepared", prepared},
  };
}

std::unique_ptr<Model> MakeModel(const ModelSpec& spec) {
  absl::StatusOr<std::unique_ptr<Model>> model = Model::Create(spec);
  SHOAL_CHECK(model.ok());
  return *std::move(model);
}

bool TrainsByBatchStatistics(const Model& model) {
  return absl::c_any_of(model.nodes(), IsTrainedBatchNorm);
}

bool TrainsAsItPredicts(const Model& model) {
  return !TrainsByBatchStatistics(model) &&
         !absl::c_any_of(model.nodes(), IsDropout);
}

bool FollowsTheData(const Node& node, const LayerTensor& tensor) {
  return IsTrainedBatchNorm(node) && !tensor.trainable;
}

Examples::Examples(const Model& model, int64_t rows, uint64_t seed)
    : inputs_(model.input().num_values()),
      labels_per_example_(model.labels_per_example()),
      targets_per_example_(model.targets_per_example()) {
  SeededRng rng(seed);
  int64_t tokens = 0;
  for (const Node& node : model.nodes()) {
    if (node.input == 0 && node.layer != nullptr) {
      tokens = std::max(tokens, node.layer->token_limit());
    }
  }
  features_.resize(rows * inputs_);
  for (float& x : features_) {
    x = tokens > 0 ? static_cast<float>(rng.Below(tokens))
                   : static_cast<float>(rng.Normal());
  }
  const int64_t classes =
      model.loss() == Loss::kBinaryCrossEntropy ? 2 : model.output().channels();
  labels_.resize(rows * labels_per_example_);
  for (int32_t& label : labels_) label = rng.Below(classes);
  targets_.resize(rows * targets_per_example_);
  for (float& target : targets_) target = rng.Uniform();
}

Batch Examples::part(int64_t begin, int64_t rows) const {
  return {
      absl::MakeConstSpan(features_).subspan(begin * inputs_, rows * inputs_),
      absl::MakeConstSpan(labels_).subspan(begin * labels_per_example_,
                                           rows * labels_per_example_),
      absl::MakeConstSpan(targets_).subspan(begin * targets_per_example_,
                                            rows * targets_per_example_),
      {}};
}

ParameterVector RandomParameters(const Model& model, uint64_t seed) {
  SeededRng rng(seed);
  ParameterVector parameters = model.DeviceVector(model.Initialise(rng));
  for (float& w : parameters) w += static_cast<float>(0.2 * rng.Normal());
  return parameters;
}

TestTrainer::TestTrainer(const Model& model, const LocalOptimizer& optimizer,
                         PlanOptions options, const ParameterVector& parameters)
    : TestTrainer(PlanFor(model, optimizer, options), model, optimizer,
                  parameters) {}

TestTrainer::TestTrainer(MemoryPlan plan, const Model& model,
                         const LocalOptimizer& optimizer,
                         const ParameterVector& parameters)
    : block_(plan.bytes()) {
  // Nothing may depend on what the block holds.
  std::memset(block_.bytes().data(), 0xff, block_.bytes().size());
  auto trainer =
      Trainer::Create(model, optimizer, std::move(plan), block_.bytes());
  SHOAL_CHECK(trainer.ok());
  trainer_ = *std::move(trainer);
  std::copy(parameters.begin(), parameters.end(),
            trainer_->parameters().begin());
}

ParameterVector TestTrainer::parameters() {
  const absl::Span<float> values = trainer_->parameters();
  return ParameterVector(values.begin(), values.end());
}

double LossOf(const Model& model, const ParameterVector& parameters,
              const Batch& batch) {
  const int64_t rows =
      static_cast<int64_t>(batch.features.size()) / model.input().num_values();
  OwnedPredictor predictor(model, rows);
  return predictor->Evaluate(parameters, batch).loss();
}

}  // namespace shoal::learning
