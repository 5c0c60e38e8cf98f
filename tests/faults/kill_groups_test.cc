// Kills shoald at every step of a round with secure aggregation, starts it
// again, and checks that its agents, which keep their secrets, finish it.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "coordinator/engine/failpoints.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/faults/agent_process.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

constexpr int kAgents = 4;
constexpr int kRounds = 2;
constexpr absl::Duration kPatience = absl::Seconds(90);

v1::Task SecureTask() {
  v1::Task task = AgentTask(kAgents, kRounds);
  v1::SecureAggregation& groups = *task.mutable_secure_aggregation();
  groups.set_min_group(3);
  groups.set_dropout_fraction(0.25);
  return task;
}

class KillGroupsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(KillGroupsTest, RestartedCoordinatorFinishesTheRound) {
  TemporaryFolder folder;
  ShoaldProcess shoald;
  SHOAL_ASSERT_OK(shoald.Start(GetParam()));
  SHOAL_ASSERT_OK(shoald.CreateTask(SecureTask()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string invitation,
                             Invite(shoald, kAgents));
  std::vector<std::unique_ptr<AgentProcess>> agents;
  for (int i = 0; i < kAgents; ++i) {
    agents.push_back(std::make_unique<AgentProcess>(folder.path(), i, kAgents));
    SHOAL_ASSERT_OK(agents[i]->Enroll(shoald, invitation, shoald.address()));
    SHOAL_ASSERT_OK(agents[i]->Start(""));
  }
  ASSERT_TRUE(shoald.AwaitDeath(kPatience))
      << "shoald never came by " << GetParam() << "\n"
      << shoald.Log();
  SHOAL_ASSERT_OK(shoald.Start());
  SHOAL_ASSERT_OK(shoald.AwaitCompletion("agents", kPatience));
  for (auto& agent : agents) EXPECT_THAT(agent->Stop(), IsOkAndHolds(0));
  EXPECT_THAT(shoald.Stop(), IsOkAndHolds(0)) << shoald.Log();
  SHOAL_EXPECT_OK(
      CheckEveryAgentCountedOnce(shoald.database(), kAgents, kRounds));
}

std::vector<std::string> AllKillPoints() {
  std::vector<std::string> points;
  for (const absl::string_view name : coordinator::kGroupFailpoints) {
    points.push_back(absl::StrCat(name, ":1"));
    points.push_back(absl::StrCat(name, ":2"));
  }
  // Members' shares, masked updates, answers: several rows of one group.
  for (const int count : {3, 4, 5}) {
    points.push_back(absl::StrCat("after_group_rows:", count));
  }
  for (const absl::string_view name :
       {"after_commit_segment", "after_seal", "before_commit_round"}) {
    points.push_back(absl::StrCat(name, ":1"));
  }
  return points;
}

INSTANTIATE_TEST_SUITE_P(EveryStep, KillGroupsTest,
                         ::testing::ValuesIn(AllKillPoints()),
                         [](const auto& info) {
                           std::string name = info.param;
                           name[name.find(':')] = '_';
                           return name;
                         });

}  // namespace
}  // namespace shoal::testing
