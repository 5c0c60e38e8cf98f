// shoalctl privacy spent: how a population stands with its budget.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/text.h"
#include "privacy/accounting/bound_text.h"
#include "protocol/json.h"

namespace shoal::shoalctl {
namespace {

using privacy::LowerBoundText;
using privacy::UpperBoundText;

std::string EndText(const v1::PrivacyReport& report) {
  return absl::StrCat(
      report.projected_rounds(), " of ", report.rounds(), " rounds, ",
      report.projected_rounds() < report.rounds()
          ? "where the budget ends"
          : absl::StrCat("with epsilon ",
                         UpperBoundText(report.projected_epsilon())),
      report.projected_rounds() > report.rounds_committed()
          ? ", if no other task spends"
          : "");
}

std::string SpentText(const v1::PrivacyReport& report) {
  std::string text = FieldsText(
      {{"population", report.population()},
       {"budget", absl::StrFormat("epsilon %g, delta %g, %s, accountant %s",
                                  report.budget_epsilon(), report.delta(),
                                  report.adjacency(), report.accountant())},
       {"spent",
        absl::StrCat("epsilon ", UpperBoundText(report.spent_epsilon()))},
       {"left",
        absl::StrCat("epsilon ", LowerBoundText(report.budget_epsilon() -
                                                report.spent_epsilon()))},
       {"noise", absl::StrCat(report.noise(), ", multiplier ",
                              LowerBoundText(report.noise_multiplier()))},
       {"rounds", absl::StrCat(report.rounds_committed(), " committed")},
       {"will end at", EndText(report)}});
  if (report.spending_size() > 0) {
    Table table({"TASK", "CHARGES", "EACH"});
    for (const v1::PrivacySpending& one : report.spending()) {
      table.Add({one.task(), absl::StrCat(one.charges()), one.event()});
    }
    absl::StrAppend(&text, "\n", table.ToString());
  }
  absl::StrAppend(&text, "\n", Wrapped(report.guarantee()));
  return text;
}

absl::Status ShowSpent(Shell& shell, const std::string& task) {
  v1::GetPrivacyRequest request;
  request.set_task(task);
  v1::PrivacyReport report;
  SHOAL_RETURN_IF_ERROR(
      shell.Call(&v1::Admin::Stub::GetPrivacy, request, report));
  shell.Print([&] { return protocol::ToJson(report); },
              [&] { return SpentText(report); });
  return absl::OkStatus();
}

}  // namespace

void AddPrivacySpent(CLI::App& noun, Shell& shell) {
  auto task = std::make_shared<std::string>();  // shared with the callback
  CLI::App* spent =
      AddVerb(noun, shell, "spent",
              "what a task's population has spent, has left, and will spend",
              "shoalctl privacy spent digits",
              [&shell, task] { return ShowSpent(shell, *task); });
  spent->add_option("TASK", *task, "its name")->required();
}

}  // namespace shoal::shoalctl
