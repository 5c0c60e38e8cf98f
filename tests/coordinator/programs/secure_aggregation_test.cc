// shoalctl secure-aggregation, as a user calls it, without a coordinator.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/programs/program_run.h"

namespace shoal::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ProgramResult RunParameters(const std::string& devices,
                            const std::string& fraction,
                            const std::string& coordinator,
                            const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {
      "secure-aggregation",   "parameters", "--devices",          devices,
      "--adversary-fraction", fraction,     "--dropout-fraction", fraction,
      "--coordinator",        coordinator};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunProgram("shoalctl", arguments);
}

TEST(SecureAggregationCommandTest, ParametersAsJson) {
  const ProgramResult result =
      RunParameters("1000", "0.05", "semi_malicious", {"--json"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const nlohmann::json expected = {{"num_neighbors", 52},
                                   {"threshold", 37},
                                   {"complete_graph", false},
                                   {"min_survivors", 950}};
  EXPECT_EQ(nlohmann::json::parse(result.output), expected);
}

TEST(SecureAggregationCommandTest, ParametersForPeople) {
  const ProgramResult result = RunParameters("100", "0.1", "malicious");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("99"), HasSubstr("56"), HasSubstr("complete")));
}

TEST(SecureAggregationCommandTest, ImpossibleFractionsAreRefusedInWords) {
  const ProgramResult result = RunParameters("100", "0.6", "malicious");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("only 40 stay"));
}

TEST(SecureAggregationCommandTest, GroupsThatNoTaskMayHaveAreRefused) {
  const ProgramResult result = RunParameters("2", "0.1", "honest");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("--devices 2, expected 3 to 1000000"),
                    HasSubstr("secure_aggregation.min_group")));
  EXPECT_THAT(RunParameters("1000001", "0.1", "honest").output,
              HasSubstr("--devices 1000001, expected 3 to 1000000"));
  EXPECT_EQ(RunParameters("3", "0.1", "honest").exit_code, 0);
}

TEST(SecureAggregationCommandTest, LargeGroupsOfAMaliciousCoordinatorAreNoted) {
  const ProgramResult result = RunParameters("1000", "0.1", "malicious");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("551"), HasSubstr("max_group is 100 at most"),
                    HasSubstr("--devices 100")));
  EXPECT_THAT(RunParameters("1000", "0.1", "honest").output,
              Not(HasSubstr("max_group")));
  EXPECT_THAT(RunParameters("100", "0.1", "malicious").output,
              Not(HasSubstr("max_group")));
}

TEST(SecureAggregationCommandTest, GroupsWhoseMessagesAreTooLongAreNoted) {
  const ProgramResult result =
      RunParameters("20000", "0.3", "semi_malicious", {"--json"});
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const auto json = nlohmann::json::parse(result.output);
  EXPECT_GT(json["num_neighbors"], 5000);
  EXPECT_THAT(json["note"], HasSubstr("no task has such a group: 6"));
  EXPECT_THAT(json["note"], HasSubstr("expected at most 1048576"));
}

TEST(SecureAggregationCommandTest, UnknownTrustIsRefused) {
  const ProgramResult result = RunParameters("100", "0.1", "evil");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.output,
              HasSubstr("expected honest, semi_malicious or malicious"));
}

}  // namespace
}  // namespace shoal::testing
