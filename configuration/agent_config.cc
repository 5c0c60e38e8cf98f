// The agent's file. Its reader needs no protobuf: it runs on devices.
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "configuration/program_parts.h"
#include "configuration/programs.h"
#include "configuration/yaml_reader.h"
#include "privacy/secure_aggregation/parameters.h"
#include "protocol/schema/access.h"

namespace shoal::configuration {
namespace {

using protocol::schema::Message;
using protocol::schema::Part;
using protocol::schema::Read;

AgentConfig AgentConfigFrom(const Message& message) {
  AgentConfig config;
  Read(message, "coordinator", config.coordinator);
  Read(message, "state", config.state);
  Read(message, "population", config.population);
  if (protocol::schema::Has(message, "data")) {
    config.data = DataSourceFrom(Part(message, "data"));
  }
  config.partition = PartitionFrom(Part(message, "partition"));
  Read(Part(message, "share"), "index", config.share.index);
  Read(Part(message, "share"), "devices", config.share.devices);
  Read(message, "seed", config.seed);
  if (protocol::schema::Has(message, "memory")) {
    Read(message, "memory", config.memory_bytes.emplace());
  }
  Read(message, "insecure", config.insecure);
  config.log_level = SeverityFrom(message);
  Read(message, "log_json", config.log_json);
  Read(message, "max_backoff", config.max_backoff);
  Read(message, "proxy", config.proxy);
  if (protocol::schema::Has(message, "limits")) {
    config.limits = Part(message, "limits");
  }
  if (protocol::schema::Has(message, "examples")) {
    config.examples = Part(message, "examples");
  }
  if (protocol::schema::Has(message, "secure_aggregation")) {
    config.secure_aggregation = Part(message, "secure_aggregation");
  }
  return config;
}

void CheckShare(const Message& share, FileReport& report) {
  if (!protocol::schema::Has(share, "devices")) return;
  Share read;
  Read(share, "index", read.index);
  Read(share, "devices", read.devices);
  if (read.index < read.devices) return;
  report.Add(
      "share.index",
      absl::StrCat(read.index, " is not below share.devices, ", read.devices));
}

// What belongs to files of a known federation says nothing about a store.
void CheckSource(const Message& message, FileReport& report) {
  using protocol::schema::Has;
  if (!Has(message, "examples")) {
    if (!Has(message, "data") && !report.IsExplained("data")) {
      report.Add("data", "missing, expected this or examples");
    }
    return;
  }
  for (const char* name : {"data", "partition", "share"}) {
    if (!Has(message, name)) continue;
    report.Add(name, "not together with examples");
  }
}

// A device's data change by themselves, not on a schedule.
void CheckPartition(const Message& partition, FileReport& report) {
  if (!protocol::schema::Has(partition, "drift")) return;
  report.Add("partition.drift", "only for simulated devices");
}

void CheckExamples(const Message& examples, FileReport& report) {
  using protocol::schema::Has;
  if (Has(examples, "classes") && Has(examples, "targets")) {
    report.Add("examples.targets", "not together with classes");
  }
  int labels = 1;
  Read(examples, "labels_per_example", labels);
  if (labels > 1 && !Has(examples, "classes")) {
    report.Add("examples.labels_per_example",
               absl::StrCat(labels, ", expected 1 without classes"));
  }
  if (!Has(examples, "folder") && !Has(examples, "socket")) {
    report.Add("examples",
               "neither folder nor socket: no examples can come in");
  }
}

// What no coordinator could keep to.
void CheckGroups(const Message& groups, bool insecure, FileReport& report) {
  using secure_aggregation::CoordinatorTrust;
  CoordinatorTrust coordinator = CoordinatorTrust::kHonest;
  Read(groups, "coordinator", coordinator);
  if (coordinator == CoordinatorTrust::kMalicious &&
      !protocol::schema::Has(groups, "ca")) {
    report.Add("secure_aggregation.ca",
               "missing, expected with the coordinator malicious");
  }
  if (coordinator != CoordinatorTrust::kHonest && insecure) {
    report.Add("secure_aggregation.coordinator",
               "not together with insecure: signatures need certificates");
  }
}

}  // namespace

absl::StatusOr<AgentConfig> ParseAgentConfig(absl::string_view yaml,
                                             absl::string_view name) {
  FileReport report(name);
  Message message(protocol::schema::TypeNamed("AgentConfig"));
  ReadYaml(yaml, message, report);
  AddRuleViolations(message, "", report);
  CheckAddress(message, "coordinator", report);
  CheckSource(message, report);
  CheckShare(Part(message, "share"), report);
  CheckPartition(Part(message, "partition"), report);
  if (protocol::schema::Has(message, "examples")) {
    CheckExamples(Part(message, "examples"), report);
  }
  if (protocol::schema::Has(message, "secure_aggregation")) {
    bool insecure = false;
    Read(message, "insecure", insecure);
    CheckGroups(Part(message, "secure_aggregation"), insecure, report);
  }
  SHOAL_RETURN_IF_ERROR(report.ToStatus());
  return AgentConfigFrom(message);
}

absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path) {
  return Load(path, ParseAgentConfig);
}

}  // namespace shoal::configuration
