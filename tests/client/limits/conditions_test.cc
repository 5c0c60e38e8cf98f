#include "client/limits/conditions.h"

#include "client/limits/system_readings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/meters/fixture_tree.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

// Everything as one could wish.
DeviceReadings Good() {
  DeviceReadings readings;
  readings.battery_fraction = 1;
  readings.external_power = true;
  readings.celsius = 20;
  readings.network = Network::kUnmetered;
  readings.user_idle = true;
  readings.memory_pressure = 0;
  readings.available_memory_bytes = int64_t{1} << 40;
  return readings;
}

class ConditionsTest : public ::testing::Test {
 protected:
  // The objection before work, and while it goes on.
  std::string AtStart(Conditions& conditions) {
    return conditions.Check(readings_, clock_, false).objection;
  }
  std::string AtWork(Conditions& conditions) {
    return conditions.Check(readings_, clock_, true).objection;
  }

  DeviceReadings readings_ = Good();
  VirtualClock clock_;
};

TEST_F(ConditionsTest, WithoutRulesOnlyAVetoCounts) {
  Conditions conditions({});
  readings_ = {};
  EXPECT_EQ(AtStart(conditions), "");
  readings_.veto = "a call is going on";
  EXPECT_EQ(AtStart(conditions), "a call is going on");
  EXPECT_EQ(AtWork(conditions), "a call is going on");
}

TEST_F(ConditionsTest, BatteryHasAThresholdToStartAndALowerOneToStop) {
  ConditionRules rules;
  rules.min_battery_fraction = 0.4;
  Conditions conditions(rules);
  readings_.external_power = false;
  readings_.battery_fraction = 0.42;
  EXPECT_EQ(AtStart(conditions), "the battery is at 42 %, work starts at 45 %");
  EXPECT_EQ(AtWork(conditions), "");
  readings_.battery_fraction = 0.39;
  EXPECT_EQ(AtWork(conditions),
            "the battery is at 39 %, work stops below 40 %");
  readings_.battery_fraction = 0.45;
  EXPECT_EQ(AtStart(conditions), "");
  readings_.battery_fraction = 0.1;
  readings_.external_power = true;
  EXPECT_EQ(AtStart(conditions), "");
}

TEST_F(ConditionsTest, WarmthHasAThresholdToStartAndAHigherOneToStop) {
  ConditionRules rules;
  rules.max_celsius = 45;
  Conditions conditions(rules);
  readings_.celsius = 41;
  EXPECT_EQ(AtStart(conditions), "the device has 41 °C, work starts at 40 °C");
  EXPECT_EQ(AtWork(conditions), "");
  readings_.celsius = 46;
  EXPECT_EQ(AtWork(conditions), "the device has 46 °C, work stops above 45 °C");
}

TEST_F(ConditionsTest, MemoryHasHysteresisToo) {
  ConditionRules rules;
  rules.max_memory_pressure = 0.2;
  rules.min_available_memory_bytes = 100'000'000;
  Conditions conditions(rules);
  readings_.memory_pressure = 0.15;
  readings_.available_memory_bytes = 110'000'000;
  EXPECT_EQ(AtWork(conditions), "");
  EXPECT_EQ(AtStart(conditions),
            "programs waited for memory 15 % of the time, work starts at 10 %; "
            "110 MB of memory are available, work starts at 125 MB");
  readings_.memory_pressure = 0.25;
  readings_.available_memory_bytes = 90'000'000;
  EXPECT_EQ(AtWork(conditions),
            "programs waited for memory 25 % of the time, work stops above "
            "20 %; 90 MB of memory are available, work stops below 100 MB");
}

TEST_F(ConditionsTest, PowerMustSettleBeforeWorkStartsAgain) {
  ConditionRules rules;
  rules.external_power = true;
  Conditions conditions(rules);
  EXPECT_EQ(AtStart(conditions), "");
  readings_.external_power = false;
  EXPECT_EQ(AtWork(conditions), "there is no external power");
  readings_.external_power = true;
  clock_.Advance(absl::Seconds(10));
  const auto answer = conditions.Check(readings_, clock_, false);
  EXPECT_EQ(answer.objection, "external power is back, work starts in 20 s");
  EXPECT_EQ(answer.ask_again, absl::Seconds(20));
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(AtStart(conditions), "");
}

TEST_F(ConditionsTest, NetworkMayBeMeteredOrMissing) {
  ConditionRules rules;
  rules.unmetered_network = true;
  Conditions conditions(rules);
  readings_.network = Network::kMetered;
  EXPECT_EQ(AtStart(conditions), "the network is metered");
  readings_.network = Network::kNone;
  EXPECT_EQ(AtStart(conditions), "there is no network");
}

TEST_F(ConditionsTest, UserMustBeIdle) {
  ConditionRules rules;
  rules.user_idle = true;
  Conditions conditions(rules);
  readings_.user_idle = false;
  EXPECT_EQ(AtWork(conditions), "the device is in use");
}

TEST_F(ConditionsTest, WhatNobodyCanTellDoesNotHold) {
  ConditionRules rules;
  rules.min_battery_fraction = 0.4;
  rules.external_power = true;
  rules.max_celsius = 45;
  rules.unmetered_network = true;
  rules.user_idle = true;
  rules.max_memory_pressure = 0.2;
  rules.min_available_memory_bytes = 1;
  Conditions conditions(rules);
  readings_ = {};
  EXPECT_EQ(AtStart(conditions),
            "it cannot be told whether there is external power; the battery's "
            "level cannot be read; the temperature cannot be read; it cannot "
            "be told whether the network is metered; it cannot be told whether "
            "the device is in use; the kernel does not tell of memory "
            "pressure; the kernel does not tell how much memory is available");
}

class DayWindowsTest : public ConditionsTest {
 protected:
  DayWindowsTest() {
    rules_.windows = {*ParseDayWindow("22:00-06:00"),
                      *ParseDayWindow("12:30-13:30")};
    // Two hours east of Greenwich.
    rules_.time_zone = absl::FixedTimeZone(2 * 60 * 60);
  }
  Conditions::Answer At(int hour, int minute) {
    const VirtualClock clock(absl::FromCivil(
        absl::CivilSecond(2026, 7, 1, hour, minute), rules_.time_zone));
    return Conditions(rules_).Check(readings_, clock, true);
  }

  ConditionRules rules_;
};

TEST_F(DayWindowsTest, WindowsAreLocalTimeAndMayCrossMidnight) {
  EXPECT_TRUE(At(22, 0).ok());
  EXPECT_TRUE(At(23, 59).ok());
  EXPECT_TRUE(At(0, 0).ok());
  EXPECT_TRUE(At(5, 59).ok());
  EXPECT_FALSE(At(6, 0).ok());
  EXPECT_TRUE(At(12, 30).ok());
  EXPECT_FALSE(At(13, 30).ok());
}

TEST_F(DayWindowsTest, AnswerSaysWhenTheNextWindowOpens) {
  const auto answer = At(13, 45);
  EXPECT_EQ(answer.objection,
            "it is 13:45, work is allowed 22:00-06:00 and 12:30-13:30");
  EXPECT_EQ(answer.ask_again, absl::Minutes(8 * 60 + 15));
}

TEST_F(DayWindowsTest, WindowWithoutLengthIsTheWholeDay) {
  rules_.windows = {*ParseDayWindow("08:00-08:00")};
  EXPECT_TRUE(At(3, 0).ok());
  EXPECT_TRUE(At(8, 0).ok());
}

TEST(DayWindowTest, TextMustBeTwoTimes) {
  EXPECT_EQ(ToString(*ParseDayWindow("22:00-06:05")), "22:00-06:05");
  for (const char* text : {"", "22:00", "22-06", "24:00-01:00", "12:60-13:00",
                           "12:00-13:00-14:00", "1:00-02:00", "aa:bb-cc:dd"}) {
    EXPECT_THAT(ParseDayWindow(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected HH:MM-HH:MM")))
        << text;
  }
}

TEST(SystemReadingsTest, DeviceWithoutABatteryIsFullAndPlugged) {
  const testing::FixtureTree tree;
  SystemReadings source({.sysfs_root = tree.root(), .proc_root = tree.root()});
  const DeviceReadings readings = source.Read();
  EXPECT_EQ(readings.battery_fraction, 1.0);
  EXPECT_EQ(readings.external_power, true);
  EXPECT_EQ(readings.celsius, std::nullopt);
  EXPECT_EQ(readings.network, std::nullopt);
  EXPECT_EQ(readings.user_idle, std::nullopt);
}

TEST(SystemReadingsTest, ReadsWhatThereIs) {
  const testing::FixtureTree tree;
  tree.Write("class/power_supply/BAT0/type", "Battery");
  tree.Write("class/power_supply/BAT0/status", "Discharging");
  tree.Write("class/power_supply/BAT0/capacity", 64);
  tree.Write("class/thermal/thermal_zone0/temp", 33'000);
  tree.WriteRaw("meminfo", "MemAvailable: 1000 kB\n");
  tree.WriteRaw("pressure/memory",
                "some avg10=4.00 avg60=0 avg300=0 total=0\n");
  tree.WriteRaw("net/route", "wwan0 00000000 0 0003 0 0 700 00000000 0 0 0\n");
  tree.Write("veto", "the machine is being serviced");
  SystemReadings source({.sysfs_root = tree.root(),
                         .proc_root = tree.root(),
                         .metered_interfaces = {"wwan0"},
                         .veto_file = tree.root() + "/veto"},
                        [](DeviceReadings& r) { r.user_idle = true; });
  DeviceReadings readings = source.Read();
  EXPECT_EQ(readings.battery_fraction, 0.64);
  EXPECT_EQ(readings.external_power, false);
  EXPECT_EQ(readings.celsius, 33.0);
  EXPECT_EQ(readings.network, Network::kMetered);
  EXPECT_EQ(readings.user_idle, true);
  EXPECT_EQ(readings.memory_pressure, 0.04);
  EXPECT_EQ(readings.available_memory_bytes, 1'024'000);
  EXPECT_EQ(readings.veto, "the machine is being serviced");
  tree.Remove("veto");
  tree.WriteRaw("net/route", "eth0 00000000 0 0003 0 0 700 00000000 0 0 0\n");
  readings = source.Read();
  EXPECT_EQ(readings.veto, "");
  EXPECT_EQ(readings.network, Network::kUnmetered);
}

}  // namespace
}  // namespace shoal::client
