#include "simulations/load/latencies.h"

#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

TEST(LatenciesTest, NothingHasNoLatency) {
  const Latencies latencies;
  EXPECT_EQ(latencies.count(), 0);
  EXPECT_EQ(latencies.Mean(), absl::ZeroDuration());
  EXPECT_EQ(latencies.max(), absl::ZeroDuration());
  EXPECT_EQ(latencies.Quantile(0.5), absl::ZeroDuration());
}

TEST(LatenciesTest, MeanAndLongestAreExact) {
  Latencies latencies;
  latencies.Add(absl::Milliseconds(1));
  latencies.Add(absl::Milliseconds(2));
  latencies.Add(absl::Milliseconds(6));
  EXPECT_EQ(latencies.count(), 3);
  EXPECT_EQ(latencies.Mean(), absl::Milliseconds(3));
  EXPECT_EQ(latencies.max(), absl::Milliseconds(6));
}

// 1, 2, …, 1000 ms: the fraction q of them does not exceed 1000 q ms.
TEST(LatenciesTest, QuantilesAreWithinHalfAPercent) {
  Latencies latencies;
  for (int i = 1000; i >= 1; --i) latencies.Add(absl::Milliseconds(i));
  for (const double q : {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = 1000 * q;
    EXPECT_NEAR(absl::ToDoubleMilliseconds(latencies.Quantile(q)), exact,
                0.0051 * exact)
        << q;
  }
}

TEST(LatenciesTest, QuantileDoesNotExceedTheLongest) {
  Latencies latencies;
  latencies.Add(absl::Microseconds(10'000));
  EXPECT_LE(latencies.Quantile(1), absl::Milliseconds(10));
}

TEST(LatenciesTest, SmallestAnswerOfManyIsTheOneThatEnoughDoNotExceed) {
  Latencies latencies;
  for (int i = 0; i < 99; ++i) latencies.Add(absl::Milliseconds(1));
  latencies.Add(absl::Seconds(1));
  EXPECT_LT(latencies.Quantile(0.99), absl::Milliseconds(1.01));
  EXPECT_GT(latencies.Quantile(0.991), absl::Milliseconds(990));
}

TEST(LatenciesTest, ExtremesCountAsTheNearestThatIsMeasured) {
  Latencies latencies;
  latencies.Add(-absl::Seconds(1));
  latencies.Add(absl::InfiniteDuration());
  EXPECT_EQ(latencies.count(), 2);
  EXPECT_LE(latencies.Quantile(0.5), absl::Microseconds(1.01));
  EXPECT_EQ(latencies.max(), absl::Hours(1));
  EXPECT_GT(latencies.Quantile(1), absl::Minutes(59));
}

}  // namespace
}  // namespace shoal::simulations
