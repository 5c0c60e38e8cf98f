#include "client/agent/agent_limits.h"

#include "absl/strings/str_cat.h"
#include "configuration/programs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::StatusIs;

absl::StatusOr<configuration::AgentConfig> Parse(const char* limits) {
  return configuration::ParseAgentConfig(
      absl::StrCat("coordinator: host:7600\nstate: state\npopulation: p\n"
                   "data: {handwriting: {}}\n",
                   limits),
      "agent.yaml");
}

TEST(AgentLimitsTest, WithoutTheSectionThereAreNone) {
  const auto config = Parse("");
  SHOAL_ASSERT_OK(config);
  EXPECT_FALSE(config->limits.has_value());
}

TEST(AgentLimitsTest, WhatIsAbsentStaysAsItIs) {
  const auto config = Parse("limits: {}\n");
  SHOAL_ASSERT_OK(config);
  const DeviceLimits limits = DeviceLimitsFrom(config->limits.value());
  EXPECT_FALSE(limits.budgets.joules_per_day.has_value());
  EXPECT_FALSE(limits.conditions.max_celsius.has_value());
  EXPECT_EQ(limits.conditions.settle_time, absl::Seconds(30));
  EXPECT_EQ(limits.energy, DeviceEnergyCosts());
  EXPECT_EQ(limits.sensors.meter, "auto");
}

TEST(AgentLimitsTest, EverySettingIsRead) {
  const auto config = Parse(
      "limits:\n"
      "  budgets: {energy_per_day: 2kJ, energy_per_round: 500J,\n"
      "            metered_bytes_per_day: 10MB, metered_bytes_per_round: 1MB}\n"
      "  conditions: {min_battery: 0.4, external_power: true,\n"
      "               max_celsius: 60, unmetered_network: true,\n"
      "               max_memory_pressure: 0.2, min_available_memory: 32MiB,\n"
      "               windows: [\"22:00-06:00\", \"12:00-13:00\"],\n"
      "               settle_time: 5s}\n"
      "  energy: {per_connection: 2J, per_received_megabyte: 4J,\n"
      "           per_sent_megabyte: 6J, per_gigaflop: 0.5J,\n"
      "           watts_awake: 1.5}\n"
      "  sensors: {meter: hwmon, hwmon_driver: ina3221,\n"
      "            hwmon_labels: [VDD_IN], thermal_types: [cpu],\n"
      "            metered_interfaces: [wwan0], veto_file: /run/busy,\n"
      "            sysfs: /s, proc: /p}\n");
  SHOAL_ASSERT_OK(config);
  const DeviceLimits limits = DeviceLimitsFrom(config->limits.value());
  EXPECT_EQ(limits.budgets.joules_per_day, 2000);
  EXPECT_EQ(limits.budgets.joules_per_round, 500);
  EXPECT_EQ(limits.budgets.metered_bytes_per_day, 1e7);
  EXPECT_EQ(limits.budgets.metered_bytes_per_round, 1e6);
  const DeviceConditions& conditions = limits.conditions;
  EXPECT_EQ(conditions.min_battery_fraction, 0.4);
  EXPECT_TRUE(conditions.external_power);
  EXPECT_EQ(conditions.max_celsius, 60);
  EXPECT_TRUE(conditions.unmetered_network);
  EXPECT_EQ(conditions.max_memory_pressure, 0.2);
  EXPECT_EQ(conditions.min_available_memory_bytes, 32 << 20);
  EXPECT_THAT(conditions.windows, ElementsAre("22:00-06:00", "12:00-13:00"));
  EXPECT_EQ(conditions.settle_time, absl::Seconds(5));
  const DeviceEnergyCosts energy = {2, 4, 6, 0.5, 1.5};
  EXPECT_EQ(limits.energy, energy);
  EXPECT_EQ(limits.sensors.meter, "hwmon");
  EXPECT_EQ(limits.sensors.hwmon_driver, "ina3221");
  EXPECT_THAT(limits.sensors.hwmon_labels, ElementsAre("VDD_IN"));
  EXPECT_THAT(limits.sensors.thermal_types, ElementsAre("cpu"));
  EXPECT_THAT(limits.sensors.metered_interfaces, ElementsAre("wwan0"));
  EXPECT_EQ(limits.sensors.veto_file, "/run/busy");
  EXPECT_EQ(limits.sensors.sysfs_root, "/s");
  EXPECT_EQ(limits.sensors.proc_root, "/p");
}

TEST(AgentLimitsTest, WrongSettingsAreNamedWithTheirLine) {
  EXPECT_THAT(Parse("limits:\n  conditions: {windows: [\"ten to six\"]}\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("agent.yaml:6: limits.conditions.windows")));
  EXPECT_THAT(Parse("limits: {budgets: {energy_per_day: 0J}}\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("limits.budgets.energy_per_day")));
}

// `shoal-sim` writes the files of its agents.
TEST(AgentLimitsTest, TheSectionComesBackFromYaml) {
  const auto config = Parse(
      "limits:\n  budgets: {energy_per_day: 2kJ}\n"
      "  conditions: {windows: [\"22:00-06:00\"]}\n");
  SHOAL_ASSERT_OK(config);
  const auto again = configuration::ParseAgentConfig(
      configuration::AgentConfigYaml(*config), "again.yaml");
  SHOAL_ASSERT_OK(again);
  const DeviceLimits limits = DeviceLimitsFrom(again->limits.value());
  EXPECT_EQ(limits.budgets.joules_per_day, 2000);
  EXPECT_THAT(limits.conditions.windows, ElementsAre("22:00-06:00"));
}

}  // namespace
}  // namespace shoal::client
