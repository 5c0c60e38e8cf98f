#include "client/agent/agent_status.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "client/forgetting.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::shoal::testing::StatusIs;

TEST(AgentStatusTest, AccuracyIsThereOnlyWithClasses) {
  const TemporaryFolder folder;
  AgentStatus status;
  status.last = SessionReport();
  const auto last = [&] {
    SHOAL_EXPECT_OK(WriteAgentStatus(folder.path(), status));
    return nlohmann::json::parse(
        ShowAgentStatus(folder.path(), /*json=*/true).value())["last"];
  };
  status.last->base_loss = 6.25;
  EXPECT_EQ(last()["base_loss"], 6.25);
  EXPECT_FALSE(last().contains("base_accuracy"));
  status.last->base_accuracy = 0.75;
  EXPECT_EQ(last()["base_accuracy"], 0.75);
}

TEST(AgentStatusTest, BudgetsAreShownToPeopleAndScripts) {
  const TemporaryFolder folder;
  AgentStatus status;
  status.last = SessionReport();
  status.last->energy_joules = 1.5;
  status.last->budgets = BudgetStatus();
  status.last->budgets->joules_left = 20;
  status.last->budgets->joules_spent = 1200;
  status.last->budgets->meter = "powercap (package-0)";
  status.last->budgets->energy_error_p90 = 0.25;
  SHOAL_ASSERT_OK(WriteAgentStatus(folder.path(), status));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string text,
                             ShowAgentStatus(folder.path(), /*json=*/false));
  EXPECT_THAT(text, ::testing::HasSubstr("1.5 J spent"));
  EXPECT_THAT(text, ::testing::HasSubstr(
                        "budgets         left today 20 J; spent 1.2 kJ, 0 "
                        "bytes metered; meter: powercap (package-0), "
                        "calculation within 25 %"));
  const auto json = nlohmann::json::parse(
      ShowAgentStatus(folder.path(), /*json=*/true).value());
  EXPECT_EQ(json["last"]["budgets"]["joules_left"], 20);
  EXPECT_FALSE(json["last"]["budgets"].contains("metered_bytes_left"));
}

TEST(AgentStatusTest, NumbersAndLastSessionOutliveTheAgent) {
  const TemporaryFolder folder;
  AgentStatus before;
  before.sessions = 7;
  before.contributions = 3;
  before.last = SessionReport();
  before.last->task = "digits";
  SHOAL_ASSERT_OK(WriteAgentStatus(folder.path(), before));
  AgentStatus after;
  TakeUpNumbers(folder.path(), after);
  EXPECT_EQ(after.sessions, 7);
  EXPECT_EQ(after.contributions, 3);
  SHOAL_ASSERT_OK(WriteAgentStatus(folder.path(), after));
  EXPECT_EQ(nlohmann::json::parse(ShowAgentStatus(folder.path(), /*json=*/true)
                                      .value())["last"]["task"],
            "digits");
}

TEST(AgentStatusTest, DamagedStatusBeginsAnew) {
  const TemporaryFolder folder;
  SHOAL_ASSERT_OK(
      ReplaceFile(folder.path() + "/status.json", "{\"sessions\": \"many\"}"));
  AgentStatus status;
  TakeUpNumbers(folder.path(), status);
  EXPECT_EQ(status.sessions, 0);
  SHOAL_ASSERT_OK(ReplaceFile(folder.path() + "/status.json", "[1"));
  SHOAL_EXPECT_OK(WriteAgentStatus(folder.path(), status));
}

TEST(AgentStatusTest, OwnersWordIsShownBesideTheLastSession) {
  const TemporaryFolder folder;
  SHOAL_ASSERT_OK(WriteAgentStatus(folder.path(), AgentStatus()));
  const auto text = [&] {
    return ShowAgentStatus(folder.path(), /*json=*/false).value();
  };
  EXPECT_THAT(text(), ::testing::StartsWith("participation   yes\n"));
  SHOAL_ASSERT_OK(SetParticipation(folder.path(), false));
  EXPECT_THAT(text(), ::testing::HasSubstr("opted out"));
  EXPECT_THAT(text(), ::testing::HasSubstr("sessions"));
}

TEST(AgentStatusTest, DeviceThatHasOnlyEnrolledHasAStatus) {
  const TemporaryFolder folder;
  EXPECT_THAT(ShowAgentStatus(folder.path(), /*json=*/false),
              StatusIs(absl::StatusCode::kNotFound,
                       ::testing::HasSubstr("no device's folder")));
  for (const char* name : {"/key.pem", "/certificate.pem"}) {
    SHOAL_ASSERT_OK(WriteFileAtomically(folder.path() + name, "x"));
  }
  EXPECT_EQ(ShowAgentStatus(folder.path(), /*json=*/false).value(),
            "participation   yes\n"
            "last session    none has ended yet\n");
  const auto json = nlohmann::json::parse(
      ShowAgentStatus(folder.path(), /*json=*/true).value());
  EXPECT_EQ(json["participation"], "takes_part");
  EXPECT_TRUE(json["last"].is_null());
}

// The status of sessions is deleted first.
TEST(AgentStatusTest, PendingForgettingIsShownWithoutASession) {
  const TemporaryFolder folder;
  SHOAL_ASSERT_OK(
      BeginForgetting(folder.path(), absl::FromUnixSeconds(1'700'000'000)));
  EXPECT_EQ(ShowAgentStatus(folder.path(), /*json=*/false).value(),
            "participation   being forgotten since 2023-11-14T22:13:20+00:00: "
            "the device's data are deleted, the coordinator has not confirmed "
            "yet\n");
  const auto json = nlohmann::json::parse(
      ShowAgentStatus(folder.path(), /*json=*/true).value());
  EXPECT_EQ(json["participation"], "forgetting");
  EXPECT_EQ(json["forgetting_since"], "2023-11-14T22:13:20+00:00");
}

}  // namespace
}  // namespace shoal::client
