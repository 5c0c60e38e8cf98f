#include "aggregation/staleness.h"

#include <cmath>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"

namespace shoal::aggregation {
namespace {

TEST(StalenessTest, WeightIsAPowerOfOneMoreThanTheVersionsBehind) {
  EXPECT_EQ(StalenessWeight(0, 0.5), kFreshWeight);
  EXPECT_EQ(StalenessWeight(3, 0.5), kFreshWeight / 2);
  EXPECT_EQ(StalenessWeight(3, 1), kFreshWeight / 4);
  EXPECT_EQ(StalenessWeight(1000, 0), kFreshWeight);
  EXPECT_NEAR(StalenessWeight(1, 0.5), kFreshWeight / std::sqrt(2.0), 0.5);
}

TEST(StalenessTest, NoUpdateWeighsNothing) {
  EXPECT_EQ(StalenessWeight(1'000'000, 10), 1);
}

TEST(StalenessTest, BufferIsDividedByItsSize) {
  const std::vector<float> one = {1, -2};
  const std::vector<float> other = {3, 8};
  Accumulator sum(
      {.norm_bound = 10, .max_weight = kFreshWeight, .max_updates = 2},
      /*num_parameters=*/2);
  const learning::UpdateReport report = {.num_examples = 1};
  sum.Add({{one, StalenessWeight(0, 0.5), report},
           {other, StalenessWeight(3, 0.5), report}},
          nullptr);
  std::vector<double> mean(2);
  sum.Mean(absl::MakeSpan(mean));
  const double weight = MeanStalenessWeight(sum.totals());
  EXPECT_EQ(weight, 0.75);
  EXPECT_NEAR(mean[0] * weight, (1 + 3 / 2.0) / 2, 1e-12);
  EXPECT_NEAR(mean[1] * weight, (-2 + 8 / 2.0) / 2, 1e-12);
}

}  // namespace
}  // namespace shoal::aggregation
