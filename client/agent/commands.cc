#include "client/agent/commands.h"

#include <algorithm>
#include <cstdio>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

using protocol::ExitCode;
using Words = absl::Span<const char* const>;

constexpr int kAboutColumn = 30;

bool IsHelp(absl::string_view word) { return word == "--help" || word == "-h"; }

bool IsFlag(const CommandOption& option) {
  return std::holds_alternative<bool*>(option.value);
}

void AppendRow(absl::string_view name, absl::string_view about,
               std::string& out) {
  absl::StrAppendFormat(&out, "  %-*s%s\n", kAboutColumn - 2, name, about);
}

std::string HelpOf(const CommandLine& line) {
  std::string help = absl::StrCat(line.about, "\nUsage: ", line.program,
                                  " COMMAND [OPTIONS]\n\nOptions:\n");
  AppendRow("-h, --help", "print this and exit", help);
  AppendRow("--version", "print the version and exit", help);
  help += "\nCommands:\n";
  for (const Command& command : line.commands) {
    AppendRow(command.name, command.about, help);
  }
  help += "\nExamples:\n";
  for (const Command& command : line.commands) {
    absl::StrAppend(&help, "  ", command.example, "\n");
  }
  return help;
}

std::string HelpOf(const CommandLine& line, const Command& command) {
  std::string help = absl::StrCat(command.about, "\nUsage: ", line.program, " ",
                                  command.name, " [OPTIONS]\n\nOptions:\n");
  AppendRow("-h, --help", "print this and exit", help);
  for (const CommandOption& option : command.options) {
    const absl::string_view kind =
        IsFlag(option)                                   ? ""
        : std::holds_alternative<int64_t*>(option.value) ? " NUMBER"
                                                         : " TEXT";
    AppendRow(
        absl::StrCat(option.name, kind, option.required ? " REQUIRED" : ""),
        option.about, help);
  }
  absl::StrAppend(&help, "\nExample: ", command.example, "\n");
  return help;
}

absl::Status SetValue(const CommandOption& option, const std::string& text) {
  if (std::string* const* value = std::get_if<std::string*>(&option.value)) {
    **value = text;
    return absl::OkStatus();
  }
  int64_t* const number = std::get<int64_t*>(option.value);
  if (absl::SimpleAtoi(text, number) && *number >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      option.name, ": '", text, "', expected a whole number of at least 1"));
}

// Which options of a command were given.
class GivenOptions {
 public:
  explicit GivenOptions(const Command& command) : command_(command) {}

  // Takes an option, and its value, from the front of `words`.
  absl::Status Take(Words& words) {
    const absl::string_view word = words.front();
    words.remove_prefix(1);
    const size_t equals = word.find('=');
    const bool has_value = equals != absl::string_view::npos;
    const CommandOption* const option = Find(word.substr(0, equals));
    if (option == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", word, "' was not expected"));
    }
    SHOAL_RETURN_IF_ERROR(CheckAlone(*option));
    given_.push_back(option);
    if (IsFlag(*option)) {
      if (has_value) {
        return absl::InvalidArgumentError(
            absl::StrCat(option->name, " takes no value"));
      }
      *std::get<bool*>(option->value) = true;
      return absl::OkStatus();
    }
    if (has_value) {
      return SetValue(*option, std::string(word.substr(equals + 1)));
    }
    if (words.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(option->name, ": its value is missing"));
    }
    const std::string value = words.front();
    words.remove_prefix(1);
    return SetValue(*option, value);
  }

  // OK when all that are required were taken.
  absl::Status CheckRequired() const {
    for (const CommandOption& option : command_.options) {
      if (option.required &&
          std::find(given_.begin(), given_.end(), &option) == given_.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat(option.name, " is required"));
      }
    }
    return absl::OkStatus();
  }

 private:
  const CommandOption* Find(absl::string_view name) const {
    for (const CommandOption& option : command_.options) {
      if (option.name == name) return &option;
    }
    return nullptr;
  }

  absl::Status CheckAlone(const CommandOption& option) const {
    for (const CommandOption* other : given_) {
      if (other == &option) {
        return absl::InvalidArgumentError(
            absl::StrCat(option.name, " was given twice"));
      }
      if (other->value == option.value) {
        return absl::InvalidArgumentError(
            absl::StrCat(option.name, " excludes ", other->name));
      }
    }
    return absl::OkStatus();
  }

  const Command& command_;
  std::vector<const CommandOption*> given_;
};

absl::Status TakeOptions(const Command& command, Words words) {
  GivenOptions given(command);
  while (!words.empty()) SHOAL_RETURN_IF_ERROR(given.Take(words));
  return given.CheckRequired();
}

ExitCode Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return protocol::kExitOk;
}

ExitCode PrintUsage(const std::string& command, absl::string_view wrong) {
  std::fputs(absl::StrCat(command, ": ", wrong, "; see ", command, " --help\n")
                 .c_str(),
             stderr);
  return protocol::kExitUsage;
}

ExitCode RunCommand(const CommandLine& line, const Command& command,
                    Words words) {
  if (std::any_of(words.begin(), words.end(), IsHelp)) {
    return Print(HelpOf(line, command));
  }
  const absl::Status taken = TakeOptions(command, words);
  if (taken.ok()) return command.run();
  return PrintUsage(absl::StrCat(line.program, " ", command.name),
                    taken.message());
}

}  // namespace

ExitCode RunCommandLine(const CommandLine& line, int argc,
                        const char* const* argv) {
  const auto words = absl::MakeConstSpan(argv, argc).subspan(1);
  const absl::string_view first = words.empty() ? "" : words.front();
  if (IsHelp(first)) return Print(HelpOf(line));
  if (first == "--version") return Print(line.version + "\n");
  for (const Command& command : line.commands) {
    if (command.name == first)
      return RunCommand(line, command, words.subspan(1));
  }
  const auto append_name = [](std::string* out, const Command& command) {
    out->append(command.name);
  };
  return PrintUsage(
      line.program,
      absl::StrCat(words.empty()
                       ? "a command is missing"
                       : absl::StrCat("unknown command '", first, "'"),
                   ", expected one of ",
                   absl::StrJoin(line.commands, ", ", append_name)));
}

}  // namespace shoal::client
