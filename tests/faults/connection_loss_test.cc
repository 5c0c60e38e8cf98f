// Cuts a real shoal-agent's connections in the middle of its transfers.
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/faults/agent_process.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/relay.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

constexpr int kRounds = 2;
constexpr absl::Duration kPatience = absl::Seconds(60);

// Bytes that a connection may send before it is cut: inside the handshake,
// the check-in, the first chunk of the upload, and its later chunks.
class ConnectionLossTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(ConnectionLossTest, AgentResumesAndIsCountedOnce) {
  TemporaryFolder folder;
  ShoaldProcess shoald;
  SHOAL_ASSERT_OK(shoald.Start());
  Relay relay(
      {.target = shoald.address(), .hits = 2, .after_bytes_up = GetParam()});
  SHOAL_ASSERT_OK(shoald.CreateTask(AgentTask(/*agents=*/1, kRounds)));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string invitation, Invite(shoald, 1));
  AgentProcess agent(folder.path(), 0, 1);
  SHOAL_ASSERT_OK(agent.Enroll(shoald, invitation, relay.address()));
  SHOAL_ASSERT_OK(agent.Start());

  SHOAL_ASSERT_OK(shoald.AwaitCompletion("agents", kPatience));
  EXPECT_EQ(relay.hits_made(), 2) << agent.Log();
  EXPECT_THAT(agent.Stop(), IsOkAndHolds(0));
  EXPECT_THAT(shoald.Stop(), IsOkAndHolds(0)) << shoald.Log();
  SHOAL_EXPECT_OK(CheckEveryAgentCountedOnce(shoald.database(), 1, kRounds));
}

INSTANTIATE_TEST_SUITE_P(AfterBytes, ConnectionLossTest,
                         ::testing::Values(100, 2'500, 100'000, 400'000,
                                           780'000),
                         [](const auto& info) {
                           return absl::StrCat(info.param);
                         });

}  // namespace
}  // namespace shoal::testing
