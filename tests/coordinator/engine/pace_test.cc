#include "coordinator/engine/pace.h"

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

constexpr PaceBounds kBounds = {absl::Milliseconds(20), absl::Minutes(15)};

// A fleet of 20, of which 21 would be admitted, and rounds of half a second.
PaceInput SmallFleet() {
  PaceInput input;
  input.until_open = absl::Milliseconds(300);
  input.round_duration = absl::Milliseconds(500);
  input.fleet_size = 20;
  input.admitted_per_round = 21;
  return input;
}

// A million devices, 1300 per round, rounds of ten seconds.
PaceInput HugeFleet() {
  PaceInput input;
  input.until_open = absl::Seconds(5);
  input.round_duration = absl::Seconds(10);
  input.fleet_size = 1'000'000;
  input.admitted_per_round = 1300;
  return input;
}

std::vector<absl::Duration> Delays(const PaceInput& input, int count,
                                   const PaceBounds& bounds = kBounds) {
  SeededRng rng(1);
  std::vector<absl::Duration> delays;
  for (int i = 0; i < count; ++i) {
    delays.push_back(RetryDelay(input, bounds, rng.Uniform()));
  }
  return delays;
}

TEST(PaceTest, SmallFleetReturnsWithinMillisecondsAfterTheRoundOpens) {
  for (const absl::Duration delay : Delays(SmallFleet(), 1000)) {
    EXPECT_GE(delay, absl::Milliseconds(300));
    EXPECT_LE(delay, absl::Milliseconds(320));
  }
}

TEST(PaceTest, WaitIsNeverShorterThanMinRetry) {
  PaceInput input = SmallFleet();
  input.until_open = absl::ZeroDuration();
  input.round_duration = absl::ZeroDuration();
  for (const absl::Duration delay : Delays(input, 100)) {
    EXPECT_EQ(delay, kBounds.min_retry);
  }
}

TEST(PaceTest, HugeFleetIsSpreadSoThatEachRoundSeesWhatItNeeds) {
  PaceInput input = HugeFleet();
  const PaceBounds unbounded = {absl::Milliseconds(20), absl::Hours(1000)};
  // The time in which everybody comes once.
  const absl::Duration window = ArrivalWindow(input);
  const double rounds = absl::FDivDuration(window, input.round_duration);
  EXPECT_NEAR(1'000'000 / rounds, 1300 * kCheckInsPerAdmission, 1e-6);

  // Uniform over it: of 10 000 devices each tenth of the window sees 1000; 6
  // standard deviations are 180, so that a false failure has a chance of 2e-8.
  std::vector<int> tenths(10);
  for (const absl::Duration delay : Delays(input, 10'000, unbounded)) {
    const double place = absl::FDivDuration(delay - input.until_open, window);
    ASSERT_THAT(place, AllOf(Ge(0), Le(1)));
    ++tenths[static_cast<int>(place * 10)];
  }
  for (const int count : tenths) EXPECT_NEAR(count, 1000, 180);
}

TEST(PaceTest, WaitBeyondMaxRetryIsSpreadBelowIt) {
  PaceInput input = HugeFleet();
  input.round_duration = absl::Minutes(10);
  const std::vector<absl::Duration> delays = Delays(input, 10'000);
  const auto [least, most] = std::minmax_element(delays.begin(), delays.end());
  EXPECT_GE(*least, input.until_open);
  EXPECT_LE(*most, kBounds.max_retry);
  EXPECT_GT(*most - *least, absl::Minutes(14)) << "no herd";
}

TEST(PaceTest, FleetThatMustWaitLongIsSpreadOverTheUpperHalf) {
  PaceInput input = HugeFleet();
  input.until_open = absl::Hours(10);
  const std::vector<absl::Duration> delays = Delays(input, 10'000);
  const auto [least, most] = std::minmax_element(delays.begin(), delays.end());
  EXPECT_GE(*least, kBounds.max_retry / 2);
  EXPECT_LE(*most, kBounds.max_retry);
  EXPECT_GT(*most - *least, absl::Minutes(7));
}

TEST(PaceTest, WindowGrowsWithTheFleetWithoutAStepDown) {
  PaceInput input = HugeFleet();
  absl::Duration last;
  for (int64_t fleet = 1; fleet < 100'000'000; fleet *= 2) {
    input.fleet_size = fleet;
    EXPECT_GE(ArrivalWindow(input), last) << fleet;
    last = ArrivalWindow(input);
  }
}

TEST(PaceTest, RoundsToSitOutAreWaitedFor) {
  PaceInput input = SmallFleet();
  input.rounds_to_sit_out = 3;
  EXPECT_GE(RetryDelay(input, kBounds, 0), absl::Milliseconds(1800));
}

TEST(PaceTest, ExtremeInputsStayWithinTheBounds) {
  PaceInput input;
  input.until_open = absl::InfiniteDuration();
  input.round_duration = absl::Hours(1'000'000);
  input.fleet_size = int64_t{1} << 62;
  input.rounds_to_sit_out = int64_t{1} << 62;
  for (const double uniform : {0.0, 0.5, 0.999}) {
    EXPECT_THAT(RetryDelay(input, kBounds, uniform),
                AllOf(Ge(kBounds.min_retry), Le(kBounds.max_retry)));
  }
  EXPECT_EQ(RetryDelay(PaceInput(), kBounds, 0.5), kBounds.min_retry);
}

TEST(PaceTest, MaxRetryBelowMinRetryOfNothingIsKept) {
  const PaceBounds equal = {absl::Seconds(1), absl::Seconds(1)};
  EXPECT_EQ(RetryDelay(HugeFleet(), equal, 0.7), absl::Seconds(1));
}

TEST(IdleDelayTest, SmallFleetsAskAboutOnceASecond) {
  EXPECT_EQ(IdleDelay(20, kBounds, 0), absl::Milliseconds(500));
  EXPECT_EQ(IdleDelay(20, kBounds, 0.5), absl::Seconds(1));
}

TEST(IdleDelayTest, LargeFleetsAskAHundredTimesASecondAltogether) {
  EXPECT_EQ(IdleDelay(30'000, kBounds, 0.5), absl::Minutes(5));
  EXPECT_LE(IdleDelay(1'000'000'000, kBounds, 0.999), kBounds.max_retry);
}

TEST(LongDelayTest, IsTheUpperHalf) {
  EXPECT_EQ(LongDelay(kBounds, 0), kBounds.max_retry / 2);
  EXPECT_LE(LongDelay(kBounds, 0.999), kBounds.max_retry);
}

TEST(TimeLeftTest, IsWhatIsLeftOfTheExpectedDuration) {
  EXPECT_EQ(TimeLeft(absl::Seconds(3), absl::Seconds(10), absl::Hours(1)),
            absl::Seconds(7));
}

TEST(TimeLeftTest, LateRoundsAreExpectedSoonAndThenLater) {
  EXPECT_EQ(TimeLeft(absl::Seconds(16), absl::Seconds(10), absl::Hours(1)),
            absl::Seconds(2));
  EXPECT_EQ(TimeLeft(absl::Seconds(80), absl::Seconds(10), absl::Hours(1)),
            absl::Seconds(10));
}

TEST(TimeLeftTest, RoundOfUnknownDurationLastsAsLongAgain) {
  EXPECT_EQ(TimeLeft(absl::Seconds(4), absl::ZeroDuration(), absl::Hours(1)),
            absl::Seconds(4));
}

TEST(TimeLeftTest, DeadlineIsTheEnd) {
  EXPECT_EQ(TimeLeft(absl::Seconds(4), absl::Minutes(9), absl::Seconds(2)),
            absl::Seconds(2));
  EXPECT_EQ(TimeLeft(-absl::Hours(1), absl::Minutes(9), -absl::Seconds(2)),
            absl::ZeroDuration());
}

TEST(BlendDurationTest, FollowsTheNewestWithinAFewRounds) {
  EXPECT_EQ(BlendDuration(absl::ZeroDuration(), absl::Seconds(4)),
            absl::Seconds(4));
  EXPECT_EQ(BlendDuration(absl::Seconds(10), absl::Seconds(20)),
            absl::Seconds(13));
  EXPECT_GE(BlendDuration(absl::Seconds(10), -absl::Hours(1)),
            absl::ZeroDuration());
}

TEST(FailureBackoffTest, DoublesUpToTheLongest) {
  const absl::Duration first = absl::Seconds(1);
  const absl::Duration longest = absl::Seconds(10);
  EXPECT_EQ(FailureBackoff(0, first, longest), absl::ZeroDuration());
  EXPECT_EQ(FailureBackoff(1, first, longest), absl::Seconds(1));
  EXPECT_EQ(FailureBackoff(4, first, longest), absl::Seconds(8));
  EXPECT_EQ(FailureBackoff(5, first, longest), longest);
  EXPECT_EQ(FailureBackoff(int64_t{1} << 40, first, longest), longest);
}

}  // namespace
}  // namespace shoal::coordinator
