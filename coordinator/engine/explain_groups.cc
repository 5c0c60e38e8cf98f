#include "coordinator/engine/explain_groups.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace shoal::coordinator {
namespace {

constexpr size_t kReasons = 3;
constexpr size_t kFaults = 5;

std::string Count(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string FormedText(const GroupTotals& totals) {
  std::string text =
      absl::StrCat("It formed ", Count(totals.formed, "group"), " of ",
                   Count(totals.members, "device"), " in all");
  if (totals.burnt == 0) return absl::StrCat(text, ".");
  return absl::StrCat(text, ", of which ", totals.burnt,
                      totals.burnt == 1 ? " was" : " were", " burnt (",
                      absl::StrJoin(totals.burn_reasons, "; "), ").");
}

// "" when they have lost nobody.
std::string LostText(const GroupTotals& totals) {
  std::vector<std::string> parts;
  int all = 0;
  for (size_t i = 0; i < kGroupSteps.size(); ++i) {
    if (totals.lost[i] == 0) continue;
    all += totals.lost[i];
    parts.push_back(absl::StrCat(totals.lost[i], " at ", kGroupSteps[i]));
  }
  if (parts.empty()) return "";
  return absl::StrCat(totals.formed == 1 ? "It lost " : "They lost ",
                      Count(all, "device"), ": ", absl::StrJoin(parts, ", "),
                      ".");
}

std::string FaultsText(absl::Span<const FaultRow> faults) {
  std::string text = absl::StrCat(Count(std::ssize(faults), "device"),
                                  " broke the protocol of secure aggregation");
  for (const FaultRow& fault :
       faults.subspan(0, std::min(kFaults, faults.size()))) {
    absl::StrAppend(&text, &fault == &faults.front() ? ": " : "; ", "device ",
                    fault.device_id, " ", fault.what);
  }
  return absl::StrCat(text, faults.size() > kFaults ? "; and others." : ".");
}

}  // namespace

GroupTotals TotalsOf(absl::Span<const GroupSummary> groups) {
  GroupTotals totals;
  for (const GroupSummary& group : groups) {
    ++totals.formed;
    totals.members += group.members;
    for (size_t i = 0; i < kGroupSteps.size(); ++i) {
      totals.lost[i] += group.lost[i];
    }
    if (group.burnt.empty()) continue;
    ++totals.burnt;
    totals.burn_reasons.push_back(group.burnt);
    if (totals.burn_reasons.size() <= kReasons) continue;
    totals.burn_reasons.erase(totals.burn_reasons.begin());
  }
  return totals;
}

std::string ExplainGroups(absl::Span<const GroupSummary> groups,
                          absl::Span<const FaultRow> faults) {
  std::vector<std::string> parts;
  if (!groups.empty()) {
    const GroupTotals totals = TotalsOf(groups);
    parts.push_back(FormedText(totals));
    if (std::string lost = LostText(totals); !lost.empty()) {
      parts.push_back(std::move(lost));
    }
  }
  if (!faults.empty()) parts.push_back(FaultsText(faults));
  return absl::StrJoin(parts, " ");
}

}  // namespace shoal::coordinator
