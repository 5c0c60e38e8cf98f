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

void WriteNpy(const learning::NpySource& source, Message& npy) {
  Write(npy, "features", source.features);
  Write(npy, "labels", source.labels);
  WriteIf(source.users, "users", npy);
  WriteIf(source.test_features, "test_features", npy);
  WriteIf(source.test_labels, "test_labels", npy);
  WriteIf(source.test_users, "test_users", npy);
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
        } else if constexpr (std::is_same_v<Source,
                                            learning::SyntheticSource>) {
          Message& synthetic = MutablePart(message, "synthetic");
          Write(synthetic, "alpha", source.alpha);
          Write(synthetic, "beta", source.beta);
          Write(synthetic, "seed", source.seed);
          Write(synthetic, "iid", source.iid);
        } else if constexpr (std::is_same_v<Source, learning::NpySource>) {
          WriteNpy(source, MutablePart(message, "npy"));
        } else if constexpr (std::is_same_v<Source, learning::Cifar10Source>) {
          Write(MutablePart(message, "cifar10"), "path", source.path);
        } else if constexpr (std::is_same_v<Source, learning::EmnistSource>) {
          Message& emnist = MutablePart(message, "emnist");
          Write(emnist, "path", source.path);
          Write(emnist, "split", source.split);
        } else if constexpr (std::is_same_v<Source, learning::LeafSource>) {
          Write(MutablePart(message, "leaf"), "path", source.path);
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

void WriteKind(const learning::PartitionKind& kind, Message& message) {
  std::visit(
      [&message](const auto& partition) {
        using Kind = std::decay_t<decltype(partition)>;
        if constexpr (std::is_same_v<Kind, learning::IidPartition>) {
          MutablePart(message, "iid");
        } else if constexpr (std::is_same_v<Kind, learning::NaturalPartition>) {
          MutablePart(message, "natural");
        } else if constexpr (std::is_same_v<Kind,
                                            learning::DirichletPartition>) {
          Write(MutablePart(message, "dirichlet"), "alpha", partition.alpha);
        } else if constexpr (std::is_same_v<Kind, learning::ShardsPartition>) {
          Write(MutablePart(message, "shards"), "per_device",
                partition.per_device);
        } else if constexpr (std::is_same_v<Kind, learning::ClassesPartition>) {
          Write(MutablePart(message, "classes_per_device"), "classes",
                partition.per_device);
        } else if constexpr (std::is_same_v<
                                 Kind, learning::DirichletSizesPartition>) {
          Write(MutablePart(message, "dirichlet_sizes"), "alpha",
                partition.alpha);
        } else if constexpr (std::is_same_v<
                                 Kind, learning::LognormalSizesPartition>) {
          Write(MutablePart(message, "lognormal_sizes"), "sigma",
                partition.sigma);
        } else {
          static_assert(std::is_same_v<Kind, learning::PowerLawSizesPartition>);
          Write(MutablePart(message, "power_law_sizes"), "exponent",
                partition.exponent);
        }
      },
      kind);
}

absl::string_view CourseName(learning::DriftSchedule::Course course) {
  using Course = learning::DriftSchedule::Course;
  switch (course) {
    case Course::kStep:
      return "step";
    case Course::kLinear:
      return "linear";
    case Course::kPeriodic:
      return "periodic";
  }
  SHOAL_CHECK(false);
}

void WriteDrift(const learning::Drift& drift, Message& message) {
  const learning::DriftSchedule& schedule = drift.schedule;
  if (schedule.by_time) {
    Message& time = MutablePart(message, "time");
    Write(time, "start", schedule.start_time);
    Write(time, "length", schedule.duration);
  } else {
    Message& rounds = MutablePart(message, "rounds");
    Write(rounds, "start", schedule.start_round);
    Write(rounds, "length", schedule.num_rounds);
  }
  Write(message, "course", CourseName(schedule.course));
  Write(message, "labels", drift.labels);
  Write(message, "rotation_degrees", drift.rotation_degrees);
  Write(message, "noise", drift.noise);
}

void WritePartition(const learning::Partition& partition, Message& message) {
  WriteKind(partition.kind, message);
  if (partition.feature_noise.has_value()) {
    Write(MutablePart(message, "feature_noise"), "sigma",
          partition.feature_noise->sigma);
  }
  if (partition.rotation.has_value()) {
    Message& rotation = MutablePart(message, "rotation");
    if (partition.rotation->groups > 0) {
      Write(rotation, "groups", partition.rotation->groups);
    } else {
      Write(rotation, "max_degrees", partition.rotation->max_degrees);
    }
  }
  if (partition.drift.has_value()) {
    WriteDrift(*partition.drift, MutablePart(message, "drift"));
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

void WriteGroups(const SimulatedGroups& groups, Message& message) {
  Write(message, "crypto", groups.crypto);
  Message& leave = MutablePart(message, "leave");
  Write(leave, "sharing", groups.leave_before_sharing);
  Write(leave, "masking", groups.leave_before_masking);
  Write(leave, "consistency", groups.leave_before_consistency);
  Write(leave, "unmasking", groups.leave_before_unmasking);
}

void WriteStragglers(const StragglerPlan& plan, Message& message) {
  Write(message, "fraction", plan.fraction);
  Write(message, "min_epochs", plan.min_epochs);
  Write(message, "max_epochs", plan.max_epochs);
  Write(message, "drop", plan.drop);
}

// `is_secure`: the task asks for secure aggregation.
void WriteSimulation(const SimulationPlan& plan, bool is_secure,
                     Message& message) {
  std::vector<std::string> baselines;
  if (plan.local_baseline) baselines.push_back("local");
  if (plan.central_baseline) baselines.push_back("central");
  Write(message, "baselines", baselines);
  Write(message, "evaluate_every", plan.evaluate_every);
  if (!plan.schedule.empty()) Write(message, "schedule", plan.schedule);
  if (!plan.initial_model.empty()) {
    Write(message, "initial_model", plan.initial_model);
  }
  Write(message, "time_limit", plan.time_limit);
  Write(message, "data_memory", plan.data_memory_bytes);
  Write(message, "thin_above", plan.thin_above);
  Write(message, "evaluate_training", plan.evaluate_training);
  if (plan.stragglers.has_value()) {
    WriteStragglers(*plan.stragglers, MutablePart(message, "stragglers"));
  }
  if (is_secure) {
    WriteGroups(plan.groups, MutablePart(message, "secure_aggregation"));
  }
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
  if (config.secure_aggregation.has_value()) {
    MutablePart(message, "secure_aggregation") = *config.secure_aggregation;
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
    WriteDeviceClass(kind,
                     protocol::schema::AddPart(
                         MutablePart(population, "devices_model"), "mix"));
  }
  WriteSimulation(scenario.simulation,
                  scenario.task.secure_aggregation.has_value(),
                  MutablePart(message, "simulation"));
  Write(message, "seed", scenario.seed);
  return WriteYaml(message);
}

}  // namespace shoal::configuration
