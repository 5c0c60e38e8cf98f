// What the demo promises on real data: `script/demo --data mnist:DIR
// --rounds 30`.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/child_process.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/external_data.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

TEST(MnistTest, TwentyDevicesWithSkewedLabelsReach93PercentIn30Rounds) {
  const std::string data = DataDir() + "/mnist";
  SHOAL_SKIP_WITHOUT(data);
  const TemporaryFolder folder;
  const std::string log = folder.path() + "/log";
  const std::string out = folder.path() + "/out";
  const auto process =
      ChildProcess::Start({.command = {std::filesystem::path(ExecutableFolder())
                                           .parent_path()
                                           .append("bin/shoal-sim"),
                                       "live", "--data", "mnist:" + data,
                                       "--partition", "dirichlet", "--alpha",
                                       "0.3", "--rounds", "30", "--out", out},
                           .environment = {"TMPDIR=" + folder.path()},
                           .log_path = log});
  SHOAL_ASSERT_OK(process);
  const auto exit = (*process)->Wait(absl::Minutes(14));
  ASSERT_TRUE(exit.has_value()) << TailOfFile(log, 100);
  ASSERT_EQ(exit->code, 0) << TailOfFile(log, 100);

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string text,
                             ReadFile(out + "/summary.json"));
  const auto summary = nlohmann::json::parse(text);
  EXPECT_EQ(summary["devices"], 20);
  EXPECT_EQ(summary["rounds_completed"], 30);
  EXPECT_GE(summary["final_test_accuracy"], 0.93);
  EXPECT_GT(summary["final_test_accuracy"],
            summary["mean_local_only_accuracy"]);
}

}  // namespace
}  // namespace shoal::testing
