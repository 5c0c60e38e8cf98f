#include "learning/onnx/file.h"

#include <string>

#include "base/wire_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/onnx/file_fields.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning::onnx {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

File Small() {
  File file = {.ir_version = 8,
               .opset = 17,
               .producer = "p",
               .producer_version = "1",
               .name = "g",
               .description = "d",
               .metadata = {{"k", "v"}},
               .operations = {{"n",
                               "Conv",
                               {"x", "", "w"},
                               {"y"},
                               {{"i", int64_t{-3}},
                                {"f", 0.5f},
                                {"s", std::string("SAME")},
                                {"v", std::vector<int64_t>{1, -1}},
                                {"w", std::vector<float>{1, 2}}}}},
               .constants = {{"w", DataType::kInt8, {3}, "abc"}},
               .inputs = {{"x", DataType::kFloat, {{0, "batch"}, {7, ""}}}},
               .outputs = {{"y", DataType::kFloat, {}}}};
  file.operations[0].attributes.push_back(
      {"t", Tensor{"", DataType::kFloat, {}, std::string(4, '\0')}});
  return file;
}

TEST(FileTest, DecodesWhatItEncodes) {
  const File file = Small();
  const auto decoded = Decode(Encode(file));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->ir_version, 8);
  EXPECT_EQ(decoded->opset, 17);
  EXPECT_EQ(decoded->metadata, file.metadata);
  EXPECT_EQ(decoded->description, "d");
  ASSERT_EQ(decoded->operations.size(), 1);
  const Operation& operation = decoded->operations[0];
  EXPECT_THAT(operation.inputs, ElementsAre("x", "", "w"));
  ASSERT_EQ(operation.attributes.size(), 6);
  EXPECT_EQ(std::get<int64_t>(operation.attributes[0].value), -3);
  EXPECT_EQ(std::get<float>(operation.attributes[1].value), 0.5f);
  EXPECT_EQ(std::get<std::string>(operation.attributes[2].value), "SAME");
  EXPECT_THAT(std::get<std::vector<int64_t>>(operation.attributes[3].value),
              ElementsAre(1, -1));
  EXPECT_THAT(std::get<std::vector<float>>(operation.attributes[4].value),
              ElementsAre(1, 2));
  EXPECT_EQ(std::get<Tensor>(operation.attributes[5].value).num_elements(), 1);
  EXPECT_EQ(decoded->constants[0].data, "abc");
  EXPECT_EQ(decoded->inputs[0].dims[0].symbol, "batch");
  EXPECT_EQ(decoded->inputs[0].dims[1].size, 7);
  EXPECT_EQ(Encode(*decoded), Encode(file));
}

TEST(FileTest, SizeBoundHolds) {
  const File file = Small();
  EXPECT_GE(EncodedSizeBound(file), static_cast<int64_t>(Encode(file).size()));
}

// An operator set may come last, so that some beginnings are files as well.
TEST(FileTest, EveryTruncationIsRefusedOrWhole) {
  const std::string whole = Encode(Small());
  int accepted = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto decoded = Decode(absl::string_view(whole).substr(0, size));
    if (decoded.ok()) {
      ++accepted;
    } else {
      EXPECT_THAT(decoded, StatusIs(absl::StatusCode::kDataLoss));
    }
  }
  EXPECT_LE(accepted, 1);
}

// Puts one field into a graph with an operator, around a tensor.
std::string WithTensor(WireWriter tensor) {
  WireWriter node;
  node.Bytes(NodeField::kOpType, "Relu");
  WireWriter graph;
  graph.Bytes(GraphField::kNode, std::move(node).Take());
  graph.Bytes(GraphField::kInitializer, std::move(tensor).Take());
  WireWriter opset;
  opset.Int(OpsetField::kVersion, 17);
  WireWriter model;
  model.Int(ModelField::kIrVersion, 8);
  model.Bytes(ModelField::kGraph, std::move(graph).Take());
  model.Bytes(ModelField::kOpsetImport, std::move(opset).Take());
  return std::move(model).Take();
}

TEST(FileTest, TypedFieldsBecomeBytes) {
  WireWriter half;  // float16 1.0 and -2.0 lie in int32_data by their bits
  half.Int(TensorField::kDims, 2);
  half.Int(TensorField::kDataType, 10);
  half.Bytes(TensorField::kInt32Data,
             absl::string_view("\x80\x78\x80\x80\x03", 5));
  const auto decoded = Decode(WithTensor(std::move(half)));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->constants[0].data, std::string("\x00\x3c\x00\xc0", 4));
}

TEST(FileTest, DataMustFitTheShape) {
  WireWriter tensor;
  tensor.Int(TensorField::kDims, int64_t{1} << 40);
  tensor.Int(TensorField::kDataType, 1);
  EXPECT_THAT(Decode(WithTensor(std::move(tensor))),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("has a dimension of 1099511627776")));
  WireWriter other;
  other.Int(TensorField::kDims, 3);
  other.Int(TensorField::kDataType, 1);
  other.Bytes(TensorField::kRawData, "12345678");
  EXPECT_THAT(Decode(WithTensor(std::move(other))),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("has 8 bytes, expected 12")));
}

TEST(FileTest, OtherTypesAndExternalDataAreRefused) {
  WireWriter text;
  text.Int(TensorField::kDataType, 8);
  EXPECT_THAT(
      Decode(WithTensor(std::move(text))),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("data type 8")));
  WireWriter elsewhere;
  elsewhere.Int(TensorField::kDataLocation, 1);
  EXPECT_THAT(Decode(WithTensor(std::move(elsewhere))),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("lies in another file")));
}

TEST(FileTest, NonsenseIsNoFile) {
  for (absl::string_view bytes : {"", "\x08", "hello", "\xff\xff\xff\xff"}) {
    EXPECT_THAT(Decode(bytes), StatusIs(absl::StatusCode::kDataLoss));
  }
}

}  // namespace
}  // namespace shoal::learning::onnx
