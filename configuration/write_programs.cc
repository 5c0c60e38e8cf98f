// The configuration of the programs as YAML.
#include <type_traits>
#include <variant>

#include "base/check.h"
#include "configuration/programs.h"
#include "configuration/task_proto.h"
#include "configuration/yaml_writer.h"
#include "protocol/wire.h"
#include "shoal/v1/configuration.pb.h"

namespace shoal::configuration {
namespace {

v1::DataSource ToProto(const learning::DataSource& data) {
  v1::DataSource proto;
  std::visit(
      [&proto](const auto& source) {
        using Source = std::decay_t<decltype(source)>;
        if constexpr (std::is_same_v<Source, learning::HandwritingSource>) {
          proto.mutable_handwriting()->set_seed(source.seed);
          proto.mutable_handwriting()->set_mean_examples(source.mean_examples);
        } else if constexpr (std::is_same_v<Source, learning::IdxSource>) {
          proto.mutable_mnist()->set_path(source.path);
        } else if constexpr (std::is_same_v<Source, learning::HarSource>) {
          proto.mutable_har()->set_path(source.path);
        } else if constexpr (std::is_same_v<Source, learning::TextSource>) {
          proto.mutable_text()->set_path(source.path);
          proto.mutable_text()->set_length(source.length);
        } else {
          static_assert(std::is_same_v<Source, learning::CsvSource>);
          v1::CsvData& csv = *proto.mutable_csv();
          csv.set_path(source.path);
          if (!source.label.empty()) csv.set_label(source.label);
          if (!source.target.empty()) csv.set_target(source.target);
          if (!source.device.empty()) csv.set_device(source.device);
        }
      },
      data.kind);
  return proto;
}

v1::Partition ToProto(const learning::Partition& partition) {
  v1::Partition proto;
  if (const auto* dirichlet =
          std::get_if<learning::DirichletPartition>(&partition)) {
    proto.mutable_dirichlet()->set_alpha(dirichlet->alpha);
  } else if (std::holds_alternative<learning::IidPartition>(partition)) {
    proto.mutable_iid();
  } else {
    proto.mutable_natural();
  }
  return proto;
}

std::string SeverityName(Severity severity) {
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
  v1::AgentConfig proto;
  proto.set_coordinator(config.coordinator);
  proto.set_state(config.state);
  proto.set_population(config.population);
  *proto.mutable_data() = ToProto(config.data);
  if (config.partition.has_value()) {
    *proto.mutable_partition() = ToProto(*config.partition);
  }
  proto.mutable_share()->set_index(config.share.index);
  proto.mutable_share()->set_devices(config.share.devices);
  proto.set_seed(config.seed);
  if (config.memory_bytes.has_value()) proto.set_memory(*config.memory_bytes);
  proto.set_insecure(config.insecure);
  proto.set_log_level(SeverityName(config.log_level));
  proto.set_log_json(config.log_json);
  *proto.mutable_max_backoff() = protocol::ToProto(config.max_backoff);
  return WriteYaml(proto);
}

std::string ScenarioYaml(const Scenario& scenario) {
  v1::Scenario proto;
  *proto.mutable_task() = TaskToProto(scenario.task);
  v1::Population& population = *proto.mutable_population();
  population.set_devices(scenario.devices);
  *population.mutable_data() = ToProto(scenario.data);
  if (scenario.partition.has_value()) {
    *population.mutable_partition() = ToProto(*scenario.partition);
  }
  proto.set_seed(scenario.seed);
  return WriteYaml(proto);
}

}  // namespace shoal::configuration
