// The commands of shoalctl, one file per noun. Each function adds its noun to
// the command line; what a person chose is left in the shell.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_COMMANDS_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "coordinator/programs/shoalctl/shell.h"

namespace shoal::shoalctl {

// Both must outlive the parsing and the run.
void AddAnalyticsCommands(CLI::App& app, Shell& shell);
void AddCaCommands(CLI::App& app, Shell& shell);
void AddDeviceCommands(CLI::App& app, Shell& shell);
void AddHeavyHitters(CLI::App& noun, Shell& shell);  // verbs of `analytics`
void AddModelCommands(CLI::App& app, Shell& shell);
void AddModelExport(CLI::App& noun, Shell& shell);  // a verb of `model`
void AddPrivacyCommands(CLI::App& app, Shell& shell);
void AddPrivacyPlan(CLI::App& noun, Shell& shell);   // a verb of `privacy`
void AddPrivacySpent(CLI::App& noun, Shell& shell);  // another
void AddRoundCommands(CLI::App& app, Shell& shell);
void AddSecureAggregationCommands(CLI::App& app, Shell& shell);
void AddStatusCommands(CLI::App& app, Shell& shell);
void AddTaskCommands(CLI::App& app, Shell& shell);

// What the verbs that list a task's rounds or models take.
struct ListOptions {
  std::string task;
  uint32_t limit = 50;
};
void AddListOptions(CLI::App& verb, ListOptions& options);
// One call of such a verb: ListRounds, ListModels.
template <typename Request, typename Response>
absl::Status CallList(Shell& shell,
                      grpc::Status (v1::Admin::Stub::*method)(
                          grpc::ClientContext*, const Request&, Response*),
                      const ListOptions& options, Response& list) {
  Request request;
  request.set_task(options.task);
  request.set_limit(options.limit);
  return shell.Call(method, request, list);
}

// A noun: `shoalctl NOUN VERB`.
CLI::App* AddNoun(CLI::App& app, const std::string& name,
                  const std::string& what);
// A verb with one line of help and an example.
CLI::App* AddVerb(CLI::App& noun, Shell& shell, const std::string& name,
                  const std::string& what, const std::string& example,
                  std::function<absl::Status()> command);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_COMMANDS_H_
