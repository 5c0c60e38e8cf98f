#include "client/agent/agent_status.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/file.h"
#include "base/human_duration.h"
#include "base/status_macros.h"
#include "client/file_state.h"
#include "client/forgetting.h"
#include "client/limits/budget.h"
#include "client/participation.h"

namespace shoal::client {
namespace {

using Json = nlohmann::ordered_json;

std::string StatusPath(const std::string& state_folder) {
  return state_folder + "/status.json";
}

// What was written last; an empty object where that cannot be told.
Json WrittenStatus(const std::string& state_folder) {
  const absl::StatusOr<std::string> text = ReadFile(StatusPath(state_folder));
  if (!text.ok()) return Json::object();
  Json status = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return status.is_object() ? status : Json::object();
}

Json ToJson(const BudgetStatus& budgets) {
  Json json;
  if (budgets.joules_left.has_value()) {
    json["joules_left"] = *budgets.joules_left;
  }
  if (budgets.metered_bytes_left.has_value()) {
    json["metered_bytes_left"] = *budgets.metered_bytes_left;
  }
  json["joules_spent"] = budgets.joules_spent;
  json["metered_bytes_spent"] = budgets.metered_bytes_spent;
  json["meter"] = budgets.meter;
  if (budgets.energy_error_p90.has_value()) {
    json["energy_error_p90"] = *budgets.energy_error_p90;
  }
  json["note"] = budgets.note;
  return json;
}

Json ToJson(const SessionReport& report) {
  Json json;
  json["outcome"] = OutcomeName(report.outcome);
  json["explanation"] = report.explanation;
  json["task"] = report.task;
  json["round_id"] = report.round_id;
  json["model_version"] = report.model_version;
  json["base_loss"] = report.base_loss;
  if (report.base_accuracy.has_value()) {
    json["base_accuracy"] = *report.base_accuracy;
  }
  json["num_steps"] = report.num_steps;
  json["bytes_sent"] = report.bytes_sent;
  json["bytes_received"] = report.bytes_received;
  json["next_check_in_seconds"] = absl::ToDoubleSeconds(report.next_check_in);
  if (report.energy_joules.has_value()) {
    json["energy_joules"] = *report.energy_joules;
  }
  if (report.budgets.has_value()) json["budgets"] = ToJson(*report.budgets);
  return json;
}

// A value as text; "-" for what is not there.
std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string Wait(const Json& session) {
  const auto seconds = session.find("next_check_in_seconds");
  if (seconds == session.end() || !seconds->is_number()) return "-";
  return HumanDuration(absl::Seconds(seconds->get<double>()));
}

double Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return 0;
  return found->get<double>();
}

// "left today 5.2 J, 1.2 MB; spent 812 J; meter powercap (package-0)".
std::string BudgetsText(const Json& budgets) {
  std::vector<std::string> left;
  if (budgets.contains("joules_left")) {
    left.push_back(JoulesText(Number(budgets, "joules_left")));
  }
  if (budgets.contains("metered_bytes_left")) {
    left.push_back(BytesText(Number(budgets, "metered_bytes_left")));
  }
  std::string text =
      left.empty() ? "no limit of the day"
                   : absl::StrCat("left today ", absl::StrJoin(left, ", "));
  absl::StrAppend(&text, "; spent ",
                  JoulesText(Number(budgets, "joules_spent")), ", ",
                  BytesText(Number(budgets, "metered_bytes_spent")),
                  " metered; meter: ", Text(budgets, "meter"));
  if (budgets.contains("energy_error_p90")) {
    absl::StrAppendFormat(&text, ", calculation within %.0f %%",
                          100 * Number(budgets, "energy_error_p90"));
  }
  const std::string note = Text(budgets, "note");
  if (!note.empty() && note != "-") absl::StrAppend(&text, " (", note, ")");
  return text;
}

// What the owner has said, and what it leads to.
std::string ParticipationText(const Json& status) {
  const std::string said = Text(status, "participation");
  if (said == ParticipationName(Participation::kOptedOut)) {
    return "opted out: no sessions until `shoal-agent opt-in`";
  }
  if (said != ParticipationName(Participation::kForgetting)) return "yes";
  return absl::StrCat("being forgotten since ",
                      Text(status, "forgetting_since"),
                      ": the device's data are deleted, the coordinator has "
                      "not confirmed yet");
}

std::string Table(const Json& status) {
  std::string out;
  const auto row = [&](absl::string_view label, absl::string_view value) {
    absl::StrAppendFormat(&out, "%-16s%s\n", label, value);
  };
  row("participation", ParticipationText(status));
  if (!status.contains("version")) {
    if (Text(status, "participation") ==
        ParticipationName(Participation::kTakesPart)) {
      row("last session", "none has ended yet");
    }
    return out;
  }
  row("agent", Text(status, "version"));
  row("coordinator", Text(status, "coordinator"));
  row("population", Text(status, "population"));
  row("updated", Text(status, "updated"));
  row("examples", Text(status, "examples"));
  row("sessions",
      absl::StrCat(Text(status, "sessions"), ", ",
                   Text(status, "contributions"), " contributions"));
  row("model version", Text(status, "model_version"));
  row("pending upload", status["pending_upload"].get<bool>() ? "yes" : "no");
  const auto last = status.find("last");
  if (last == status.end() || !last->is_object()) return out;
  row("last session",
      absl::StrCat(Text(*last, "outcome"), ": ", Text(*last, "explanation")));
  row("", absl::StrCat(Text(*last, "bytes_sent"), " bytes sent, ",
                       Text(*last, "bytes_received"), " received; next in ",
                       Wait(*last)));
  const auto budgets = last->find("budgets");
  if (budgets == last->end() || !budgets->is_object()) return out;
  if (last->contains("energy_joules")) {
    row("", absl::StrCat(JoulesText(Number(*last, "energy_joules")), " spent"));
  }
  row("budgets", BudgetsText(*budgets));
  return out;
}

}  // namespace

absl::string_view OutcomeName(SessionReport::Outcome outcome) {
  switch (outcome) {
    case SessionReport::kContributed:
      return "contributed";
    case SessionReport::kNotAssigned:
      return "not_assigned";
    case SessionReport::kAbandoned:
      return "abandoned";
    case SessionReport::kRefused:
      return "refused";
    case SessionReport::kUnreachable:
      return "unreachable";
    case SessionReport::kCancelled:
      return "cancelled";
    case SessionReport::kHeldBack:
      return "held_back";
    case SessionReport::kForgotten:
      return "forgotten";
  }
  SHOAL_CHECK(false);
}

absl::string_view ParticipationName(Participation participation) {
  switch (participation) {
    case Participation::kTakesPart:
      return "takes_part";
    case Participation::kOptedOut:
      return "opted_out";
    case Participation::kForgetting:
      return "forgetting";
  }
  SHOAL_CHECK(false);
}

void TakeUpNumbers(const std::string& state_folder, AgentStatus& status) {
  const Json before = WrittenStatus(state_folder);
  const auto number = [&](const char* key) {
    const auto found = before.find(key);
    return found != before.end() && found->is_number_unsigned()
               ? found->get<int64_t>()
               : 0;
  };
  status.sessions = number("sessions");
  status.contributions = number("contributions");
}

absl::Status WriteAgentStatus(const std::string& state_folder,
                              const AgentStatus& status) {
  Json json;
  json["version"] = status.version;
  json["coordinator"] = status.coordinator;
  json["population"] = status.population;
  json["updated"] = absl::FormatTime(status.updated, absl::UTCTimeZone());
  json["examples"] = status.examples;
  json["sessions"] = status.sessions;
  json["contributions"] = status.contributions;
  json["model_version"] = nullptr;
  if (status.model_version.has_value()) {
    json["model_version"] = *status.model_version;
  }
  json["last"] = status.last.has_value()
                     ? ToJson(*status.last)
                     : WrittenStatus(state_folder).value("last", Json());
  const std::string text =
      json.dump(2, ' ', false, Json::error_handler_t::replace);
  return ReplaceFile(StatusPath(state_folder), text + "\n", 0600);
}

absl::StatusOr<std::string> ShowAgentStatus(const std::string& state_folder,
                                            bool json) {
  const std::string path = StatusPath(state_folder);
  const Participation said = ParticipationFiles(state_folder).Look();
  const absl::StatusOr<std::string> text = ReadFile(path);
  Json status = Json::object();
  if (text.ok()) {
    status = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!status.is_object()) {
      return absl::DataLossError(absl::StrCat(path, ": is no JSON object"));
    }
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  } else if (said == Participation::kTakesPart && !HasIdentity(state_folder)) {
    return absl::NotFoundError(
        absl::StrCat(state_folder,
                     ": no device's folder, expected one that `shoal-agent "
                     "enroll` has made or an agent runs with"));
  }
  if (!status.contains("last")) status["last"] = nullptr;
  status["participation"] = ParticipationName(said);
  if (const auto since = ForgettingSince(state_folder); since.ok()) {
    status["forgetting_since"] =
        absl::FormatTime(absl::RFC3339_sec, *since, absl::UTCTimeZone());
  }
  status["pending_upload"] = HasPendingUpload(state_folder);
  return json
             ? status.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
             : Table(status);
}

}  // namespace shoal::client
