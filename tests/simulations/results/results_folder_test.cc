#include "simulations/results/results_folder.h"

#include <filesystem>
#include <string>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

class ResultsFolderTest : public ::testing::Test {
 protected:
  const TemporaryFolder parent_;
  const std::string path_ = parent_.path() + "/results";
};

TEST_F(ResultsFolderTest, KeepsScenarioModelsAndSummary) {
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto results,
                               ResultsFolder::Open(path_, "scenario"));
    EXPECT_TRUE(results->is_kept_for_good());
    SHOAL_ASSERT_OK(results->WriteModel(3, "model"));
    SHOAL_ASSERT_OK(results->WriteSummary("rounds", "{}"));
  }
  EXPECT_EQ(ReadFile(path_ + "/models/version-000003.shoal").value(), "model");
  EXPECT_EQ(ReadFile(path_ + "/scenario.yaml").value(), "scenario");
  EXPECT_EQ(ReadFile(path_ + "/rounds.csv").value(), "rounds");
  EXPECT_EQ(ReadFile(path_ + "/summary.json").value(), "{}");
}

TEST_F(ResultsFolderTest, TwoRunsDoNotShareAFolder) {
  SHOAL_ASSERT_OK_AND_ASSIGN(auto first,
                             ResultsFolder::Open(path_, "scenario"));
  const auto in_use = StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("has the models of another run"));
  EXPECT_THAT(ResultsFolder::Open(path_, "scenario"), in_use);
  SHOAL_ASSERT_OK(first->WriteModel(1, "model"));
  first.reset();
  EXPECT_THAT(ResultsFolder::Open(path_, "scenario"), in_use);
}

TEST_F(ResultsFolderTest, RunThatWroteNothingLeavesNothing) {
  SHOAL_ASSERT_OK(ResultsFolder::Open(path_, "scenario"));
  EXPECT_TRUE(std::filesystem::is_empty(path_));
  SHOAL_EXPECT_OK(ResultsFolder::Open(path_, "scenario"));
}

TEST_F(ResultsFolderTest, FileIsRefused) {
  SHOAL_ASSERT_OK(ReplaceFile(path_, "a file"));
  EXPECT_THAT(ResultsFolder::Open(path_, "scenario"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is a file, expected a folder")));
}

}  // namespace
}  // namespace shoal::simulations
