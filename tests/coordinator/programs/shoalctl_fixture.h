// shoalctl as a process, against a coordinator inside this one.
#ifndef SHOAL_TESTS_COORDINATOR_PROGRAMS_SHOALCTL_FIXTURE_H_
#define SHOAL_TESTS_COORDINATOR_PROGRAMS_SHOALCTL_FIXTURE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/coordinator/programs/program_run.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_coordinator.h"

namespace shoal::testing {

class ShoalctlTest : public ::testing::Test {
 protected:
  static constexpr char kTask[] = R"(task:
  name: small
  population: phones
  model: {logistic: {inputs: 3, outputs: 2}}
  training: {learning_rate: 0.1}
  round: {cohort: 2, min_reports: 1}
  rounds: 5
)";

  ShoalctlTest() {
    coordinator_.ca().WriteCredentials(
        credentials_, coordinator_.Issue("admin", protocol::Role::kOperator));
    SHOAL_EXPECT_OK(WriteFileAtomically(task_file_, kTask));
  }

  ProgramResult Run(const std::vector<std::string>& arguments) const {
    return RunProgram("shoalctl", arguments,
                      {"SHOAL_COORDINATOR=" + coordinator_.address(),
                       "SHOAL_CREDENTIALS=" + credentials_});
  }
  nlohmann::json RunJson(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return nlohmann::json::parse(result.output);
  }

  TestCoordinator coordinator_;
  const std::string credentials_ = coordinator_.folder() + "/operator";
  const std::string task_file_ = coordinator_.folder() + "/small.yaml";
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_COORDINATOR_PROGRAMS_SHOALCTL_FIXTURE_H_
