// Runs a program of ours to its end.
#ifndef SHOAL_TESTS_COORDINATOR_PROGRAMS_PROGRAM_RUN_H_
#define SHOAL_TESTS_COORDINATOR_PROGRAMS_PROGRAM_RUN_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/child_process.h"
#include "base/file.h"

namespace shoal::testing {

inline std::string ProgramPath(const std::string& name) {
  return ExecutableFolder() + "/../bin/" + name;
}

struct ProgramResult {
  int exit_code = 0;
  std::string output;  // standard output and standard error
};

inline ProgramResult RunProgram(
    const std::string& name, const std::vector<std::string>& arguments,
    const std::vector<std::string>& environment = {}) {
  const TemporaryFolder folder("shoal-run");
  ChildOptions options;
  options.command = {ProgramPath(name)};
  options.command.insert(options.command.end(), arguments.begin(),
                         arguments.end());
  options.environment = environment;
  options.log_path = folder.path() + "/output";
  auto child = ChildProcess::Start(options);
  SHOAL_CHECK(child.ok());
  const std::optional<ChildExit> exit = (*child)->Wait(absl::Seconds(60));
  SHOAL_CHECK(exit.has_value() && exit->signal == 0);
  return {exit->code, ReadFile(options.log_path).value_or("")};
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_COORDINATOR_PROGRAMS_PROGRAM_RUN_H_
