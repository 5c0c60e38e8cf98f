// write_curves FOLDER: what PyTorch trains for comparison (torch_curves.py).
// For every case it writes NAME.weights (a device's vector), NAME.features,
// NAME.labels (the examples of all steps) and NAME.losses (of our trainer, step
// by step), and one line in FOLDER/index.txt:
//
//   NAME MODEL OPTIMISER rate rows steps input,… labels-per-example
#include <iostream>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "tests/learning/model_examples.h"

namespace shoal::learning {
namespace {

constexpr int64_t kSteps = 100;
constexpr int64_t kBatches = 10;  // that the steps go round

struct Case {
  std::string name;
  std::string model;  // as torch_curves.py knows it
  ModelSpec spec;
  LocalOptimizer optimizer;
  std::string optimizer_name;
  float learning_rate = 0;
  int64_t rows = 16;
};

// Every kind of normalisation, depthwise and valid convolution, GELU and tanh,
// average pooling: `normalised` of bench/peers/torch_models.py.
LayerListSpec Normalised() {
  LayerListSpec list;
  list.input = {10, 10, 2};
  list.layers = {{Conv2dSpec{.filters = 8}},
                 {BatchNormSpec{}},
                 {ActivationSpec{}},
                 {DepthwiseConvSpec{}},
                 {Conv2dSpec{.filters = 12, .kernel = 1}},
                 {GroupNormSpec{.groups = 3}},
                 {ActivationSpec{ActivationKind::kGelu}},
                 {PoolSpec{.kind = PoolKind::kAverage}},
                 {LayerNormSpec{}},
                 {Conv2dSpec{.filters = 8,
                             .padding = Padding::kValid,
                             .activation = ActivationKind::kTanh}},
                 {GlobalAveragePoolSpec{}},
                 {DenseSpec{.units = 5}}};
  return list;
}

// Few rows where SGD is fast: when rounding moves one of the pre-activations to
// the other side of zero, the curves part by 1e-3 and more (those of PyTorch in
// float32 and in float64 do, too), and LeNet has 100,000 of them in 16 rows.
std::vector<Case> Cases() {
  const ModelSpec lenet = {CnnSpec{CnnPreset::kLenet, {28, 28, 1}, 10}};
  const ModelSpec gru = {GruLanguageModelSpec{20, 16, 8, 24}};
  const ModelSpec normalised = {Normalised()};
  const ModelSpec sensor = {CnnSpec{CnnPreset::kSensor, {64, 9}, 6}};
  const LocalOptimizer sgd = {SgdOptimizer{}};
  const LocalOptimizer momentum = {SgdOptimizer{.momentum = 0.9}};
  const LocalOptimizer adam = {AdamOptimizer{}};
  return {
      {"lenet_sgd", "lenet", lenet, sgd, "sgd", 0.02f, 4},
      {"lenet_adam", "lenet", lenet, adam, "adam", 0.001f},
      {"normalised_sgd", "normalised", normalised, sgd, "sgd", 0.05f},
      {"sensor_momentum", "sensor", sensor, momentum, "momentum", 0.01f},
      {"gru_sgd", "gru", gru, sgd, "sgd", 8.0f},
      {"gru_adam", "gru", gru, adam, "adam", 0.003f},
  };
}

template <typename T>
absl::Status WriteValues(const std::string& path, absl::Span<const T> values) {
  return ReplaceFile(path, {reinterpret_cast<const char*>(values.data()),
                            values.size() * sizeof(T)});
}

absl::Status WriteCase(const std::string& folder, const Case& c,
                       std::string& index) {
  const std::unique_ptr<Model> model = MakeModel(c.spec);
  SeededRng rng(5);
  const ParameterVector start = model->DeviceVector(model->Initialise(rng));
  const Examples examples(*model, kBatches * c.rows, 6);
  TestTrainer trainer(*model, c.optimizer, {.batch_rows = c.rows}, start);
  std::vector<float> losses;
  for (int64_t step = 0; step < kSteps; ++step) {
    const Batch batch = examples.part(step % kBatches * c.rows, c.rows);
    losses.push_back(static_cast<float>(
        trainer->Step(batch, {.learning_rate = c.learning_rate}).loss()));
  }
  const Batch all = examples.batch();
  const std::string path = absl::StrCat(folder, "/", c.name);
  SHOAL_RETURN_IF_ERROR(WriteValues<float>(path + ".weights", start));
  SHOAL_RETURN_IF_ERROR(WriteValues<float>(path + ".features", all.features));
  SHOAL_RETURN_IF_ERROR(WriteValues<int32_t>(path + ".labels", all.labels));
  SHOAL_RETURN_IF_ERROR(WriteValues<float>(path + ".losses", losses));
  absl::StrAppend(&index, c.name, " ", c.model, " ", c.optimizer_name, " ",
                  c.learning_rate, " ", c.rows, " ", kSteps, " ",
                  absl::StrJoin(model->input().dims(), ","), " ",
                  model->labels_per_example(), "\n");
  return absl::OkStatus();
}

absl::Status WriteAll(const std::string& folder) {
  SHOAL_RETURN_IF_ERROR(MakeFolders(folder));
  std::string index;
  for (const Case& c : Cases()) {
    SHOAL_RETURN_IF_ERROR(WriteCase(folder, c, index));
  }
  return ReplaceFile(folder + "/index.txt", index);
}

}  // namespace
}  // namespace shoal::learning

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_curves FOLDER\n";
    return 2;
  }
  const absl::Status status = shoal::learning::WriteAll(argv[1]);
  if (!status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
}
