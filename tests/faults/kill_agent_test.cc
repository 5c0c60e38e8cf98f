// Kills a real shoal-agent at every step of its session, starts it again, and
// checks that its round ends with it counted once.
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/faults/agent_process.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

constexpr int kAgents = 3;
constexpr int kRounds = 2;
constexpr absl::Duration kPatience = absl::Seconds(60);

class KillAgentTest : public ::testing::TestWithParam<std::string> {};

TEST_P(KillAgentTest, RestartedAgentIsCountedOnceInItsRound) {
  TemporaryFolder folder;
  ShoaldProcess shoald;
  SHOAL_ASSERT_OK(shoald.Start());
  SHOAL_ASSERT_OK(shoald.CreateTask(AgentTask(kAgents, kRounds)));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string invitation,
                             Invite(shoald, kAgents));
  std::vector<std::unique_ptr<AgentProcess>> agents;
  for (int i = 0; i < kAgents; ++i) {
    agents.push_back(std::make_unique<AgentProcess>(folder.path(), i, kAgents));
    SHOAL_ASSERT_OK(agents[i]->Enroll(shoald, invitation, shoald.address()));
    SHOAL_ASSERT_OK(agents[i]->Start(i == 0 ? GetParam() : ""));
  }

  const auto death = agents[0]->process().Wait(kPatience);
  ASSERT_TRUE(death.has_value()) << agents[0]->Log();
  ASSERT_EQ(death->signal, SIGKILL) << agents[0]->Log();
  SHOAL_ASSERT_OK(agents[0]->Start());
  SHOAL_ASSERT_OK(shoald.AwaitCompletion("agents", kPatience));
  for (auto& agent : agents) EXPECT_THAT(agent->Stop(), IsOkAndHolds(0));
  EXPECT_THAT(shoald.Stop(), IsOkAndHolds(0)) << shoald.Log();

  SHOAL_EXPECT_OK(
      CheckEveryAgentCountedOnce(shoald.database(), kAgents, kRounds));
}

INSTANTIATE_TEST_SUITE_P(EveryStep, KillAgentTest,
                         ::testing::Values("after_fetch", "after_train",
                                           "mid_upload", "before_receipt"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace shoal::testing
