#include "configuration/programs.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "configuration/program_parts.h"
#include "configuration/task_checks.h"
#include "configuration/yaml_reader.h"
#include "protocol/schema/access.h"
#include "protocol/wire_schema.h"

namespace shoal::configuration {
namespace {

using protocol::schema::Has;
using protocol::schema::Message;
using protocol::schema::Part;
using protocol::schema::Read;

CoordinatorConfig CoordinatorConfigFrom(const Message& message) {
  CoordinatorConfig config;
  Read(message, "listen", config.listen);
  Read(message, "http_listen", config.http_listen);
  Read(message, "data", config.data);
  if (Has(message, "tls")) {
    const Message& files = Part(message, "tls");
    TlsFiles& tls = config.tls.emplace();
    Read(files, "ca", tls.ca);
    Read(files, "certificate", tls.certificate);
    Read(files, "key", tls.key);
  }
  Read(message, "enrollment_ca_key", config.enrollment_ca_key);
  Read(message, "device_certificate_lifetime",
       config.device_certificate_lifetime);
  const Message& commit = Part(message, "commit");
  Read(commit, "max_updates", config.commit_max_updates);
  Read(commit, "max_delay", config.commit_max_delay);
  Read(commit, "max_bytes", config.commit_max_bytes);
  Read(message, "upload_memory", config.upload_memory_bytes);
  Read(message, "upload_disk", config.upload_disk_bytes);
  Read(message, "worker_threads", config.worker_threads);
  config.log_level = SeverityFrom(message);
  Read(message, "log_json", config.log_json);
  return config;
}

std::vector<DeviceClass> ClassesFrom(const Message& model) {
  std::vector<DeviceClass> classes;
  for (const Message* message : protocol::schema::Parts(model, "mix")) {
    classes.push_back(DeviceClassFrom(*message));
  }
  return classes;
}

// `epochs`: the task's.
StragglerPlan StragglersFrom(const Message& message, int epochs) {
  StragglerPlan plan;
  plan.max_epochs = epochs - 1;
  Read(message, "fraction", plan.fraction);
  Read(message, "min_epochs", plan.min_epochs);
  Read(message, "max_epochs", plan.max_epochs);
  Read(message, "drop", plan.drop);
  return plan;
}

void CheckStragglers(const Message& message, int epochs, FileReport& report) {
  const StragglerPlan plan = StragglersFrom(message, epochs);
  if (plan.max_epochs > epochs) {
    report.Add("simulation.stragglers.max_epochs",
               absl::StrCat("is ", plan.max_epochs, ", expected at most the ",
                            epochs, " epochs of the task"));
  }
  if (plan.min_epochs > plan.max_epochs) {
    report.Add("simulation.stragglers",
               absl::StrCat("min_epochs is ", plan.min_epochs,
                            ", expected at most max_epochs, which is ",
                            plan.max_epochs));
  }
}

SimulatedGroups GroupsFrom(const Message& message) {
  SimulatedGroups groups;
  Read(message, "crypto", groups.crypto);
  const Message& leave = Part(message, "leave");
  Read(leave, "sharing", groups.leave_before_sharing);
  Read(leave, "masking", groups.leave_before_masking);
  Read(leave, "consistency", groups.leave_before_consistency);
  Read(leave, "unmasking", groups.leave_before_unmasking);
  return groups;
}

// `epochs`: the task's.
SimulationPlan SimulationFrom(const Message& message, int epochs) {
  SimulationPlan plan;
  std::vector<std::string> baselines;
  Read(message, "baselines", baselines);
  plan.local_baseline = absl::c_linear_search(baselines, "local");
  plan.central_baseline = absl::c_linear_search(baselines, "central");
  Read(message, "evaluate_every", plan.evaluate_every);
  Read(message, "schedule", plan.schedule);
  Read(message, "initial_model", plan.initial_model);
  Read(message, "time_limit", plan.time_limit);
  Read(message, "data_memory", plan.data_memory_bytes);
  Read(message, "thin_above", plan.thin_above);
  Read(message, "evaluate_training", plan.evaluate_training);
  if (Has(message, "stragglers")) {
    plan.stragglers = StragglersFrom(Part(message, "stragglers"), epochs);
  }
  plan.groups = GroupsFrom(Part(message, "secure_aggregation"));
  return plan;
}

void CheckReports(const v1::Task& task, int devices, FileReport& report) {
  const int64_t needed = task.round().min_reports();
  if (devices < 1 || needed <= devices) return;
  report.Add("task.round.min_reports",
             absl::StrCat("is ", needed, ", expected at most the ", devices,
                          " devices of the population"));
}

// Shares are written with a few digits.
void CheckShares(const std::vector<DeviceClass>& classes, FileReport& report) {
  double sum = 0;
  for (const DeviceClass& kind : classes) sum += kind.share;
  if (classes.empty() || std::abs(sum - 1) < 1e-6) return;
  report.Add("population.devices_model.mix",
             absl::StrCat("the shares add up to ", sum, ", expected 1"));
}

}  // namespace

absl::StatusOr<CoordinatorConfig> ParseCoordinatorConfig(
    absl::string_view yaml, absl::string_view name) {
  FileReport report(name);
  Message message(protocol::schema::TypeNamed("CoordinatorConfig"));
  ReadYaml(yaml, message, report);
  AddRuleViolations(message, "", report);
  CheckAddress(message, "listen", report);
  std::string http_listen;
  Read(message, "http_listen", http_listen);
  if (!http_listen.empty()) CheckAddress(message, "http_listen", report);
  SHOAL_RETURN_IF_ERROR(report.ToStatus());
  return CoordinatorConfigFrom(message);
}

absl::StatusOr<Scenario> ParseScenario(absl::string_view yaml,
                                       absl::string_view name) {
  FileReport report(name);
  Message message(protocol::schema::TypeNamed("Scenario"));
  ReadYaml(yaml, message, report);
  AddRuleViolations(message, "", report);
  v1::Task task;
  protocol::FromSchema(Part(message, "task"), task);
  CheckTaskInFile(task, "task", report);
  const Message& population = Part(message, "population");
  Scenario scenario;
  scenario.classes = ClassesFrom(Part(population, "devices_model"));
  CheckShares(scenario.classes, report);
  Read(population, "devices", scenario.devices);
  CheckReports(task, scenario.devices, report);
  const Message& simulation = Part(message, "simulation");
  if (Has(simulation, "stragglers")) {
    const int epochs =
        task.training().has_epochs() ? task.training().epochs() : 1;
    CheckStragglers(Part(simulation, "stragglers"), epochs, report);
  }
  if (Has(simulation, "secure_aggregation") && !task.has_secure_aggregation()) {
    report.Add("simulation.secure_aggregation",
               "is there, but the task does not ask for secure aggregation");
  }
  SHOAL_RETURN_IF_ERROR(report.ToStatus());
  scenario.task = CheckedTaskFromProto(task);
  scenario.data = DataSourceFrom(Part(population, "data"));
  scenario.partition = PartitionFrom(Part(population, "partition"));
  Read(message, "seed", scenario.seed);
  scenario.simulation =
      SimulationFrom(simulation, scenario.task.training.epochs);
  return scenario;
}

absl::StatusOr<CoordinatorConfig> LoadCoordinatorConfig(
    const std::string& path) {
  return Load(path, ParseCoordinatorConfig);
}

absl::StatusOr<Scenario> LoadScenario(const std::string& path) {
  return Load(path, ParseScenario);
}

}  // namespace shoal::configuration
