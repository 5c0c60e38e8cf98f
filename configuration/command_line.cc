#include "configuration/command_line.h"

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace shoal::configuration {
namespace {

// The innermost command that was recognised, and all words up to it.
struct Place {
  const CLI::App* app;
  std::string words;
};

Place WhereParsingEnded(const CLI::App& app) {
  Place place = {&app, app.get_name()};
  while (!place.app->get_subcommands().empty()) {
    place.app = place.app->get_subcommands().front();
    absl::StrAppend(&place.words, " ", place.app->get_name());
  }
  return place;
}

bool NeedsCommand(const CLI::App& app) {
  return app.get_require_subcommand_min() > 0 && app.get_subcommands().empty();
}

std::string CommandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    names.push_back(command->get_name());
  }
  return absl::StrJoin(names, ", ");
}

// The first word that is neither a command nor an option; "" for none.
std::string UnknownWord(const CLI::App& app) {
  for (const std::string& word : app.remaining(/*recurse=*/true)) {
    if (word.rfind('-', 0) != 0) return word;
  }
  return "";
}

std::string WhatIsWrong(const CLI::App& app, const Place& place,
                        const CLI::ParseError& error) {
  if (!NeedsCommand(*place.app)) return error.what();
  const std::string unknown = UnknownWord(app);
  return absl::StrCat(unknown.empty()
                          ? "a command is missing"
                          : absl::StrCat("unknown command '", unknown, "'"),
                      ", expected one of ", CommandsOf(*place.app));
}

}  // namespace

std::optional<protocol::ExitCode> ParseCommandLine(CLI::App& app, int argc,
                                                   const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& help) {
    app.exit(help);
    return protocol::kExitOk;
  } catch (const CLI::ParseError& error) {
    const Place place = WhereParsingEnded(app);
    std::fprintf(stderr, "%s: %s; see %s --help\n", place.words.c_str(),
                 WhatIsWrong(app, place, error).c_str(), place.words.c_str());
    return protocol::kExitUsage;
  }
}

CLI::Validator WholeNumber(int64_t least) {
  return CLI::Validator(
      [least](const std::string& text) -> std::string {
        int64_t value = 0;
        if (absl::SimpleAtoi(text, &value) && value >= least) return "";
        return absl::StrCat("'", text,
                            "', expected a whole number of at least ", least);
      },
      "");
}

CLI::Validator NumberBetween(double least, double most) {
  return CLI::Validator(
      [least, most](const std::string& text) -> std::string {
        double value = 0;
        if (absl::SimpleAtod(text, &value) && value >= least && value <= most) {
          return "";
        }
        return absl::StrFormat("'%s', expected a number from %.10g to %.10g",
                               text, least, most);
      },
      "");
}

}  // namespace shoal::configuration
