#include "learning/onnx/write_onnx.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/onnx/file.h"
#include "tests/learning/onnx/onnx_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const ModelSpec kMlp = {MlpSpec{3, {4}, 2}};

onnx::File FileOf(const ModelSpec& spec, const OnnxOptions& options = {}) {
  const auto model = MakeModel(spec);
  const auto bytes = WriteOnnx(*model, ExportValues(*model, 1), options);
  EXPECT_THAT(bytes, shoal::testing::IsOk());
  auto file = onnx::Decode(*bytes);
  EXPECT_THAT(file, shoal::testing::IsOk());
  return *std::move(file);
}

std::vector<std::string> TypesOf(const onnx::File& file) {
  std::vector<std::string> types;
  for (const onnx::Operation& operation : file.operations) {
    types.push_back(operation.type);
  }
  return types;
}

int Count(const onnx::File& file, const std::string& type) {
  const std::vector<std::string> types = TypesOf(file);
  return static_cast<int>(std::count(types.begin(), types.end(), type));
}

const onnx::Tensor* Find(const onnx::File& file, const std::string& name) {
  for (const onnx::Tensor& tensor : file.constants) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

LayerListSpec Layers(std::vector<int> input, std::vector<LayerSpec> layers) {
  LayerListSpec list;
  list.input = std::move(input);
  list.layers = std::move(layers);
  list.layers.push_back({DenseSpec{.units = 2}});
  return list;
}

TEST(WriteOnnxTest, MlpIsGemmReluGemmSoftmax) {
  const onnx::File file = FileOf(kMlp);
  EXPECT_THAT(TypesOf(file), ElementsAre("Gemm", "Relu", "Gemm", "Softmax"));
  EXPECT_EQ(file.operations[0].inputs[0], "input");
  EXPECT_THAT(file.operations[3].outputs, ElementsAre("output"));
}

TEST(WriteOnnxTest, StatesVersionsAndNames) {
  const onnx::File file = FileOf(kMlp, {.opset = 14,
                                        .name = "digits",
                                        .description = "of hands",
                                        .metadata = {{"round", "7"}}});
  EXPECT_EQ(file.ir_version, 8);
  EXPECT_EQ(file.opset, 14);
  EXPECT_EQ(file.name, "digits");
  EXPECT_EQ(file.description, "of hands");
  EXPECT_EQ(file.producer, "shoal");
  EXPECT_THAT(file.metadata,
              ElementsAre(Pair("shoal.loss", "softmax_cross_entropy"),
                          Pair("shoal.target", "labels"), Pair("round", "7")));
}

TEST(WriteOnnxTest, BatchIsDynamicAndOtherDimensionsAreOurs) {
  const onnx::File file = FileOf({CnnSpec{CnnPreset::kLenet, {12, 14, 3}, 5}});
  ASSERT_EQ(file.inputs.size(), 1);
  const std::vector<onnx::Dimension>& dims = file.inputs[0].dims;
  ASSERT_EQ(dims.size(), 4);
  EXPECT_EQ(dims[0].symbol, "batch");
  EXPECT_EQ(dims[1].size, 12);
  EXPECT_EQ(dims[2].size, 14);
  EXPECT_EQ(dims[3].size, 3);
  EXPECT_EQ(file.outputs[0].dims[1].size, 5);
}

TEST(WriteOnnxTest, RunOfConvolutionsIsTransposedOnceInAndOut) {
  EXPECT_EQ(
      Count(FileOf({CnnSpec{CnnPreset::kLenet, {12, 12, 1}, 3}}), "Transpose"),
      2);
  // The mean over all positions has no order: there is no way out.
  EXPECT_EQ(
      Count(FileOf({CnnSpec{CnnPreset::kMobile, {8, 8, 1}, 3}}), "Transpose"),
      1);
}

TEST(WriteOnnxTest, RunOfRecurrentLayersIsTransposedOnceInAndOut) {
  const onnx::File file =
      FileOf({Layers({4, 3}, {{GruSpec{.units = 5}}, {GruSpec{.units = 4}}})});
  EXPECT_EQ(Count(file, "Transpose"), 2);
}

TEST(WriteOnnxTest, ConvolutionWeightHasFiltersFirst) {
  const auto model = MakeModel({Layers(
      {5, 5, 2}, {{Conv2dSpec{.filters = 3, .kernel = 2}}, {FlattenSpec{}}})});
  ParameterVector values = ExportValues(*model, 1);
  const auto bytes = WriteOnnx(*model, values);
  ASSERT_THAT(bytes, shoal::testing::IsOk());
  const auto file = onnx::Decode(*bytes);
  const onnx::Tensor* weight = Find(*file, "conv1.weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_THAT(weight->dims, ElementsAre(3, 2, 2, 2));
  float element;  // filter 2, channel 1, row 0, column 1
  std::memcpy(&element, weight->data.data() + 4 * (2 * 8 + 1 * 4 + 0 * 2 + 1),
              4);
  EXPECT_EQ(element, values[0 * 12 + 1 * 6 + 1 * 3 + 2]);
}

TEST(WriteOnnxTest, LayerNormIsOneOperatorFromOpset17On) {
  const LayerListSpec list = Layers({6}, {{LayerNormSpec{}}});
  EXPECT_EQ(Count(FileOf({list}, {.opset = 17}), "LayerNormalization"), 1);
  EXPECT_EQ(Count(FileOf({list}, {.opset = 16}), "LayerNormalization"), 0);
  EXPECT_EQ(Count(FileOf({list}, {.opset = 16}), "ReduceMean"), 2);
}

TEST(WriteOnnxTest, DropoutIsNotWritten) {
  EXPECT_THAT(TypesOf(FileOf({Layers({6}, {{DropoutSpec{}}})})),
              ElementsAre("Gemm", "Softmax"));
}

TEST(WriteOnnxTest, PredictionFollowsTheLoss) {
  EXPECT_EQ(TypesOf(FileOf({LinearSpec{3, 2}})).back(), "Gemm");
  LayerListSpec binary = Layers({3}, {});
  binary.loss = Loss::kBinaryCrossEntropy;
  binary.target = Target::kValues;
  EXPECT_EQ(TypesOf(FileOf({binary})).back(), "Sigmoid");
}

TEST(WriteOnnxTest, NarrowWeightsAreWidenedInTheGraph) {
  const onnx::File half = FileOf(kMlp, {.weights = OnnxWeights::kFloat16});
  EXPECT_EQ(Count(half, "Cast"), 2);
  EXPECT_EQ(Find(half, "dense1.weight")->type, onnx::DataType::kFloat16);
  EXPECT_EQ(Find(half, "dense1.bias")->type, onnx::DataType::kFloat);
  const onnx::File byte = FileOf(kMlp, {.weights = OnnxWeights::kInt8});
  EXPECT_EQ(Count(byte, "DequantizeLinear"), 2);
  EXPECT_EQ(Find(byte, "dense1.weight")->type, onnx::DataType::kInt8);
  EXPECT_THAT(Find(byte, "dense1.weight.step")->dims, ElementsAre(4));
}

TEST(WriteOnnxTest, NarrowWeightsMakeSmallFiles) {
  const auto model = MakeModel({MlpSpec{100, {100}, 10}});
  const ParameterVector values = ExportValues(*model, 1);
  const size_t whole = WriteOnnx(*model, values)->size();
  const size_t half =
      WriteOnnx(*model, values, {.weights = OnnxWeights::kFloat16})->size();
  const size_t byte =
      WriteOnnx(*model, values, {.weights = OnnxWeights::kInt8})->size();
  EXPECT_LT(half, whole * 0.55);
  EXPECT_LT(byte, whole * 0.32);
}

TEST(WriteOnnxTest, StoredValuesAreNearTheModels) {
  const auto model = MakeModel(kMlp);
  const ParameterVector values = ExportValues(*model, 1);
  EXPECT_EQ(*ValuesInOnnx(*model, values, OnnxWeights::kFloat32), values);
  const auto half = ValuesInOnnx(*model, values, OnnxWeights::kFloat16);
  const auto byte = ValuesInOnnx(*model, values, OnnxWeights::kInt8);
  float largest = 0;
  for (float value : values) largest = std::max(largest, std::abs(value));
  EXPECT_NE(*half, values);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_LE(std::abs((*half)[i] - values[i]),
              std::ldexp(std::abs(values[i]), -11));
    EXPECT_LE(std::abs((*byte)[i] - values[i]), largest / 254 * 1.0001);
  }
}

TEST(WriteOnnxTest, SameArgumentsGiveTheSameBytes) {
  const auto model = MakeModel(kMlp);
  const ParameterVector values = ExportValues(*model, 1);
  EXPECT_EQ(*WriteOnnx(*model, values), *WriteOnnx(*model, values));
}

TEST(WriteOnnxTest, OptionsOutOfRangeAreRefused) {
  const auto model = MakeModel(kMlp);
  const ParameterVector values = ExportValues(*model, 1);
  const auto refused = [&](const OnnxOptions& options,
                           const std::string& message) {
    EXPECT_THAT(
        WriteOnnx(*model, values, options),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  refused({.opset = 12}, "opset is 12, expected 13 to 17");
  refused({.opset = 18}, "opset is 18, expected 13 to 17");
  refused({.name = ""}, "name is empty");
  refused({.metadata = {{"shoal.loss", "x"}}}, "'shoal.loss'");
  refused({.metadata = {{"a", "1"}, {"a", "2"}}}, "'a' is given twice");
}

TEST(WriteOnnxTest, ValuesThatDoNotFitAreRefused) {
  const auto model = MakeModel(kMlp);
  ParameterVector values = ExportValues(*model, 1);
  values[0] = 1e5f;
  EXPECT_THAT(WriteOnnx(*model, values, {.weights = OnnxWeights::kFloat16}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("dense1.weight is 100000")));
  values[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(WriteOnnx(*model, values),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("dense1.weight is not finite")));
  values.pop_back();
  EXPECT_THAT(WriteOnnx(*model, values),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("there are 25 values, expected 26")));
}

}  // namespace
}  // namespace shoal::learning
