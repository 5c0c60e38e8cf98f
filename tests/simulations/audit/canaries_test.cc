#include "simulations/audit/canaries.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "tests/simulations/crowd.h"

namespace shoal::simulations {
namespace {

constexpr CanaryOptions kOptions = {
    .count = 200, .num_parameters = 1000, .norm = 3, .seed = 4};

std::vector<float> UpdateOf(const Canaries& canaries, int64_t canary) {
  std::vector<float> update(kOptions.num_parameters);
  canaries.Write(canary, absl::MakeSpan(update));
  return update;
}

double Length(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return std::sqrt(sum);
}

std::vector<double> Doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

TEST(CanariesTest, OneThatIsInSendsItsDirectionAsLongAsTheClipNorm) {
  const Canaries canaries(kOptions);
  for (int64_t i = 0; i < canaries.count(); ++i) {
    const std::vector<float> update = UpdateOf(canaries, i);
    EXPECT_NEAR(Length(update), canaries.is_in(i) ? 3 : 0, 1e-5) << i;
    EXPECT_NEAR(canaries.Along(i, Doubles(update)), Length(update), 1e-5) << i;
  }
}

TEST(CanariesTest, WhereOneDeviceIsReplacedOneThatIsHeldOutSendsTheOpposite) {
  CanaryOptions options = kOptions;
  options.adjacency = privacy::Adjacency::kReplaceOne;
  const Canaries canaries(options);
  for (int64_t i = 0; i < canaries.count(); ++i) {
    const std::vector<float> update = UpdateOf(canaries, i);
    EXPECT_NEAR(canaries.Along(i, Doubles(update)), canaries.is_in(i) ? 3 : -3,
                1e-5)
        << i;
  }
}

// Inner products of two have a deviation of 1/√1000: none of 19'900 is beyond
// six of them but with a probability below 5e-5, and the seed is fixed.
TEST(CanariesTest, DirectionsAreNearlyAtRightAngles) {
  CanaryOptions options = kOptions;
  options.adjacency = privacy::Adjacency::kReplaceOne;
  options.norm = 1;
  const Canaries canaries(options);
  for (int64_t i = 0; i < canaries.count(); ++i) {
    const std::vector<double> update = Doubles(UpdateOf(canaries, i));
    for (int64_t j = 0; j < i; ++j) {
      EXPECT_LT(std::abs(canaries.Along(j, update)), 6 / std::sqrt(1000.0));
    }
  }
}

// 200 fair coins: 100 heads, give or take five deviations of 7.
TEST(CanariesTest, AboutHalfAreInAndTheSeedSaysWhich) {
  const Canaries canaries(kOptions);
  CanaryOptions options = kOptions;
  options.seed = 5;
  const Canaries others(options);
  int in = 0;
  int alike = 0;
  for (int64_t i = 0; i < canaries.count(); ++i) {
    in += canaries.is_in(i) ? 1 : 0;
    alike += canaries.is_in(i) == others.is_in(i) ? 1 : 0;
  }
  EXPECT_NEAR(in, 100, 35);
  EXPECT_NEAR(alike, 100, 35);
}

TEST(FleetWithCanariesTest, CanariesAreBehindTheDevicesAndLikeThem) {
  Crowd crowd(10);
  crowd.is_slow_ = true;
  crowd.away_ = {3};
  const FleetWithCanaries fleet(crowd, 15);
  EXPECT_EQ(fleet.num_devices(), 25);
  EXPECT_FALSE(fleet.is_canary(9));
  EXPECT_TRUE(fleet.is_canary(10));
  EXPECT_EQ(fleet.canary(24), 14);
  const absl::Time now = absl::UnixEpoch();
  for (int64_t device = 10; device < 25; ++device) {
    const int64_t like = device % 10;
    EXPECT_EQ(fleet.num_examples(device), crowd.num_examples(like));
    EXPECT_EQ(fleet.TraitsOf(device).compute.flops_per_second,
              crowd.TraitsOf(like).compute.flops_per_second);
    EXPECT_EQ(fleet.AvailableUntil(device, now),
              crowd.AvailableUntil(like, now));
  }
}

}  // namespace
}  // namespace shoal::simulations
