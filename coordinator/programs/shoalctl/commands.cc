#include "coordinator/programs/shoalctl/commands.h"

#include <utility>

namespace shoal::shoalctl {

CLI::App* AddNoun(CLI::App& app, const std::string& name,
                  const std::string& what) {
  CLI::App* noun = app.add_subcommand(name, what);
  noun->require_subcommand(1);
  noun->fallthrough();
  return noun;
}

CLI::App* AddVerb(CLI::App& noun, Shell& shell, const std::string& name,
                  const std::string& what, const std::string& example,
                  std::function<absl::Status()> command) {
  CLI::App* verb = noun.add_subcommand(name, what);
  verb->fallthrough();
  verb->footer("\nExample:\n  " + example);
  verb->callback(
      [&shell, command = std::move(command)] { shell.SetCommand(command); });
  return verb;
}

void AddListOptions(CLI::App& verb, ListOptions& options) {
  verb.add_option("TASK", options.task, "name of the task")->required();
  verb.add_option("--limit", options.limit, "at most so many (default: 50)");
}

}  // namespace shoal::shoalctl
