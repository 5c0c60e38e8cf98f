#include "learning/onnx/export_model.h"

#include <algorithm>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learning/onnx/read_onnx.h"
#include "learning/transfer_values.h"
#include "tests/learning/onnx/onnx_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;

constexpr OnnxWeights kAllWeights[] = {
    OnnxWeights::kFloat32, OnnxWeights::kFloat16, OnnxWeights::kInt8};

ModelSpec Mlp() { return {MlpSpec{6, {5}, 3}}; }

int64_t Zeros(const ParameterVector& values) {
  return std::count(values.begin(), values.end(), 0.0f);
}

// Whatever the file holds comes back into the model that it was made of.
TEST(ExportModelTest, AfterIsWhatTheFilePredictsWith) {
  for (const NamedModel& named : EveryExport()) {
    const auto model = MakeModel(named.spec);
    const ParameterVector values = ExportValues(*model, 1);
    for (const OnnxWeights weights : kAllWeights) {
      const auto exported =
          ExportModel(*model, values,
                      {.onnx = {.weights = weights}, .pruned_fraction = 0.25});
      ASSERT_THAT(exported, IsOk()) << named.name;
      EXPECT_EQ(exported->before, values) << named.name;
      const auto read = ReadOnnx(exported->file);
      ASSERT_THAT(read, IsOk()) << named.name;
      const auto again = MakeModel(read->spec);
      EXPECT_THAT(TransferValues(*again, read->values, *model),
                  IsOkAndHolds(exported->after))
          << named.name;
    }
  }
}

TEST(ExportModelTest, PrunesTheSmallestWeightsAndNoBiases) {
  const auto model = MakeModel(Mlp());
  const ParameterVector values = ExportValues(*model, 1);
  ASSERT_EQ(Zeros(values), 0);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const ExportedModel exported,
      ExportModel(*model, values, {.pruned_fraction = 0.6}));
  // 6 * 5 + 5 * 3 weights.
  EXPECT_EQ(Zeros(exported.after), 27);
  float largest_pruned = 0;
  float smallest_kept = 1e9f;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool is_bias = (i >= 30 && i < 35) || i >= 50;
    if (is_bias) {
      EXPECT_EQ(exported.after[i], values[i]);
    } else if (exported.after[i] == 0) {
      largest_pruned = std::max(largest_pruned, std::abs(values[i]));
    } else {
      smallest_kept = std::min(smallest_kept, std::abs(values[i]));
    }
  }
  EXPECT_LE(largest_pruned, smallest_kept);
}

TEST(ExportModelTest, SizesAreThoseOfTheValuesInTheFile) {
  const auto model = MakeModel(Mlp());
  const ParameterVector values = ExportValues(*model, 1);
  constexpr int64_t kDense[] = {(45 + 8) * 4, 45 * 2 + 8 * 4,
                                45 + 8 * 4 + 8 * 4};
  for (int i = 0; i < 3; ++i) {
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const ExportedModel exported,
        ExportModel(*model, values, {.onnx = {.weights = kAllWeights[i]}}));
    EXPECT_EQ(exported.size_before.dense, (45 + 8) * 4);
    EXPECT_EQ(exported.size_after.dense, kDense[i]);
    EXPECT_GT(static_cast<int64_t>(exported.file.size()), kDense[i]);
  }
}

TEST(ExportModelTest, ZerosMakeTheSparseSizeSmallerAlone) {
  const auto model = MakeModel(Mlp());
  const ParameterVector values = ExportValues(*model, 1);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const ExportedModel exported,
      ExportModel(*model, values, {.pruned_fraction = 0.6}));
  EXPECT_EQ(exported.size_after.dense, exported.size_before.dense);
  // Bitmaps of 30 and 15 weights, and what is left of them.
  EXPECT_EQ(exported.size_after.sparse, 4 + 2 + (45 - 27) * 4 + 8 * 4);
}

TEST(ExportModelTest, OptionsOutOfRangeAreRefused) {
  const auto model = MakeModel(Mlp());
  const ParameterVector values = ExportValues(*model, 1);
  EXPECT_THAT(ExportModel(*model, values, {.pruned_fraction = 1}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ExportModel(*model, values, {.onnx = {.opset = 1}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace shoal::learning
