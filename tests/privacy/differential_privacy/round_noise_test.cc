#include "privacy/differential_privacy/round_noise.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/accounting/epsilon.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kLength = 20'000;
const IntegerGrid kGrid{kLength, 0x1p26};

RoundNoiseOptions Fresh(int64_t separation) {
  return {.kind = FreshNoise{},
          .participation = {12, separation, 12},
          .noise_multiplier = 2,
          .clip_norm = 1};
}

RoundNoiseOptions Banded() {
  return {.kind = NoiseMatrix(BandedMatrix{{1, 0.5, 0.375}}),
          .participation = {6, 3, 2},
          .noise_multiplier = 2,
          .clip_norm = 1};
}

// Of the values over the bound.
double Spread(const std::vector<int64_t>& values) {
  double squares = 0;
  for (const int64_t value : values) {
    squares += std::pow(static_cast<double>(value) / kGrid.bound, 2);
  }
  return std::sqrt(squares / static_cast<double>(values.size()));
}

TEST(RoundNoiseTest, AChargeOfFreshNoiseIsForTheRoundsOfASeparation) {
  const RoundNoiseOptions options = Fresh(3);
  EXPECT_EQ(RoundsPerCharge(options), 3);
  InsecureSeededRng rng(1);
  auto noise = RoundNoise::Create(options, kGrid, "", rng);
  SHOAL_ASSERT_OK(noise);
  std::vector<bool> due;
  for (int round = 0; round < 7; ++round) {
    const std::optional<PrivacyEvent> charge = (*noise)->Due();
    due.push_back(charge.has_value());
    if (charge.has_value()) {
      EXPECT_EQ(charge->ToString(), ChargeOf(options)->ToString());
      EXPECT_THAT((*noise)->Release(kGrid, std::nullopt,
                                    std::vector<int64_t>(kLength), 0),
                  StatusIs(absl::StatusCode::kFailedPrecondition,
                           HasSubstr("has nothing for the round")));
      EXPECT_THAT((*noise)->Release(kGrid, *PrivacyEvent::Gaussian(3),
                                    std::vector<int64_t>(kLength), 0),
                  StatusIs(absl::StatusCode::kFailedPrecondition,
                           HasSubstr("gaussian(3) for the round")));
    }
    const auto sum =
        (*noise)->Release(kGrid, charge, std::vector<int64_t>(kLength), 0);
    SHOAL_ASSERT_OK(sum);
    EXPECT_NEAR(Spread(*sum), 2, 0.06);
    // As after a restart.
    noise = RoundNoise::Create(options, kGrid, (*noise)->State().Reveal(), rng);
    SHOAL_ASSERT_OK(noise);
  }
  EXPECT_THAT(due, ElementsAre(true, false, false, true, false, false, true));
}

TEST(RoundNoiseTest, FreshNoiseThatIsDrawnAgainIsTheSame) {
  InsecureSeededRng rng(7);
  auto noise = RoundNoise::Create(Fresh(1), kGrid, "", rng);
  SHOAL_ASSERT_OK(noise);
  const std::vector<int64_t> zeros(kLength);
  std::vector<int64_t> last;
  for (int round = 0; round < 3; ++round) {
    const Secret state = (*noise)->State();
    const auto charge = (*noise)->Due();
    const auto released = (*noise)->Release(kGrid, charge, zeros, 0);
    SHOAL_ASSERT_OK(released);
    EXPECT_NE(*released, last);
    last = *released;
    auto again = RoundNoise::Create(Fresh(1), kGrid, state.Reveal(), rng);
    SHOAL_ASSERT_OK(again);
    EXPECT_EQ(*(*again)->Release(kGrid, charge, zeros, 0), last);
  }
}

TEST(RoundNoiseTest, CorrelatedNoiseIsChargedOnceAndDrawnOnce) {
  InsecureSeededRng rng(2);
  auto noise = RoundNoise::Create(Banded(), kGrid, "", rng);
  SHOAL_ASSERT_OK(noise);
  const std::optional<PrivacyEvent> charge = (*noise)->Due();
  ASSERT_TRUE(charge.has_value());
  EXPECT_EQ(*charge, *ChargeOf(Banded()));
  EXPECT_EQ(RoundsPerCharge(Banded()), 6);
  const std::string first((*noise)->State().Reveal());
  const std::vector<int64_t> zeros(kLength);
  EXPECT_THAT((*noise)->Release(kGrid, std::nullopt, zeros, 0),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  const auto released = (*noise)->Release(kGrid, charge, zeros, 0);
  SHOAL_ASSERT_OK(released);
  EXPECT_FALSE((*noise)->Due().has_value());
  // Before the first commit the same noise is drawn again.
  auto again = RoundNoise::Create(Banded(), kGrid, first, rng);
  SHOAL_ASSERT_OK(again);
  EXPECT_FALSE((*again)->Due().has_value());
  EXPECT_EQ(*(*again)->Release(kGrid, std::nullopt, zeros, 0), *released);
  for (int round = 1; round < 6; ++round) {
    SHOAL_EXPECT_OK((*noise)->Release(kGrid, std::nullopt, zeros, 0));
  }
  EXPECT_THAT((*noise)->Release(kGrid, std::nullopt, zeros, 0),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(RoundNoiseTest, EventsDoNotDependOnTheGrid) {
  for (const double bound : {0x1p12, 0x1p20, 0x1p26}) {
    InsecureSeededRng rng(3);
    for (const RoundNoiseOptions& options : {Fresh(2), Banded()}) {
      const auto noise = RoundNoise::Create(options, {8, bound}, "", rng);
      SHOAL_ASSERT_OK(noise);
      EXPECT_EQ(*(*noise)->Due(), *ChargeOf(options));
    }
  }
}

TEST(RoundNoiseTest, StatesOfOthersAreRefused) {
  InsecureSeededRng rng(4);
  const auto create = [&](const RoundNoiseOptions& options,
                          absl::string_view state) {
    return RoundNoise::Create(options, kGrid, state, rng).status();
  };
  EXPECT_THAT(create(Fresh(1), "x"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(create(Fresh(1), std::string("\x02", 1) + std::string(60, '\0')),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(create(Banded(), "x"), StatusIs(absl::StatusCode::kDataLoss));
  auto banded = RoundNoise::Create(Banded(), kGrid, "", rng);
  SHOAL_ASSERT_OK(banded);
  RoundNoiseOptions other = Banded();
  other.noise_multiplier = 3;
  EXPECT_THAT(
      create(other, (*banded)->State().Reveal()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("other options")));
}

TEST(RoundNoiseTest, LongerContributionsThanTheNoiseIsForAreRefused) {
  InsecureSeededRng rng(5);
  auto noise = RoundNoise::Create(Banded(), kGrid, "", rng);
  SHOAL_ASSERT_OK(noise);
  EXPECT_THAT((*noise)->Release({kLength, 0x1p27}, *ChargeOf(Banded()),
                                std::vector<int64_t>(kLength), 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected at most")));
}

TEST(RoundNoiseTest, AnAdaptiveClipNormFollowsTheVotes) {
  RoundNoiseOptions options = Fresh(1);
  options.kind = FreshNoise{
      .adaptive_clip = AdaptiveClipOptions{
          .initial_clip_norm = 1, .count_stddev = 2, .expected_devices = 100}};
  InsecureSeededRng rng(6);
  auto noise = RoundNoise::Create(options, kGrid, "", rng);
  SHOAL_ASSERT_OK(noise);
  EXPECT_EQ((*noise)->clip().clip_norm(), 1);
  for (int round = 0; round < 5; ++round) {  // all were clipped
    SHOAL_ASSERT_OK((*noise)->Release(kGrid, (*noise)->Due(),
                                      std::vector<int64_t>(kLength), -100));
    noise = RoundNoise::Create(options, kGrid, (*noise)->State().Reveal(), rng);
    SHOAL_ASSERT_OK(noise);
  }
  EXPECT_GT((*noise)->clip().clip_norm(), 1.4);
}

}  // namespace
}  // namespace shoal::privacy
