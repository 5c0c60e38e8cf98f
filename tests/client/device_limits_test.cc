#include "client/device_limits.h"

#include <memory>
#include <string>

#include "base/file.h"
#include "client/client_runner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_transport.h"
#include "tests/support/small_examples.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using testing::FakeFleet;
using testing::FakeTransport;
using ::testing::HasSubstr;
using testing::SmallExamples;
using testing::StatusIs;

// On a machine without sensors, unless a test says otherwise.
class DeviceLimitsTest : public ::testing::Test {
 protected:
  DeviceLimitsTest() {
    limits_.sensors.sysfs_root = folder_.path() + "/sys";
    limits_.sensors.proc_root = folder_.path() + "/proc";
  }

  absl::StatusOr<std::unique_ptr<OpenLimits>> Open() {
    return OpenDeviceLimits(limits_, folder_.path(), clock_, callbacks_);
  }
  void ExpectWrong(const char* sentence) {
    EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr(sentence)));
  }
  // One session of a client within the limits.
  absl::StatusOr<SessionReport> RunSession() {
    ClientParts parts;
    parts.session.population = FakeFleet::kPopulation;
    parts.session.clock = &clock_;
    parts.state = std::make_unique<MemoryState>();
    parts.data =
        std::make_shared<const learning::InMemoryDataset>(SmallExamples());
    parts.connect = [this] { return std::make_unique<FakeTransport>(fleet_); };
    absl::StatusOr<std::unique_ptr<OpenLimits>> limits = Open();
    if (!limits.ok()) return limits.status();
    parts.limits = *std::move(limits);
    return MakeClient(std::move(parts))->RunOnce();
  }

  const TemporaryFolder folder_;
  const RealClock clock_;
  FakeFleet fleet_;
  DeviceLimits limits_;
  DeviceCallbacks callbacks_;
};

TEST_F(DeviceLimitsTest, EverySettingIsNamedWhenItIsWrong) {
  limits_.sensors.meter = "gut feeling";
  ExpectWrong(
      "limits.sensors.meter: 'gut feeling', expected one of auto, "
      "hwmon, powercap, battery, none");
  limits_.sensors.meter = "powercap";
  ExpectWrong("limits.sensors.meter: ");
  limits_.sensors.meter = "none";
  limits_.conditions.windows = {"22:00-25:00"};
  ExpectWrong("limits.conditions.windows: ");
  limits_.conditions.windows = {"22:00-06:00"};
  limits_.budgets.joules_per_day = -1;
  ExpectWrong("limits: joules per day is -1, expected more than 0");
}

TEST_F(DeviceLimitsTest, WhatWasSpentIsRememberedAndLeft) {
  limits_.budgets.joules_per_day = 1000;
  limits_.energy = {2, 0, 0, 0, 0};  // a connection
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport first, RunSession());
  EXPECT_EQ(first.outcome, SessionReport::kContributed);
  ASSERT_TRUE(first.budgets.has_value());
  EXPECT_EQ(first.budgets->meter, "calculated");
  EXPECT_DOUBLE_EQ(first.budgets->joules_spent, *first.energy_joules);
  EXPECT_GE(*first.energy_joules, 2);
  EXPECT_NEAR(first.budgets->joules_left.value(), 1000 - *first.energy_joules,
              0.5);
  EXPECT_FALSE(first.budgets->metered_bytes_left.has_value());
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport second, RunSession());
  EXPECT_DOUBLE_EQ(second.budgets->joules_spent,
                   *first.energy_joules + *second.energy_joules);
}

TEST_F(DeviceLimitsTest, TheEmbeddersMeterCounts) {
  double joules = 500;
  callbacks_.joules = [&]() -> absl::StatusOr<double> { return joules += 1; };
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, RunSession());
  EXPECT_EQ(report.budgets->meter, "callback");
  EXPECT_GE(*report.energy_joules, 1);
  EXPECT_LE(*report.energy_joules, joules - 500);
}

TEST_F(DeviceLimitsTest, TheEmbeddersVetoHoldsASessionBack) {
  callbacks_.device_state = [](DeviceReadings& readings) {
    readings.veto = "a call is going on";
  };
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, RunSession());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_THAT(report.explanation, HasSubstr("a call is going on"));
  EXPECT_EQ(report.bytes_sent, 0);
}

TEST_F(DeviceLimitsTest, SpentBudgetHoldsASessionBack) {
  limits_.budgets.joules_per_day = 3;
  limits_.energy = {2, 0, 0, 0, 0};
  SHOAL_ASSERT_OK(RunSession());
  SHOAL_ASSERT_OK_AND_ASSIGN(const SessionReport report, RunSession());
  EXPECT_EQ(report.outcome, SessionReport::kHeldBack);
  EXPECT_THAT(report.explanation, HasSubstr("J"));
  EXPECT_GT(report.next_check_in, absl::Minutes(1));
}

}  // namespace
}  // namespace shoal::client
