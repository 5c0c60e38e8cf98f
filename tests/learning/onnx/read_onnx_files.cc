// read_onnx_files FOLDER: reads what export_from_torch.py wrote into FOLDER and
// compares our predictions with PyTorch's.
#include <cmath>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "learning/onnx/read_onnx.h"
#include "tests/learning/onnx/onnx_examples.h"

namespace shoal::learning {
namespace {

// Relative to 1 + |expected|: both compute in float32, in another order.
constexpr float kTolerance = 1e-5f;

absl::StatusOr<std::vector<float>> ReadFloats(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// Examples [channels, …positions] as [positions, channels].
std::vector<float> ChannelsLast(const std::vector<float>& features,
                                const Shape& shape) {
  const int64_t channels = shape.channels();
  const int64_t positions = shape.positions();
  std::vector<float> moved(features.size());
  for (size_t i = 0; i < features.size(); ++i) {
    const int64_t example = i / (channels * positions);
    const int64_t channel = i / positions % channels;
    const int64_t position = i % positions;
    moved[(example * positions + position) * channels + channel] = features[i];
  }
  return moved;
}

absl::StatusOr<float> LargestError(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path + ".onnx"));
  SHOAL_ASSIGN_OR_RETURN(const ImportedModel imported, ReadOnnx(bytes));
  SHOAL_ASSIGN_OR_RETURN(const std::unique_ptr<Model> model,
                         Model::Create(imported.spec));
  SHOAL_ASSIGN_OR_RETURN(std::vector<float> features,
                         ReadFloats(path + ".input"));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<float> expected,
                         ReadFloats(path + ".expected"));
  if (imported.channels_first_input) {
    features = ChannelsLast(features, model->input());
  }
  const std::vector<float> predictions =
      PredictionsOf(*model, imported.values, features);
  if (predictions.size() != expected.size()) {
    return absl::InternalError("another number of predictions");
  }
  float largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const float error =
        std::abs(predictions[i] - expected[i]) / (1 + std::abs(expected[i]));
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

int Compare(const std::string& folder) {
  const absl::StatusOr<std::string> index = ReadFile(folder + "/index.txt");
  if (!index.ok()) {
    std::cout << "skipped: nothing was exported\n";
    return 77;
  }
  int failures = 0;
  for (absl::string_view name :
       absl::StrSplit(*index, '\n', absl::SkipEmpty())) {
    const absl::StatusOr<float> error =
        LargestError(absl::StrCat(folder, "/", name));
    if (!error.ok()) {
      std::cout << name << ": " << error.status() << "\n";
    } else {
      std::cout << name << ": largest difference " << *error << "\n";
    }
    if (!error.ok() || !(*error <= kTolerance)) ++failures;
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace shoal::learning

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: read_onnx_files FOLDER\n";
    return 2;
  }
  return shoal::learning::Compare(argv[1]);
}
