#include "client/limits/limits.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

class LimitsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Limits>> Create() {
    LimitsParts parts;
    parts.clock = &clock_;
    parts.moments = &moments_;
    parts.ledger = &ledger_;
    parts.learned = &learned_;
    parts.meter = meter_;
    return Limits::Create(options_, parts);
  }
  // Checks in and computes, and then ends; or does not.
  void Session(Limits& limits, bool ends) {
    Work done = {1, 1000, 1000, 0, 0};
    ASSERT_TRUE(limits.governor().BeginSession(done, std::nullopt).ok());
    clock_.Advance(absl::Seconds(1));
    if (ends) {
      SHOAL_ASSERT_OK(limits.governor().EndSession(done));
    }
    SHOAL_ASSERT_OK(limits.SaveLearned());
  }

  VirtualClock clock_;
  const ClockMoments moments_{clock_};
  MemoryRecord ledger_;
  MemoryRecord learned_;
  double joules_ = 0;
  CallbackMeter callback_{[this] { return joules_ += 2; }};
  EnergyMeter* meter_ = nullptr;
  LimitsOptions options_;
};

TEST_F(LimitsTest, ReportTellsWhatIsLeftAndLearned) {
  meter_ = &callback_;
  options_.budgets.per_day = {100, kUnlimited};
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto limits, Create());
  Session(*limits, /*ends=*/true);
  const LimitsReport report = limits->Report();
  EXPECT_EQ(report.budgets, options_.budgets);
  EXPECT_EQ(report.spent_ever.joules, 2);
  EXPECT_EQ(report.left.joules, 98);
  EXPECT_EQ(report.left.metered_bytes, kUnlimited);
  EXPECT_EQ(report.meter, "callback");
  EXPECT_EQ(report.meter_fault, "");
  EXPECT_EQ(report.num_measurements, 1);
  EXPECT_EQ(report.relative_error_p90, std::nullopt);
}

TEST_F(LimitsTest, NextProcessGoesOnWhereThisOneDied) {
  options_.budgets.per_day = {100, kUnlimited};
  SHOAL_ASSERT_OK_AND_ASSIGN(auto limits, Create());
  Session(*limits, /*ends=*/true);
  const LimitsReport before = limits->Report();
  Session(*limits, /*ends=*/false);
  SHOAL_ASSERT_OK_AND_ASSIGN(limits, Create());
  const LimitsReport report = limits->Report();
  EXPECT_EQ(report.meter, "calculated");
  EXPECT_EQ(report.num_crashes, 1);
  EXPECT_GT(report.spent_ever.joules, before.spent_ever.joules);
  EXPECT_LT(report.left.joules, before.left.joules);
}

TEST_F(LimitsTest, DamagedBookIsTold) {
  SHOAL_ASSERT_OK(ledger_.Save("nonsense"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto limits, Create());
  EXPECT_THAT(limits->Report().book_note, HasSubstr("damaged"));
}

TEST_F(LimitsTest, ImpossibleOptionsAreRefused) {
  const LimitsOptions good;
  const auto expect_refused = [this](const char* sentence) {
    EXPECT_THAT(Create(),
                StatusIs(absl::StatusCode::kInvalidArgument, sentence));
  };
  options_.budgets.per_day.joules = 0;
  expect_refused("joules per day is 0, expected more than 0");
  options_ = good;
  options_.budgets.per_round.metered_bytes =
      std::numeric_limits<double>::quiet_NaN();
  expect_refused("metered bytes per round is nan, expected more than 0");
  options_ = good;
  options_.energy.watts_awake = -1;
  expect_refused("watts awake is -1, expected at least 0");
  options_ = good;
  options_.energy.joules_per_gigaflop = kUnlimited;
  expect_refused("joules per gigaflop is inf, expected at least 0");
  options_ = good;
  options_.rules.min_battery_fraction = 40;
  expect_refused("the least battery level is 40, expected 0 to 1");
  options_ = good;
  options_.rules.settle_time = absl::Seconds(-1);
  expect_refused("the settle time is below zero");
}

}  // namespace
}  // namespace shoal::client
