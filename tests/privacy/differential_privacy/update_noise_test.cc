#include "privacy/differential_privacy/update_noise.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/differential_privacy/clipping.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr int64_t kLength = 20'000;

TEST(UpdateNoiseTest, ClipsAndAddsAsMuchAsItSays) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const UpdateNoise noise,
                             UpdateNoise::Create(2, kLength, 0.25));
  // Of norm 200, all of it in one direction.
  std::vector<float> values(kLength, 200 / std::sqrt(float{kLength}));
  InsecureSeededRng rng(7);
  noise.Apply(absl::MakeSpan(values), rng);
  double sum = 0;
  double squares = 0;
  for (const float value : values) sum += value;
  const double mean = sum / kLength;
  for (const float value : values) squares += (value - mean) * (value - mean);
  // A mean is off by more than 5.5 deviations once in 26 million runs; so is
  // the variance, whose deviation is sqrt(2 / length) of it.
  constexpr double kStddev = 0.25 * 2;
  constexpr double kDeviations = 5.5;
  EXPECT_NEAR(mean, 2 / std::sqrt(double{kLength}),
              kDeviations * kStddev / std::sqrt(double{kLength}));
  EXPECT_NEAR(squares / kLength / (kStddev * kStddev), 1,
              kDeviations * std::sqrt(2.0 / kLength) + 1e-4);
}

TEST(UpdateNoiseTest, WhatIsNotFiniteIsZerosUnderTheSameNoise) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const UpdateNoise noise,
                             UpdateNoise::Create(1, kLength, 1));
  std::vector<float> broken(kLength, 1.0f);
  broken[17] = std::numeric_limits<float>::quiet_NaN();
  InsecureSeededRng rng(3);
  noise.Apply(absl::MakeSpan(broken), rng);
  double squares = 0;
  double sum = 0;
  for (const float value : broken) {
    sum += value;
    squares += double{value} * value;
  }
  EXPECT_NEAR(sum / kLength, 0, 5.5 / std::sqrt(double{kLength}));
  EXPECT_NEAR(squares / kLength, 1, 5.5 * std::sqrt(2.0 / kLength));
}

TEST(UpdateNoiseTest, NoiseIsNewEachTime) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const UpdateNoise noise,
                             UpdateNoise::Create(1, 100, 1));
  InsecureSeededRng rng(3);
  std::vector<float> one(100);
  std::vector<float> other(100);
  noise.Apply(absl::MakeSpan(one), rng);
  noise.Apply(absl::MakeSpan(other), rng);
  EXPECT_NE(one, other);
}

TEST(UpdateNoiseTest, NoNormIsAboveTheBound) {
  for (const int64_t length : {1, 10, 1000}) {
    for (const double multiplier : {0.01, 1.0, 30.0}) {
      SHOAL_ASSERT_OK_AND_ASSIGN(const UpdateNoise noise,
                                 UpdateNoise::Create(0.5, length, multiplier));
      InsecureSeededRng rng(11);
      double largest = 0;
      for (int i = 0; i < 300; ++i) {
        std::vector<float> values(length, 1.0f);
        noise.Apply(absl::MakeSpan(values), rng);
        largest = std::max(largest, NormL2(values));
      }
      EXPECT_LE(largest, noise.NormBound()) << length << " " << multiplier;
      // Not any bound will do.
      EXPECT_GT(largest, noise.NormBound() / 12) << length << " " << multiplier;
    }
  }
}

TEST(UpdateNoiseTest, WhatSamplersDoNotDrawIsRefused) {
  EXPECT_THAT(UpdateNoise::Create(1, 100, 1e-7),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("steps of the grid")));
  EXPECT_THAT(UpdateNoise::Create(1, 100, -1),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(UpdateNoise::Create(1, 0, 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(UpdateNoiseTest, WorkingBytesGrowWithTheNoise) {
  EXPECT_EQ(UpdateNoise::Create(1, 1000, 1)->WorkingBytes(), 4000);
  EXPECT_EQ(UpdateNoise::Create(1, 1000, 999)->WorkingBytes(), 8000);
}

}  // namespace
}  // namespace shoal::privacy
