#include "learning/layers/layer_norm.h"

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

std::unique_ptr<Layer> LayerNorm(const Shape& input, double epsilon = 1e-5) {
  auto layer = MakeLayerNorm({.epsilon = epsilon}, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(LayerNormTest, NormalisesEveryPositionThenScalesAndShifts) {
  // [1 3]: mean 2, variance 1; [10 30]: mean 20, variance 100; each gives
  // [-1 1], which becomes [-2 + 5, 3 + 7].
  const auto layer = LayerNorm(Shape({2, 2}), 1e-12);
  const LayerResult result =
      RunLayer(*layer, {.x = {1, 3, 10, 30}, .parameters = {2, 3, 5, 7}});
  EXPECT_THAT(result.y, ElementsAre(3, 10, 3, 10));
}

TEST(LayerNormTest, GradientsAreAsComputedByHand) {
  // x = [1 3 1 3] has xhat = [-1 1 -1 1] and deviation 1. With scale 2 and
  // dy = [4 2 0 0]: g = scale dy = [8 4 0 0], mean(g) = 3, mean(g xhat) = -1,
  // dx = g - 3 + xhat = [4 2 -4 -2]. The scale's gradient is dy xhat.
  const auto layer = LayerNorm(Shape({4}), 1e-12);
  const LayerResult result = RunLayer(*layer, {.x = {1, 3, 1, 3},
                                               .parameters = {2, 2, 2, 2,  //
                                                              1, 1, 1, 1},
                                               .dy = {4, 2, 0, 0}});
  EXPECT_THAT(result.dx, ElementsAre(4, 2, -4, -2));
  EXPECT_THAT(result.gradient, ElementsAre(-4, 2, 0, 0, 4, 2, 0, 0));
}

TEST(LayerNormTest, EqualValuesBecomeTheShift) {
  const auto layer = LayerNorm(Shape({3}));
  const LayerResult result =
      RunLayer(*layer, {.x = {7, 7, 7}, .parameters = {2, 2, 2, 1, 2, 3}});
  EXPECT_THAT(result.y, ElementsAre(1, 2, 3));
}

TEST(LayerNormTest, ALargeMeanDoesNotDrownTheVariance) {
  const auto layer = LayerNorm(Shape({4}), 1e-12);
  const LayerResult result =
      RunLayer(*layer, {.x = {65535, 65537, 65535, 65537},
                        .parameters = {2, 2, 2, 2, 1, 1, 1, 1}});
  EXPECT_THAT(result.y, ElementsAre(-1, 3, -1, 3));
}

TEST(LayerNormTest, AgreesWithFiniteDifferences) {
  CheckLayer(*LayerNorm(Shape({5})), {.rows = 1});
  CheckLayer(*LayerNorm(Shape({33})), {.rows = 4});
  CheckLayer(*LayerNorm(Shape({6, 7})), {.rows = 3});
  CheckLayer(*LayerNorm(Shape({3, 4, 16})), {.rows = 2});
}

TEST(LayerNormTest, KeepsNothingForTheWayBack) {
  EXPECT_EQ(LayerNorm(Shape({6, 7}))->Memory(PassKind::kTrain, 3).saved, 0);
}

TEST(LayerNormTest, RefusesAnEpsilonThatDoesNotProtect) {
  for (double epsilon :
       {0.0, -1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(MakeLayerNorm({.epsilon = epsilon}, Shape({4})),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 1e-12 to 1")));
  }
}

}  // namespace
}  // namespace shoal::learning
