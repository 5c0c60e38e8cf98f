// The configuration of the programs as YAML.
#include <type_traits>
#include <variant>

#include "base/check.h"
#include "configuration/programs.h"
#include "configuration/task_proto.h"
#include "configuration/yaml_writer.h"
#include "protocol/schema/access.h"
#include "protocol/wire_schema.h"

namespace shoal::configuration {
namespace {

using protocol::schema::Message;
using protocol::schema::MutablePart;
using protocol::schema::Write;

void WriteIf(absl::string_view text, absl::string_view name, Message& message) {
  if (!text.empty()) Write(message, name, text);
}

void WriteSource(const learning::DataSource& data, Message& message) {
  std::visit(
      [&message](const auto& source) {
        using Source = std::decay_t<decltype(source)>;
        if constexpr (std::is_same_v<Source, learning::HandwritingSource>) {
          Message& handwriting = MutablePart(message, "handwriting");
          Write(handwriting, "seed", source.seed);
          Write(handwriting, "mean_examples", source.mean_examples);
        } else if constexpr (std::is_same_v<Source, learning::IdxSource>) {
          Write(MutablePart(message, "mnist"), "path", source.path);
        } else if constexpr (std::is_same_v<Source, learning::HarSource>) {
          Write(MutablePart(message, "har"), "path", source.path);
        } else if constexpr (std::is_same_v<Source, learning::TextSource>) {
          Message& text = MutablePart(message, "text");
          Write(text, "path", source.path);
          Write(text, "length", source.length);
        } else {
          static_assert(std::is_same_v<Source, learning::CsvSource>);
          Message& csv = MutablePart(message, "csv");
          Write(csv, "path", source.path);
          WriteIf(source.label, "label", csv);
          WriteIf(source.target, "target", csv);
          WriteIf(source.device, "device", csv);
        }
      },
      data.kind);
}

void WritePartition(const learning::Partition& partition, Message& message) {
  if (const auto* dirichlet =
          std::get_if<learning::DirichletPartition>(&partition)) {
    Write(MutablePart(message, "dirichlet"), "alpha", dirichlet->alpha);
  } else if (std::holds_alternative<learning::IidPartition>(partition)) {
    MutablePart(message, "iid");
  } else {
    MutablePart(message, "natural");
  }
}

absl::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "debug";
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  SHOAL_CHECK(false);
}

}  // namespace

std::string AgentConfigYaml(const AgentConfig& config) {
  Message message(protocol::schema::TypeNamed("AgentConfig"));
  Write(message, "coordinator", config.coordinator);
  Write(message, "state", config.state);
  Write(message, "population", config.population);
  if (config.data.has_value()) {
    WriteSource(*config.data, MutablePart(message, "data"));
    Message& share = MutablePart(message, "share");
    Write(share, "index", config.share.index);
    Write(share, "devices", config.share.devices);
  }
  if (config.partition.has_value()) {
    WritePartition(*config.partition, MutablePart(message, "partition"));
  }
  Write(message, "seed", config.seed);
  if (config.memory_bytes.has_value()) {
    Write(message, "memory", *config.memory_bytes);
  }
  Write(message, "insecure", config.insecure);
  Write(message, "log_level", SeverityName(config.log_level));
  Write(message, "log_json", config.log_json);
  Write(message, "max_backoff", config.max_backoff);
  if (!config.proxy.empty()) Write(message, "proxy", config.proxy);
  if (config.limits.has_value()) {
    MutablePart(message, "limits") = *config.limits;
  }
  if (config.examples.has_value()) {
    MutablePart(message, "examples") = *config.examples;
  }
  return WriteYaml(message);
}

std::string ScenarioYaml(const Scenario& scenario) {
  Message message(protocol::schema::TypeNamed("Scenario"));
  const absl::StatusOr<Message> task =
      protocol::AsSchema(TaskToProto(scenario.task));
  SHOAL_CHECK(task.ok());
  MutablePart(message, "task") = *task;
  Message& population = MutablePart(message, "population");
  Write(population, "devices", scenario.devices);
  WriteSource(scenario.data, MutablePart(population, "data"));
  if (scenario.partition.has_value()) {
    WritePartition(*scenario.partition, MutablePart(population, "partition"));
  }
  for (const DeviceClass& kind : scenario.classes) {
    Message& made = protocol::schema::AddPart(
        MutablePart(population, "devices_model"), "mix");
    Write(made, "class", kind.name);
    Write(made, "share", kind.share);
    if (kind.memory_bytes.has_value()) {
      Write(made, "memory", *kind.memory_bytes);
    }
    if (kind.limits.has_value()) MutablePart(made, "limits") = *kind.limits;
  }
  Write(message, "seed", scenario.seed);
  return WriteYaml(message);
}

}  // namespace shoal::configuration
