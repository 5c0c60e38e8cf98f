#include "privacy/accounting/pld_accountant.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/accounting/epsilon.h"
#include "privacy/accounting/gaussian_mechanism.h"
#include "tests/privacy/accounting/small_events.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kAddRemove = Adjacency::kAddRemove;
constexpr auto kReplaceOne = Adjacency::kReplaceOne;

void ExpectTight(const absl::StatusOr<CertifiedBounds>& bounds, double truth,
                 double relative) {
  SHOAL_ASSERT_OK(bounds);
  EXPECT_LE(bounds->lower, truth * (1 + 1e-10));
  EXPECT_GE(bounds->upper, truth * (1 - 1e-10));
  EXPECT_LE(bounds->upper - bounds->lower, relative * truth);
}

TEST(PldAccountantTest, OneLaplaceHasItsClosedForm) {
  // delta = 1 - e^((epsilon - 1/b) / 2)
  const double truth = 2.0 + 2 * std::log1p(-1e-5);
  ExpectTight(PldEpsilon(*PrivacyEvent::Laplace(0.5), kAddRemove, 1e-5), truth,
              3e-5);
}

TEST(PldAccountantTest, OneSampledGaussianHasItsClosedForm) {
  // delta of epsilon = 0.5, sampling 0.1, noise 1; 50 digits.
  ExpectTight(PldEpsilon(SampledGaussian(0.1, 1, 1), kAddRemove,
                         0.0020325369203403576533),
              0.5, 3e-5);
}

TEST(PldAccountantTest, GaussiansOnAGridAgreeWithTheAnalyticOne) {
  // An atom at 0 changes nothing, but is no Gaussian.
  const PrivacyEvent event = PrivacyEvent::Compose(
      {*PrivacyEvent::Repeat(*PrivacyEvent::Gaussian(8), 16),
       *PrivacyEvent::EpsilonDelta(0, 0, kAddRemove)});
  for (const double delta : {1e-3, 1e-6, 1e-12, 1e-30, 1e-120}) {
    SCOPED_TRACE(delta);
    ExpectTight(PldEpsilon(event, kAddRemove, delta), GaussianEpsilon(2, delta),
                3e-5);
  }
}

TEST(PldAccountantTest, ReplacingCostsTwiceTheSensitivity) {
  const auto replace =
      PldEpsilon(*PrivacyEvent::Gaussian(2), kReplaceOne, 1e-5);
  const auto remove = PldEpsilon(*PrivacyEvent::Gaussian(1), kAddRemove, 1e-5);
  SHOAL_ASSERT_OK(replace);
  EXPECT_NEAR(replace->upper, remove->upper, 1e-12);
}

TEST(PldAccountantTest, SampledReplacementLiesBetweenOneAndTwoRemovals) {
  const auto one = PldEpsilon(SampledGaussian(0.01, 1, 1000), kAddRemove, 1e-5);
  const auto replace =
      PldEpsilon(SampledGaussian(0.01, 1, 1000), kReplaceOne, 1e-5);
  SHOAL_ASSERT_OK(replace);
  EXPECT_GT(replace->lower, one->upper);
  EXPECT_LT(replace->upper, 2 * one->lower);
  // A published implementation, whose grid of 1e-4 is a little higher.
  EXPECT_NEAR(replace->upper, 2.8434458, 3e-5 * 2.84);
  EXPECT_LE(replace->upper, 2.8434458130196942 * (1 + 2e-5));
}

TEST(PldAccountantTest, WorseDirectionCounts) {
  const PrivacyEvent event = SampledGaussian(0.01, 1, 100);
  const auto both = PldEpsilon(event, kAddRemove, 1e-5);
  const auto remove =
      PldEpsilonOf(LossDirection::kRemove, event, kAddRemove, 1e-5);
  const auto add = PldEpsilonOf(LossDirection::kAdd, event, kAddRemove, 1e-5);
  SHOAL_ASSERT_OK(both);
  EXPECT_LT(add->upper, remove->lower);
  EXPECT_NEAR(both->upper, remove->upper, 1e-12);
}

TEST(PldAccountantTest, RandomisedResponseIsCountedEveryTime) {
  // Two values: +1 and -1 times epsilon0; 100 of them are a walk. A count that
  // is dropped would give epsilon0 = 1.1.
  const PrivacyEvent one = *PrivacyEvent::RandomisedResponse(2, 0.5);
  const auto bounds =
      PldEpsilon(*PrivacyEvent::Repeat(one, 100), kReplaceOne, 1e-6);
  SHOAL_ASSERT_OK(bounds);
  double delta = 0;
  const double step = std::log(3.0);
  for (int k = 0; k <= 100; ++k) {
    const double loss = step * (2 * k - 100);
    if (loss <= bounds->upper) continue;
    delta +=
        std::exp(std::lgamma(101) - std::lgamma(k + 1) - std::lgamma(101 - k) +
                 k * std::log(0.75) + (100 - k) * std::log(0.25)) *
        -std::expm1(bounds->upper - loss);
  }
  EXPECT_LE(delta, 1e-6);
  EXPECT_NEAR(delta, 1e-6, 1e-9);
}

TEST(PldAccountantTest, StatedDeltasAddUp) {
  const PrivacyEvent one = *PrivacyEvent::EpsilonDelta(0, 1e-3, kAddRemove);
  const PrivacyEvent ten = *PrivacyEvent::Repeat(one, 10);
  const double total = 1 - std::pow(1 - 1e-3, 10);
  const auto enough = PldEpsilon(ten, kAddRemove, total * 1.001);
  SHOAL_ASSERT_OK(enough);
  EXPECT_EQ(enough->upper, 0);
  const auto too_little = PldEpsilon(ten, kAddRemove, total * 0.999);
  SHOAL_ASSERT_OK(too_little);
  EXPECT_EQ(too_little->upper, INFINITY);
}

TEST(PldAccountantTest, MoreStepsAndMoreSamplingAndLessNoiseCostMore) {
  double before = 0;
  for (const int64_t steps : {1, 10, 100, 1000}) {
    const auto bounds =
        PldEpsilon(SampledGaussian(0.02, 1.5, steps), kAddRemove, 1e-6);
    EXPECT_GT(bounds->lower, before);
    before = bounds->upper;
  }
  const auto more =
      PldEpsilon(SampledGaussian(0.03, 1.5, 1000), kAddRemove, 1e-6);
  EXPECT_GT(more->lower, before);
  const auto less =
      PldEpsilon(SampledGaussian(0.03, 1.4, 1000), kAddRemove, 1e-6);
  EXPECT_GT(less->lower, more->upper);
}

TEST(PldAccountantTest, NothingReleasedCostsNothing) {
  const auto bounds = PldEpsilon(PrivacyEvent::Compose({}), kAddRemove, 1e-6);
  SHOAL_ASSERT_OK(bounds);
  EXPECT_EQ(bounds->upper, 0);
}

TEST(PldAccountantTest, WhatItCannotDoItSays) {
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  FixedSizeDraw draw(1000, 10);
  SHOAL_ASSERT_OK(draw.Release(*PrivacyEvent::Gaussian(1)));
  EXPECT_THAT(PldEpsilon(*std::move(draw).Finish(), kReplaceOne, 1e-6),
              StatusIs(unimplemented, HasSubstr("rdp")));
  EXPECT_THAT(PldEpsilon(*PrivacyEvent::DiscreteGaussian(
                             {.sigma = 10, .bound = 1, .num_coordinates = 5}),
                         kAddRemove, 1e-6),
              StatusIs(unimplemented, HasSubstr("5 coordinates")));
  EXPECT_THAT(
      PldEpsilon(Sampled(0.1, *PrivacyEvent::Laplace(1)), kReplaceOne, 1e-6),
      StatusIs(unimplemented, HasSubstr("add_remove")));
  EXPECT_THAT(PldEpsilon(*PrivacyEvent::Skellam({50, 3, 8}), kAddRemove, 1e-6),
              StatusIs(unimplemented, HasSubstr("account for it with rdp")));
  EXPECT_THAT(PldEpsilon(SampledGaussian(0.5, 0.01, 1), kAddRemove, 1e-6),
              StatusIs(unimplemented, HasSubstr("loses up to")));
}

TEST(PldAccountantTest, DeltaMustBeAProbability) {
  for (const double delta : {0.0, 1.0, -1.0, std::nan("")}) {
    EXPECT_THAT(
        PldEpsilon(*PrivacyEvent::Gaussian(1), kAddRemove, delta),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("delta is")));
  }
}

TEST(EpsilonTest, BothAccountantsAnswer) {
  const PrivacyEvent event = SampledGaussian(0.01, 1, 1000);
  EpsilonQuery query = {{PrivacyUnit::kDevice, kAddRemove}, 1e-5};
  const auto pld = Epsilon(event, query);
  query.accountant = Accountant::kRdp;
  const auto rdp = Epsilon(event, query);
  EXPECT_NEAR(pld->upper, 1.82824, 1e-4);
  EXPECT_NEAR(rdp->upper, 2.10136, 1e-4);
  EXPECT_EQ(rdp->lower, 0);
}

}  // namespace
}  // namespace shoal::privacy
