// write_onnx_files FOLDER: what other programs run for comparison. For every
// model, opset and number format it writes NAME.onnx, NAME.input and
// NAME.expected (float32, little-endian), and one line in FOLDER/index.txt:
//
//   NAME rows,…input rows,…output
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "learning/onnx/write_onnx.h"
#include "tests/learning/onnx/onnx_examples.h"

namespace shoal::learning {
namespace {

constexpr int64_t kRows = 3;

struct Format {
  absl::string_view name;
  OnnxWeights weights;
  int opset;
};

constexpr Format kFormats[] = {
    {"float32_13", OnnxWeights::kFloat32, 13},
    {"float32_17", OnnxWeights::kFloat32, 17},
    {"float16_13", OnnxWeights::kFloat16, 13},
    {"int8_13", OnnxWeights::kInt8, 13},
    {"int8_17", OnnxWeights::kInt8, 17},
};

std::string Bytes(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(float));
}

std::string BatchDims(const Shape& shape) {
  return absl::StrCat(kRows, ",", absl::StrJoin(shape.dims(), ","));
}

absl::Status WriteCase(const std::string& folder, const NamedModel& named,
                       const Format& format, std::string& index) {
  const std::unique_ptr<Model> model = MakeModel(named.spec);
  const ParameterVector values = ExportValues(*model, 1);
  const std::string name = absl::StrCat(named.name, "_", format.name);
  SHOAL_ASSIGN_OR_RETURN(
      const std::string file,
      WriteOnnx(*model, values,
                {.opset = format.opset, .weights = format.weights}));
  SHOAL_ASSIGN_OR_RETURN(const ParameterVector stored,
                         ValuesInOnnx(*model, values, format.weights));
  const std::vector<float> features = ExportFeatures(*model, kRows, 2);
  const std::string path = absl::StrCat(folder, "/", name);
  SHOAL_RETURN_IF_ERROR(ReplaceFile(path + ".onnx", file));
  SHOAL_RETURN_IF_ERROR(ReplaceFile(path + ".input", Bytes(features)));
  SHOAL_RETURN_IF_ERROR(ReplaceFile(
      path + ".expected", Bytes(PredictionsOf(*model, stored, features))));
  absl::StrAppend(&index, name, " ", BatchDims(model->input()), " ",
                  BatchDims(model->output()), "\n");
  return absl::OkStatus();
}

absl::Status WriteAll(const std::string& folder) {
  SHOAL_RETURN_IF_ERROR(MakeFolders(folder));
  std::string index;
  for (const NamedModel& model : EveryExport()) {
    for (const Format& format : kFormats) {
      SHOAL_RETURN_IF_ERROR(WriteCase(folder, model, format, index));
    }
  }
  return ReplaceFile(folder + "/index.txt", index);
}

}  // namespace
}  // namespace shoal::learning

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_onnx_files FOLDER\n";
    return 2;
  }
  const absl::Status status = shoal::learning::WriteAll(argv[1]);
  if (!status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
}
