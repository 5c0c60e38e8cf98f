// shoalctl status, shoalctl version.
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/task_text.h"
#include "coordinator/programs/shoalctl/text.h"

namespace shoal::shoalctl {
namespace {

std::string TasksText(const v1::StatusReport& status) {
  if (status.tasks().empty()) return "no tasks\n";
  Table table({"TASK", "STATE", "ROUNDS", "FAILED", "NEWEST ROUND"});
  for (const v1::TaskReport& task : status.tasks()) {
    table.Add({task.task().name(), StateText(task.state()), RoundsDone(task),
               absl::StrCat(task.rounds_failed()), NewestRound(task)});
  }
  return table.ToString();
}

std::string StatusText(const v1::StatusReport& status,
                       const std::string& coordinator) {
  return absl::StrCat(
      FieldsText({{"coordinator", coordinator},
                  {"version", status.long_version()},
                  {"protocol", absl::StrCat(status.protocol().major(), ".",
                                            status.protocol().minor())},
                  {"started", Exact(true, status.started(), absl::Now())},
                  {"store", status.store()},
                  {"devices", absl::StrCat(status.devices(), ", ",
                                           status.devices_seen_last_hour(),
                                           " seen in the last hour")},
                  {"memory", Bytes(status.resident_bytes())},
                  {"uploads",
                   absl::StrCat(status.uploads_in_progress(), " in progress")},
                  {"received", Bytes(status.bytes_received())},
                  {"sent", Bytes(status.bytes_sent())}}),
      "\n", TasksText(status));
}

absl::StatusOr<v1::StatusReport> GetStatus(Shell& shell) {
  v1::StatusReport status;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::GetStatus, v1::GetStatusRequest(), status));
  return status;
}

absl::Status ShowStatus(Shell& shell) {
  SHOAL_ASSIGN_OR_RETURN(const v1::StatusReport status, GetStatus(shell));
  shell.Print(status,
              [&] { return StatusText(status, shell.options().coordinator); });
  return absl::OkStatus();
}

// Asks the coordinator too when the caller has the means to.
absl::Status ShowVersion(Shell& shell) {
  v1::StatusReport status;
  const bool ask =
      shell.options().insecure || !shell.options().credentials.empty();
  if (ask) {
    SHOAL_ASSIGN_OR_RETURN(status, GetStatus(shell));
  }
  shell.Print(
      [&] {
        nlohmann::ordered_json json = {{"shoalctl", LongVersion()}};
        if (ask) json["shoald"] = status.long_version();
        return json;
      },
      [&] {
        std::string text = absl::StrCat("shoalctl ", LongVersion(), "\n");
        if (ask)
          absl::StrAppend(&text, "shoald   ", status.long_version(), "\n");
        return text;
      });
  return absl::OkStatus();
}

}  // namespace

void AddStatusCommands(CLI::App& app, Shell& shell) {
  AddVerb(app, shell, "status", "the coordinator and its tasks at a glance",
          "shoalctl status", [&shell] { return ShowStatus(shell); });
  AddVerb(app, shell, "version", "versions of shoalctl and of the coordinator",
          "shoalctl version", [&shell] { return ShowVersion(shell); });
}

}  // namespace shoal::shoalctl
