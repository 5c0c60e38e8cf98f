#include "learning/layers/batch_norm.h"

#include <limits>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Layer> BatchNorm(const Shape& input, BatchNormSpec spec = {},
                                 bool frozen = false) {
  auto layer = MakeBatchNorm(spec, input, frozen);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(BatchNormTest, TrainingUsesTheStatisticsOfTheBatch) {
  // Channel one: 1 3 1 3 over two examples of two positions; channel two:
  // 0 0 20 20.
  const auto layer = BatchNorm(Shape({2, 2}), {.epsilon = 1e-12});
  const LayerResult result =
      RunLayer(*layer, {.rows = 2,
                        .x = {1, 0, 3, 0, 1, 20, 3, 20},
                        .parameters = {1, 2, 0, 5, 70, 80, 90, 100}});
  EXPECT_THAT(result.y, ElementsAre(-1, 3, 1, 3, -1, 7, 1, 7));
}

TEST(BatchNormTest, TrainingMovesTheRunningStatistics) {
  // 1 3 1 3: mean 2, biased variance 1, unbiased 4/3. A quarter of the way:
  // mean 10 + (2 - 10) / 4 = 8, variance 12 + (4/3 - 12) / 4 = 28/3.
  const auto layer = BatchNorm(Shape({1}), {.momentum = 0.25});
  for (PassKind kind : {PassKind::kTrain, PassKind::kTrainLean}) {
    const LayerResult result = RunLayer(*layer, {.kind = kind,
                                                 .rows = 4,
                                                 .x = {1, 3, 1, 3},
                                                 .parameters = {6, 7, 10, 12},
                                                 .moves_statistics = true});
    EXPECT_THAT(result.parameters,
                ElementsAre(6, 7, 8, ::testing::FloatEq(28.0f / 3)));
  }
}

TEST(BatchNormTest, AnEqualBatchLeavesEqualStatistics) {
  const auto layer = BatchNorm(Shape({1}), {.momentum = 1});
  const LayerResult result = RunLayer(*layer, {.rows = 3,
                                               .x = {5, 5, 5},
                                               .parameters = {1, 0, 0, 1},
                                               .moves_statistics = true});
  EXPECT_THAT(result.y, ElementsAre(0, 0, 0));
  EXPECT_THAT(result.parameters, ElementsAre(1, 0, 5, 0));
}

TEST(BatchNormTest, ASingleValueHasNoVarianceToLearn) {
  const auto layer = BatchNorm(Shape({1}), {.momentum = 0.5});
  const LayerResult result = RunLayer(*layer, {.rows = 1,
                                               .x = {8},
                                               .parameters = {3, 4, 0, 2},
                                               .moves_statistics = true});
  EXPECT_THAT(result.y, ElementsAre(4));
  EXPECT_THAT(result.parameters, ElementsAre(3, 4, 4, 2));
}

TEST(BatchNormTest, PredictionUsesTheRunningStatistics) {
  // (x - 10) / sqrt(4) * 6 + 7.
  const auto layer = BatchNorm(Shape({1}), {.epsilon = 1e-12});
  for (bool in_place : {false, true}) {
    const LayerResult result = RunLayer(*layer, {.kind = PassKind::kPredict,
                                                 .rows = 2,
                                                 .x = {10, 14},
                                                 .parameters = {6, 7, 10, 4},
                                                 .in_place = in_place});
    EXPECT_THAT(result.y, ElementsAre(7, 19));
  }
}

// (x - 10) / sqrt(4) * 6 + 7, and dx = dy / sqrt(4) * 6.
TEST(BatchNormTest, FrozenUsesTheStoredStatisticsInTraining) {
  const auto layer = BatchNorm(Shape({1}), {.epsilon = 1e-12}, true);
  const LayerResult result = RunLayer(*layer, {.rows = 2,
                                               .x = {10, 14},
                                               .parameters = {6, 7, 10, 4},
                                               .dy = {1, -2},
                                               .moves_statistics = true});
  EXPECT_THAT(result.y, ElementsAre(7, 19));
  EXPECT_THAT(result.dx, ElementsAre(3, -6));
  EXPECT_THAT(result.parameters, ElementsAre(6, 7, 10, 4));
}

TEST(BatchNormTest, FrozenAgreesWithFiniteDifferencesAndWithPrediction) {
  CheckLayer(*BatchNorm(Shape({5}), {}, true));
  CheckLayer(*BatchNorm(Shape({2, 3, 4}), {}, true));
  EXPECT_FALSE(BatchNorm(Shape({5}), {}, true)->trainable());
}

TEST(BatchNormTest, AgreesWithFiniteDifferences) {
  const LayerCheck check = {.rows = 4, .predicts_alike = false};
  CheckLayer(*BatchNorm(Shape({5})), check);
  CheckLayer(*BatchNorm(Shape({3, 17})), check);
  CheckLayer(*BatchNorm(Shape({2, 3, 4})), check);
  CheckLayer(*BatchNorm(Shape({6, 2})), {.rows = 1, .predicts_alike = false});
}

TEST(BatchNormTest, TrainsScaleAndShiftOnly) {
  const auto layer = BatchNorm(Shape({2}));
  ASSERT_EQ(layer->tensors().size(), 4u);
  EXPECT_TRUE(layer->tensors()[0].trainable);
  EXPECT_TRUE(layer->tensors()[1].trainable);
  EXPECT_FALSE(layer->tensors()[2].trainable);
  EXPECT_FALSE(layer->tensors()[3].trainable);
  std::vector<float> parameters(layer->num_parameters());
  SeededRng rng(1);
  layer->Initialise(rng, absl::MakeSpan(parameters));
  EXPECT_THAT(parameters, ElementsAre(1, 1, 0, 0, 0, 0, 1, 1));
}

TEST(BatchNormTest, RefusesWhatIsOutOfRange) {
  for (double momentum :
       {0.0, -0.5, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(MakeBatchNorm({.momentum = momentum}, Shape({4}), false),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("momentum is ")));
  }
  EXPECT_THAT(
      MakeBatchNorm({.epsilon = 0}, Shape({4}), false),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("epsilon is 0")));
}

}  // namespace
}  // namespace shoal::learning
