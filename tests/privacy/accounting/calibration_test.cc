#include "privacy/accounting/calibration.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/accounting/gaussian_mechanism.h"
#include "tests/privacy/accounting/small_events.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr Neighbours kNeighbours = {PrivacyUnit::kDevice,
                                    Adjacency::kAddRemove};

TEST(CalibrationTest, NoiseOfOneGaussianIsTheAnalyticOne) {
  for (const double epsilon : {1e-9, 0.01, 1.0, 30.0}) {
    const auto found =
        CalibrateNoise(PrivacyEvent::Gaussian, {kNeighbours, 1e-6}, epsilon);
    SHOAL_ASSERT_OK(found);
    const double exact = GaussianSigma(epsilon, 1e-6);
    EXPECT_GE(found->noise_multiplier, exact * (1 - 1e-11));
    EXPECT_LE(found->noise_multiplier, exact * (1 + 1.1e-6));
    EXPECT_LE(found->epsilon.upper, epsilon);
  }
}

TEST(CalibrationTest, NoiseForRenyiAccountingIsMore) {
  const auto event = [](double noise) -> absl::StatusOr<PrivacyEvent> {
    return SampledGaussian(0.02, noise, 300);
  };
  EpsilonQuery query = {kNeighbours, 1e-5};
  const auto pld = CalibrateNoise(event, query, 2);
  query.accountant = Accountant::kRdp;
  const auto rdp = CalibrateNoise(event, query, 2);
  SHOAL_ASSERT_OK(pld);
  SHOAL_ASSERT_OK(rdp);
  EXPECT_LE(pld->epsilon.upper, 2);
  EXPECT_GT(pld->epsilon.lower, 2 * (1 - 5e-5));
  EXPECT_LE(rdp->epsilon.upper, 2);
  EXPECT_GT(rdp->noise_multiplier, 1.05 * pld->noise_multiplier);
}

TEST(CalibrationTest, RoundsAreTheMostThatFit) {
  const auto event = [](int64_t rounds) -> absl::StatusOr<PrivacyEvent> {
    return SampledGaussian(0.05, 2, rounds);
  };
  const EpsilonQuery query = {kNeighbours, 1e-5};
  const auto found = CalibrateRounds(event, query, 1, 100000);
  SHOAL_ASSERT_OK(found);
  EXPECT_LE(found->epsilon.upper, 1);
  const auto one_more = Epsilon(*event(found->rounds + 1), query);
  EXPECT_GT(one_more->upper, 1);
  EXPECT_EQ(CalibrateRounds(event, query, 1, 5)->rounds, 5);
}

TEST(CalibrationTest, NoRoundsFitATinyBudget) {
  const auto found = CalibrateRounds(
      [](int64_t rounds) {
        return PrivacyEvent::Repeat(*PrivacyEvent::Gaussian(1), rounds);
      },
      {kNeighbours, 1e-5}, 0.1, 100);
  SHOAL_ASSERT_OK(found);
  EXPECT_EQ(found->rounds, 0);
}

TEST(CalibrationTest, ImpossibleTargetsAreRefused) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(CalibrateNoise(PrivacyEvent::Gaussian, {kNeighbours, 1e-6}, 0),
              StatusIs(invalid, HasSubstr("target epsilon is 0")));
  const auto stated = [](double noise) {
    return PrivacyEvent::EpsilonDelta(2, 0, Adjacency::kAddRemove);
  };
  EXPECT_THAT(CalibrateNoise(stated, {kNeighbours, 1e-6}, 1),
              StatusIs(invalid, HasSubstr("no noise multiplier")));
}

}  // namespace
}  // namespace shoal::privacy
