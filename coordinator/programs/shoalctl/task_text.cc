#include "coordinator/programs/shoalctl/task_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "coordinator/programs/shoalctl/text.h"
#include "google/protobuf/descriptor.h"
#include "protocol/json.h"
#include "protocol/schema/text.h"
#include "protocol/wire_schema.h"

namespace shoal::shoalctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::ordered_json;

// A scalar as task files have it.
std::string ScalarText(const FieldDescriptor& field, const ordered_json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (!json.is_number()) return json.dump();
  return protocol::schema::ValueText(protocol::FieldOf(field),
                                     json.get<double>());
}

void AppendSettings(const google::protobuf::Descriptor& schema,
                    const ordered_json& json, const std::string& path,
                    Fields& settings);

void AppendSetting(const FieldDescriptor& field, const ordered_json& json,
                   const std::string& path, Fields& settings) {
  const bool scalar =
      protocol::FieldOf(field).kind != protocol::schema::Kind::kMessage;
  if (!field.is_repeated()) {
    if (scalar) {
      settings.push_back({path, ScalarText(field, json)});
    } else {
      AppendSettings(*field.message_type(), json, path, settings);
    }
    return;
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < json.size(); ++i) {
    if (scalar) {
      texts.push_back(ScalarText(field, json[i]));
    } else {
      AppendSettings(*field.message_type(), json[i],
                     absl::StrCat(path, "[", i, "]"), settings);
    }
  }
  if (!texts.empty()) settings.push_back({path, absl::StrJoin(texts, ", ")});
}

// The settings of a message, with their paths. One without any is a choice
// that says everything by its name: "fedavg".
void AppendSettings(const google::protobuf::Descriptor& schema,
                    const ordered_json& json, const std::string& path,
                    Fields& settings) {
  if (json.empty()) settings.push_back({path, ""});
  for (const auto& [name, value] : json.items()) {
    AppendSetting(*schema.FindFieldByName(name), value,
                  protocol::JoinPath(path, name), settings);
  }
}

std::string Indented(const std::string& lines) {
  std::string text;
  for (absl::string_view line :
       absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&text, "  ", line, "\n");
  }
  return text;
}

}  // namespace

std::string TasksTable(const v1::ListTasksResponse& list) {
  Table table({"NAME", "POPULATION", "STATE", "ROUNDS", "FAILED",
               "NEWEST ROUND", "MODEL"});
  for (const v1::TaskReport& task : list.tasks()) {
    table.Add({task.task().name(), task.task().population(),
               StateText(task.state()), RoundsDone(task),
               absl::StrCat(task.rounds_failed()), NewestRound(task),
               ShortDigest(task.current_model())});
  }
  return table.ToString();
}

std::string TaskFields(const v1::TaskReport& task, absl::Time now) {
  Fields fields = {{"task", task.task().name()},
                   {"population", task.task().population()},
                   {"state", StateText(task.state())},
                   {"rounds", absl::StrCat(RoundsDone(task), " committed, ",
                                           task.rounds_failed(), " failed")},
                   {"newest round", NewestRound(task)},
                   {"model", FullDigest(task.current_model())},
                   {"created", Exact(task.has_created(), task.created(), now)}};
  if (!task.note().empty()) fields.push_back({"note", task.note()});
  if (!task.trouble().empty()) fields.push_back({"trouble", task.trouble()});
  return absl::StrCat(FieldsText(fields), "\n", DefinitionText(task.task()));
}

std::string TaskLine(const v1::TaskReport& task) {
  return absl::StrCat("task ", task.task().name(), " is ",
                      StateText(task.state()), ", ", RoundsDone(task),
                      " rounds committed\n");
}

std::string RoundsDone(const v1::TaskReport& task) {
  return absl::StrCat(task.rounds_committed(), "/", task.task().rounds());
}

std::string NewestRound(const v1::TaskReport& task) {
  if (!task.has_newest_round()) return "-";
  const v1::RoundReport& round = task.newest_round();
  return absl::StrCat(round.id(), " ", StateText(round.state()), " ",
                      round.accepted(), "/", round.cohort());
}

std::string DefinitionText(const v1::Task& task) {
  ordered_json json = protocol::ToJson(task);
  for (const char* shown_above : {"name", "population", "rounds"}) {
    json.erase(shown_above);
  }
  std::string sections;
  Fields others;  // settings that are in no section
  for (const auto& [name, value] : json.items()) {
    const FieldDescriptor& field = *task.GetDescriptor()->FindFieldByName(name);
    if (!value.is_object()) {
      AppendSetting(field, value, name, others);
      continue;
    }
    Fields settings;
    for (const auto& [member, setting] : value.items()) {
      AppendSetting(*field.message_type()->FindFieldByName(member), setting,
                    member, settings);
    }
    if (settings.empty()) continue;
    absl::StrAppend(&sections, name, "\n", Indented(FieldsText(settings)));
  }
  return absl::StrCat(FieldsText(others), sections);
}

}  // namespace shoal::shoalctl
