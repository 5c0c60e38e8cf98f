#include "learning/layers/dropout.h"

#include <algorithm>
#include <cmath>
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
using ::testing::Each;
using ::testing::HasSubstr;

std::unique_ptr<Layer> Dropout(double rate, const Shape& input) {
  auto layer = MakeDropout({.rate = rate}, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

LayerRun Ones(int64_t size, uint64_t seed) {
  return {.rows = 1,
          .x = std::vector<float>(size, 1.0f),
          .dy = std::vector<float>(size, 1.0f),
          .seed = seed};
}

TEST(DropoutTest, DropsTheShareAskedForAndScalesTheRest) {
  constexpr int64_t kSize = 40000;
  for (const double rate : {0.1, 0.5, 0.8}) {
    const auto layer = Dropout(rate, Shape({kSize}));
    const std::vector<float> y = RunLayer(*layer, Ones(kSize, 1)).y;
    int64_t dropped = 0;
    for (float value : y) {
      if (value == 0) {
        ++dropped;
      } else {
        EXPECT_FLOAT_EQ(value, 1 / (1 - rate));
      }
    }
    // Six standard deviations; the seed is fixed.
    EXPECT_NEAR(dropped, kSize * rate,
                6 * std::sqrt(kSize * rate * (1 - rate)));
  }
}

TEST(DropoutTest, DropsNeighboursIndependently) {
  constexpr int64_t kSize = 40000;
  const std::vector<float> y =
      RunLayer(*Dropout(0.5, Shape({kSize})), Ones(kSize, 1)).y;
  // Pairs that share a hash, and pairs that do not.
  for (const int64_t first : {0, 1}) {
    int64_t both = 0, pairs = 0;
    for (int64_t i = first; i + 1 < kSize; i += 2, ++pairs) {
      both += y[i] == 0 && y[i + 1] == 0;
    }
    EXPECT_NEAR(both, pairs / 4.0, 6 * std::sqrt(pairs * 0.25 * 0.75));
  }
}

TEST(DropoutTest, GradientPassesWhereTheValueDid) {
  const auto layer = Dropout(0.4, Shape({101}));
  const LayerResult result = RunLayer(*layer, Ones(101, 3));
  EXPECT_EQ(result.y, result.dx);
}

TEST(DropoutTest, SeedDecidesWhatIsDropped) {
  const auto layer = Dropout(0.5, Shape({100}));
  const std::vector<float> y = RunLayer(*layer, Ones(100, 1)).y;
  EXPECT_EQ(RunLayer(*layer, Ones(100, 1)).y, y);
  EXPECT_NE(RunLayer(*layer, Ones(100, 2)).y, y);
}

// An odd number of values, so that examples do not share a hash.
TEST(DropoutTest, PartsOfABatchDropWhatTheWholeDoes) {
  constexpr int64_t kSize = 101;
  constexpr int64_t kRows = 5;
  const auto layer = Dropout(0.5, Shape({kSize}));
  LayerRun whole = Ones(kRows * kSize, 1);
  whole.rows = kRows;
  const LayerResult expected = RunLayer(*layer, whole);
  std::vector<float> y, dx;
  for (int64_t first = 0; first < kRows; first += 2) {
    const int64_t rows = std::min<int64_t>(2, kRows - first);
    LayerRun part = Ones(rows * kSize, 1);
    part.rows = rows;
    part.first_row = first;
    const LayerResult result = RunLayer(*layer, part);
    y.insert(y.end(), result.y.begin(), result.y.end());
    dx.insert(dx.end(), result.dx.begin(), result.dx.end());
  }
  EXPECT_EQ(y, expected.y);
  EXPECT_EQ(dx, expected.dx);
}

TEST(DropoutTest, DropsOtherValuesOfEveryExample) {
  constexpr int64_t kSize = 100;
  LayerRun run = Ones(2 * kSize, 1);
  run.rows = 2;
  const std::vector<float> y = RunLayer(*Dropout(0.5, Shape({kSize})), run).y;
  EXPECT_FALSE(std::equal(y.begin(), y.begin() + kSize, y.begin() + kSize));
}

TEST(DropoutTest, PredictionIsTheIdentity) {
  LayerRun run = {.kind = PassKind::kPredict, .rows = 3};
  run.x = RandomValues(1, 3 * 20);
  for (const bool in_place : {false, true}) {
    run.in_place = in_place;
    EXPECT_EQ(RunLayer(*Dropout(0.5, Shape({4, 5})), run).y, run.x);
  }
}

TEST(DropoutTest, RateZeroDropsNothing) {
  EXPECT_THAT(RunLayer(*Dropout(0, Shape({1000})), Ones(1000, 1)).y, Each(1));
}

TEST(DropoutTest, AgreesWithFiniteDifferences) {
  CheckLayer(*Dropout(0.3, Shape({5, 5})), {.predicts_alike = false});
}

TEST(DropoutTest, RefusesRatesThatAreNone) {
  for (const double rate :
       {-0.1, 1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(MakeDropout({.rate = rate}, Shape({3})),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected at least 0 and less than 1")));
  }
}

}  // namespace
}  // namespace shoal::learning
