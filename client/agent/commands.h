// The agent's command line: commands, their options and --help, as tables. The
// other programs have CLI11 for that, which would be a ninth of a small agent
// (docs/decisions/0019-commands-of-the-agent.md).
#ifndef SHOAL_CLIENT_AGENT_COMMANDS_H_
#define SHOAL_CLIENT_AGENT_COMMANDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "protocol/exit_code.h"

namespace shoal::client {

struct CommandOption {
  // `--name VALUE` or `--name=VALUE`; of a bool `--name` alone.
  absl::string_view name;  // "--config"
  // What it sets: text, a whole number of at least 1, or a flag. Of options
  // that set the same one may be given, once.
  std::variant<std::string*, int64_t*, bool*> value;
  absl::string_view about;
  bool required = false;
};

struct Command {
  std::string name;
  std::string about;
  std::vector<CommandOption> options;
  std::string example;
  std::function<protocol::ExitCode()> run;
};

struct CommandLine {
  std::string program;
  std::string version;  // what --version prints
  std::string about;
  std::vector<Command> commands;
};

// Sets what the words after the program's name say, and runs the command that
// they begin with. Prints help (--help or -h, of the program or of a command)
// and version, which end with kExitOk. What is wrong with the words is said on
// standard error, with the program's name, and is kExitUsage; no command has
// run then.
protocol::ExitCode RunCommandLine(const CommandLine& line, int argc,
                                  const char* const* argv);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_COMMANDS_H_
