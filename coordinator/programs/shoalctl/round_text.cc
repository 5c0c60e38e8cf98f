#include "coordinator/programs/shoalctl/round_text.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/human_duration.h"
#include "coordinator/programs/shoalctl/text.h"
#include "protocol/wire.h"

namespace shoal::shoalctl {
namespace {

bool IsSquaredError(const v1::RoundReport& round) {
  return round.loss() == v1::LOSS_MEAN_SQUARED_ERROR;
}

std::string Loss(const v1::RoundReport& round) {
  if (!round.has_train_loss()) return "-";
  // A squared error has the size of the squares of any unit.
  return IsSquaredError(round) ? absl::StrFormat("%.6g", round.train_loss())
                               : absl::StrFormat("%.4f", round.train_loss());
}

// What people call it.
std::string LossName(const v1::RoundReport& round) {
  return IsSquaredError(round) ? "squared error" : "loss";
}

std::string Accuracy(const v1::RoundReport& round) {
  if (!round.has_train_accuracy()) return "-";
  return absl::StrFormat("%.1f %%", 100 * round.train_accuracy());
}

// How the base model did on the devices' examples.
void AddScore(const v1::RoundReport& round, Fields& fields) {
  fields.push_back({absl::StrCat("train ", LossName(round)), Loss(round)});
  if (IsSquaredError(round)) return;  // of values, of which none is right
  fields.push_back({"train accuracy", Accuracy(round)});
}

std::string StateOf(const v1::RoundReport& round) {
  const std::string state = StateText(round.state());
  if (round.failure().empty()) return state;
  return absl::StrCat(state, " (", round.failure(), ")");
}

std::string Outcomes(const v1::RoundReport& round) {
  std::vector<std::string> parts;
  for (const v1::OutcomeCount& outcome : round.outcomes()) {
    parts.push_back(absl::StrCat(outcome.devices(), " ", outcome.outcome()));
  }
  return OrDash(absl::StrJoin(parts, ", "));
}

// When it ended, or when it will have to.
Fields::value_type End(const v1::RoundReport& round, absl::Time now) {
  if (!round.has_finished()) {
    return {"deadline", Exact(round.has_deadline(), round.deadline(), now)};
  }
  std::string text = Exact(true, round.finished(), now);
  if (round.has_opened()) {
    absl::StrAppend(&text, ", after ",
                    HumanDuration(protocol::FromProto(round.finished()) -
                                  protocol::FromProto(round.opened())));
  }
  return {"ended", std::move(text)};
}

std::string Assigned(const v1::RoundReport& round) {
  if (!round.asynchronous()) {
    return absl::StrCat(round.assigned(), " of ", round.max_assigned());
  }
  return absl::StrCat(round.assigned(), "; up to ", round.max_assigned(),
                      " at work at a time, of all rounds");
}

// "0 versions behind: 3, 2: 1"; "none" without updates.
std::string Staleness(const v1::RoundReport& round) {
  std::string text;
  for (const v1::StalenessCount& count : round.staleness()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", count.versions_behind(),
                    text.empty() ? " versions behind: " : ": ",
                    count.updates());
  }
  return text.empty() ? "none" : text;
}

// "3 of 24 devices, 1 burnt".
std::string Groups(const v1::GroupsReport& groups) {
  return absl::StrCat(groups.formed(), " of ", groups.members(), " devices, ",
                      groups.burnt(), " burnt");
}

// "5: 2 at sharing, 3 at masking".
std::string LostByGroups(const v1::GroupsReport& groups) {
  uint64_t all = 0;
  std::vector<std::string> parts;
  for (const v1::StepLoss& loss : groups.lost()) {
    all += loss.devices();
    parts.push_back(absl::StrCat(loss.devices(), " at ", loss.step()));
  }
  if (parts.empty()) return "none";
  return absl::StrCat(all, ": ", absl::StrJoin(parts, ", "));
}

void AddGroups(const v1::RoundReport& round, Fields& fields) {
  if (round.has_groups()) {
    fields.push_back({"groups", Groups(round.groups())});
    fields.push_back({"lost by groups", LostByGroups(round.groups())});
    for (const std::string& reason : round.groups().burn_reasons()) {
      fields.push_back({"burnt", reason});
    }
  }
  for (const v1::DeviceFault& fault : round.faults()) {
    fields.push_back(
        {"fault", absl::StrCat("device ", fault.device(), " ", fault.what())});
  }
}

}  // namespace

std::string RoundsTable(const v1::ListRoundsResponse& list, absl::Time now) {
  Table table({"ROUND", "MODEL", "STATE", "ASSIGNED", "REPORTS", "LOSS",
               "ACCURACY", "ACCEPTED", "OPENED"});
  for (const v1::RoundReport& round : list.rounds()) {
    table.Add({absl::StrCat(round.id()), absl::StrCat(round.number()),
               StateOf(round), absl::StrCat(round.assigned()),
               absl::StrCat(round.accepted(), "/", round.cohort()), Loss(round),
               Accuracy(round), Bytes(round.bytes_up()),
               Since(round.has_opened(), round.opened(), now)});
  }
  return table.ToString();
}

std::string RoundFields(const v1::RoundReport& round, absl::Time now) {
  Fields fields = {
      {"round", absl::StrCat(round.id())},
      {"task", round.task()},
      {"makes model", absl::StrCat(round.number())},
      {"state", StateOf(round)},
      {"reports",
       absl::StrFormat("%d accepted, %d wanted, %d needed", round.accepted(),
                       round.cohort(), round.min_reports())},
      {"assigned", Assigned(round)},
      {"outcomes", Outcomes(round)},
      {"opened", Exact(round.has_opened(), round.opened(), now)},
      End(round, now)};
  if (round.asynchronous()) fields.push_back({"staleness", Staleness(round)});
  AddGroups(round, fields);
  AddScore(round, fields);
  fields.insert(fields.end(),
                {{"examples", absl::StrCat(round.total_examples())},
                 {"accepted bytes", Bytes(round.bytes_up())},
                 {"base model", FullDigest(round.base_model())},
                 {"committed model", FullDigest(round.committed_model())}});
  return FieldsText(fields);
}

std::string RoundLine(const v1::RoundReport& round) {
  std::string line = absl::StrFormat("round %d  model %d  %s  %d/%d reports",
                                     round.id(), round.number(), StateOf(round),
                                     round.accepted(), round.cohort());
  if (round.has_train_loss()) {
    absl::StrAppend(&line, "  ", LossName(round), " ", Loss(round));
  }
  if (round.has_train_accuracy()) {
    absl::StrAppend(&line, "  accuracy ", Accuracy(round));
  }
  return line;
}

}  // namespace shoal::shoalctl
