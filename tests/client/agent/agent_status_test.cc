#include "client/agent/agent_status.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

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

}  // namespace
}  // namespace shoal::client
