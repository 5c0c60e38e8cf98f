// What the command lines of our programs have in common.
#ifndef SHOAL_CONFIGURATION_COMMAND_LINE_H_
#define SHOAL_CONFIGURATION_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>

#include "protocol/exit_code.h"

namespace shoal::configuration {

// Parses; nothing when the program shall go on, otherwise what it exits with:
// kExitOk after printing help or the version, kExitUsage after saying on
// standard error, with the program's name, what is wrong. Where a command is
// missing or unknown, those that there are are listed.
std::optional<protocol::ExitCode> ParseCommandLine(CLI::App& app, int argc,
                                                   const char* const* argv);

// Accepts whole numbers from `least` on.
CLI::Validator WholeNumber(int64_t least);

// Accepts numbers from `least` to `most`, and "nan" not.
CLI::Validator NumberBetween(double least, double most);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_COMMAND_LINE_H_
