#include "learning/onnx/read_onnx.h"

#include <string>
#include <tuple>
#include <utility>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/onnx/file.h"
#include "learning/onnx/write_onnx.h"
#include "tests/learning/onnx/onnx_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct RoundTrip {
  NamedModel model;
  OnnxWeights weights;
  int opset;
};

std::vector<RoundTrip> EveryRoundTrip() {
  std::vector<RoundTrip> cases;
  for (const NamedModel& model : EveryExport()) {
    cases.push_back({model, OnnxWeights::kFloat32, 13});
    cases.push_back({model, OnnxWeights::kFloat32, 17});
    cases.push_back({model, OnnxWeights::kFloat16, 17});
    cases.push_back({model, OnnxWeights::kInt8, 15});
  }
  return cases;
}

class RoundTripTest : public ::testing::TestWithParam<RoundTrip> {};

TEST_P(RoundTripTest, GivesTheModelBack) {
  const auto& [named, weights, opset] = GetParam();
  const auto model = MakeModel(named.spec);
  const ParameterVector values = ExportValues(*model, 1);
  const auto bytes =
      WriteOnnx(*model, values, {.opset = opset, .weights = weights});
  ASSERT_THAT(bytes, IsOk());
  const auto imported = ReadOnnx(*bytes);
  ASSERT_THAT(imported, IsOk());
  EXPECT_FALSE(imported->channels_first_input);
  const auto again = Model::Create(imported->spec);
  ASSERT_THAT(again, IsOk());
  const ParameterVector stored = *ValuesInOnnx(*model, values, weights);
  const std::vector<float> features = ExportFeatures(*model, 4, 2);
  EXPECT_EQ(PredictionsOf(**again, imported->values, features),
            PredictionsOf(*model, stored, features));
  EXPECT_EQ((*again)->loss(), model->loss());
  EXPECT_EQ((*again)->target(), model->target());
  EXPECT_EQ((*again)->spec().preprocessing, model->spec().preprocessing);
  // A graph does not say whose layers are, nor which are frozen: private ones
  // come back shared, and batch norms private.
  if (named.name == "private" || named.name == "frozen_norm") return;
  EXPECT_EQ((*again)->layout(), model->layout());
  EXPECT_EQ((*again)->private_layout(), model->private_layout());
  EXPECT_EQ(imported->values, stored);
}

INSTANTIATE_TEST_SUITE_P(Models, RoundTripTest,
                         ::testing::ValuesIn(EveryRoundTrip()),
                         [](const auto& info) {
                           return info.param.model.name + "_" +
                                  std::to_string(info.param.opset) + "_" +
                                  std::to_string(
                                      static_cast<int>(info.param.weights));
                         });

// Files as others write them, put together by hand.
template <typename Value>
onnx::Tensor Constant(std::string name, std::vector<int64_t> dims,
                      const std::vector<Value>& values, onnx::DataType type) {
  return {std::move(name), type, std::move(dims),
          std::string(reinterpret_cast<const char*>(values.data()),
                      values.size() * sizeof(Value))};
}

onnx::Tensor Floats(std::string name, std::vector<int64_t> dims,
                    const std::vector<float>& values) {
  return Constant(std::move(name), std::move(dims), values,
                  onnx::DataType::kFloat);
}

onnx::Tensor Counting(std::string name, std::vector<int64_t> dims) {
  std::vector<float> values;
  int64_t size = 1;
  for (int64_t dim : dims) size *= dim;
  for (int64_t i = 0; i < size; ++i) values.push_back(0.01f * (i % 17) - 0.05f);
  return Floats(std::move(name), std::move(dims), values);
}

onnx::Value Input(std::vector<int64_t> dims) {
  onnx::Value value;
  value.name = "x";
  value.dims.push_back({0, "n"});
  for (int64_t dim : dims) value.dims.push_back({dim, ""});
  return value;
}

onnx::Operation Op(std::string type, std::vector<std::string> inputs,
                   std::string output,
                   std::vector<onnx::Attribute> attributes = {}) {
  return {.name = type + "_" + output,
          .type = std::move(type),
          .inputs = std::move(inputs),
          .outputs = {std::move(output)},
          .attributes = std::move(attributes)};
}

// The output is "y".
onnx::File FileOf(std::vector<int64_t> input,
                  std::vector<onnx::Operation> operations,
                  std::vector<onnx::Tensor> constants) {
  onnx::Value output;
  output.name = "y";
  return {.ir_version = 8,
          .opset = 17,
          .producer = "another",
          .producer_version = "1",
          .name = "graph",
          .description = "",
          .metadata = {},
          .operations = std::move(operations),
          .constants = std::move(constants),
          .inputs = {Input(std::move(input))},
          .outputs = {output}};
}

absl::StatusOr<ImportedModel> Read(const onnx::File& file) {
  return ReadOnnx(onnx::Encode(file));
}

using Ints = std::vector<int64_t>;

// One image of 1 x 2 pixels and two channels; the file has [channels, height,
// width] = (1, 2 | 3, 4) and flattens in that order: y = 1 * 1 + 10 * 2 +
// 100 * 3 + 1000 * 4. We have the pixels (1, 3) and (2, 4).
TEST(ReadOnnxTest, FlattenedChannelsFirstWeightsArePutInOurOrder) {
  const auto imported =
      Read(FileOf({2, 1, 2},
                  {Op("MaxPool", {"x"}, "p", {{"kernel_shape", Ints{1, 1}}}),
                   Op("Flatten", {"p"}, "f"),
                   Op("Gemm", {"f", "fc.weight", "fc.bias"}, "y",
                      {{"transB", int64_t{1}}})},
                  {Floats("fc.weight", {1, 4}, {1, 10, 100, 1000}),
                   Floats("fc.bias", {1}, {0.5})}));
  ASSERT_THAT(imported, IsOk());
  EXPECT_TRUE(imported->channels_first_input);
  const auto model = MakeModel(imported->spec);
  EXPECT_EQ(model->input().ToString(), "1x2x2");
  EXPECT_EQ(model->layout().tensors()[0].name, "fc.weight");
  EXPECT_THAT(imported->values, ElementsAre(1, 100, 10, 1000, 0.5));
  EXPECT_THAT(PredictionsOf(*model, imported->values, {1, 3, 2, 4}),
              ElementsAre(4321.5));
}

// What PyTorch exports for a small network of convolutions.
onnx::File Network() {
  return FileOf(
      {1, 8, 8},
      {Op("Conv", {"x", "conv1.weight", "conv1.bias"}, "c",
          {{"dilations", Ints{1, 1}},
           {"group", int64_t{1}},
           {"kernel_shape", Ints{3, 3}},
           {"pads", Ints{1, 1, 1, 1}},
           {"strides", Ints{1, 1}}}),
       Op("Relu", {"c"}, "r"),
       Op("MaxPool", {"r"}, "p",
          {{"ceil_mode", int64_t{0}},
           {"kernel_shape", Ints{2, 2}},
           {"strides", Ints{2, 2}}}),
       Op("Reshape", {"p", "shape"}, "f"),
       Op("Gemm", {"f", "fc1.weight", "fc1.bias"}, "g",
          {{"alpha", 1.0f}, {"beta", 1.0f}, {"transB", int64_t{1}}}),
       Op("Softmax", {"g"}, "y", {{"axis", int64_t{1}}})},
      {Counting("conv1.weight", {4, 1, 3, 3}), Counting("conv1.bias", {4}),
       Constant<int64_t>("shape", {2}, {-1, 64}, onnx::DataType::kInt64),
       Counting("fc1.weight", {3, 64}), Counting("fc1.bias", {3})});
}

TEST(ReadOnnxTest, ConvolutionalNetworkOfOthersIsRead) {
  const auto imported = Read(Network());
  ASSERT_THAT(imported, IsOk());
  LayerListSpec expected;
  expected.input = {8, 8, 1};
  expected.layers = {
      {Conv2dSpec{.filters = 4, .activation = ActivationKind::kRelu}, "conv1"},
      {PoolSpec{.stride = 2}},
      {FlattenSpec{}},
      {DenseSpec{.units = 3}, "fc1"}};
  EXPECT_EQ(imported->spec.architecture,
            decltype(imported->spec.architecture)(expected));
}

TEST(ReadOnnxTest, LossAndTargetFollowTheLastOperator) {
  onnx::File file = Network();
  file.operations.back() = Op("Identity", {"g"}, "y");
  const auto list = [](const absl::StatusOr<ImportedModel>& imported) {
    return std::get<LayerListSpec>(imported->spec.architecture);
  };
  EXPECT_EQ(list(Read(file)).loss, Loss::kMeanSquaredError);
  EXPECT_EQ(list(Read(file)).target, Target::kValues);
  file.operations.back() = Op("Sigmoid", {"g"}, "y");
  EXPECT_EQ(list(Read(file)).loss, Loss::kBinaryCrossEntropy);
  EXPECT_EQ(list(Read(file)).target, Target::kValues);
}

TEST(ReadOnnxTest, LayersWithoutNamesOfOurFormGetNew) {
  onnx::File file = Network();
  file.constants[0].name = file.operations[0].inputs[1] = "onnx::Conv_17";
  const auto imported = Read(file);
  ASSERT_THAT(imported, IsOk());
  const auto model = MakeModel(imported->spec);
  EXPECT_EQ(model->layout().tensors()[0].name, "conv1.weight");
  EXPECT_EQ(model->layout().tensors()[2].name, "dense1.weight");
}

TEST(ReadOnnxTest, MatMulAndAddAreOneLayer) {
  const auto imported = Read(FileOf(
      {3, 2}, {Op("MatMul", {"x", "w"}, "m"), Op("Add", {"b", "m"}, "y")},
      {Floats("w", {2, 2}, {1, 2, 3, 4}), Floats("b", {2}, {5, 6})}));
  ASSERT_THAT(imported, IsOk());
  EXPECT_THAT(imported->values, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(ReadOnnxTest, ActivationThatAnotherReaderSeesIsALayerOfItsOwn) {
  // y = relu(m) + m
  const auto imported =
      Read(FileOf({2},
                  {Op("Gemm", {"x", "w"}, "m"), Op("Relu", {"m"}, "r"),
                   Op("Add", {"r", "m"}, "y")},
                  {Floats("w", {2, 2}, {1, 0, 0, 1})}));
  ASSERT_THAT(imported, IsOk());
  const auto model = MakeModel(imported->spec);
  EXPECT_THAT(PredictionsOf(*model, imported->values, {3, -2}),
              ElementsAre(6, -2));
}

struct Refusal {
  std::string name;
  onnx::File file;
  absl::StatusCode code;
  std::string message;
};

onnx::File Changed(void (*change)(onnx::File&)) {
  onnx::File file = Network();
  change(file);
  return file;
}

std::vector<Refusal> OperatorRefusals() {
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  return {
      {"Unknown", Changed([](onnx::File& f) { f.operations[1].type = "Elu"; }),
       kUnimplemented, "operator Elu 'Relu_r' is none that a layer"},
      {"Attribute", Changed([](onnx::File& f) {
         f.operations[1].attributes = {{"slope", 0.1f}};
       }),
       kUnimplemented, "operator Relu 'Relu_r' has the attribute 'slope'"},
      {"Pads", Changed([](onnx::File& f) {
         f.operations[0].attributes[3].value = Ints{0, 1, 1, 1};
       }),
       kUnimplemented, "has pads [0, 1, 1, 1], expected none, or [1, 1, 1, 1]"},
      {"Dilations", Changed([](onnx::File& f) {
         f.operations[0].attributes[0].value = Ints{2, 2};
       }),
       kUnimplemented, "expected squares without dilation"},
      {"Groups", Changed([](onnx::File& f) {
         f.operations[0].attributes[1].value = int64_t{2};
       }),
       kUnimplemented, "2 groups for an input 8x8x1"},
      {"CeilMode", Changed([](onnx::File& f) {
         f.operations[2].attributes[0].value = int64_t{1};
       }),
       kUnimplemented, "has ceil_mode"},
      {"Alpha", Changed([](onnx::File& f) {
         f.operations[4].attributes[0].value = 2.0f;
       }),
       kUnimplemented, "has alpha, beta or transA other than"},
      {"SoftmaxInside", Changed([](onnx::File& f) {
         std::swap(f.operations[1].type, f.operations[5].type);
         std::swap(f.operations[1].attributes, f.operations[5].attributes);
       }),
       kUnimplemented, "operator Softmax 'Relu_r'"},
      {"SharedWeights", Changed([](onnx::File& f) {
         f.operations[4].inputs[2] = f.operations[0].inputs[2];
         f.constants[3] = Counting("fc1.weight", {4, 64});
       }),
       kUnimplemented, "reads 'conv1.bias', which another layer has"}};
}

std::vector<Refusal> FileRefusals() {
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  return {
      {"Opset", Changed([](onnx::File& f) { f.opset = 12; }), kUnimplemented,
       "opset is 12, expected 13 to 20"},
      {"TwoOutputs",
       Changed([](onnx::File& f) { f.outputs.push_back(f.outputs[0]); }),
       kUnimplemented, "has 2 outputs, expected one"},
      {"TwoInputs", Changed([](onnx::File& f) {
         f.inputs.push_back({"z", onnx::DataType::kFloat, f.inputs[0].dims});
       }),
       kUnimplemented, "has 2 inputs, expected one"},
      {"DynamicSize", Changed([](onnx::File& f) {
         f.inputs[0].dims[2] = {0, "height"};
       }),
       kInvalid, "has 0 as dimension 2, expected a fixed size"},
      {"NoOutput", Changed([](onnx::File& f) {
         f.operations.pop_back();
         f.outputs[0].name = "nothing";
       }),
       kInvalid, "no operator gives the output 'nothing'"},
      {"UnknownValue",
       Changed([](onnx::File& f) { f.operations[1].inputs = {"q"}; }), kInvalid,
       "has 'q' as input 0"},
      {"WrongWeights", Changed([](onnx::File& f) {
         f.constants[3] = Counting("fc1.weight", {3, 63});
       }),
       kInvalid, "has weights for 63 inputs, its input has 64"},
      {"WrongBias", Changed([](onnx::File& f) {
         f.constants[4] = Counting("fc1.bias", {2});
       }),
       kInvalid, "reads 'fc1.bias' [2], expected 3 values"},
      {"NotFinite", Changed([](onnx::File& f) {
         f.constants[4] = Floats("fc1.bias", {3}, {0, 0, 1.0f / 0.0f});
       }),
       kInvalid, "'fc1.bias', a value of which is not finite"},
      {"TwiceNamed",
       Changed([](onnx::File& f) { f.constants.push_back(f.constants[4]); }),
       kInvalid, "two constants of the ONNX file are named 'fc1.bias'"},
      {"TwiceGiven", Changed([](onnx::File& f) {
         f.operations.insert(f.operations.begin() + 1, f.operations[1]);
       }),
       kInvalid, "gives 'r', which exists already"}};
}

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, SaysWhatIsWrong) {
  EXPECT_THAT(Read(GetParam().file),
              StatusIs(GetParam().code, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(Operators, RefusalTest,
                         ::testing::ValuesIn(OperatorRefusals()),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Files, RefusalTest,
                         ::testing::ValuesIn(FileRefusals()),
                         [](const auto& info) { return info.param.name; });

// The block of a residual network may not be left in the middle.
TEST(ReadOnnxTest, BranchThatLeavesAResidualBlockIsRefused) {
  const auto imported =
      Read(FileOf({2},
                  {Op("Gemm", {"x", "w"}, "a"), Op("Tanh", {"a"}, "b"),
                   Op("Relu", {"b"}, "c"), Op("Add", {"c", "a"}, "d"),
                   Op("Add", {"d", "b"}, "y")},
                  {Floats("w", {2, 2}, {1, 0, 0, 1})}));
  EXPECT_THAT(imported, StatusIs(absl::StatusCode::kUnimplemented,
                                 HasSubstr("operator Add 'Add_y'")));
}

TEST(ReadOnnxTest, MutatedFilesAreReadOrRefused) {
  const std::string valid = onnx::Encode(Network());
  SeededRng rng(7);
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = valid;
    for (uint64_t n = 1 + rng.Below(3); n > 0; --n) {
      bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
    }
    const auto imported = ReadOnnx(bytes);
    if (!imported.ok()) continue;
    ++accepted;
    const auto model = Model::Create(imported->spec);
    ASSERT_THAT(model, IsOk());
    EXPECT_EQ(static_cast<int64_t>(imported->values.size()),
              (*model)->num_values());
  }
  // Most bytes are weights.
  EXPECT_GT(accepted, 300);
}

}  // namespace
}  // namespace shoal::learning
