// The configuration of the programs, from YAML. Schema:
// shoal/v1/configuration.proto. Errors read
// "file:line: path: what is wrong, what was expected".
#ifndef SHOAL_CONFIGURATION_PROGRAMS_H_
#define SHOAL_CONFIGURATION_PROGRAMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/logging.h"
#include "configuration/device_class.h"
#include "configuration/task.h"
#include "learning/data/data_source.h"
#include "protocol/schema/message.h"

namespace shoal::configuration {

struct TlsFiles {
  std::string ca;           // PEM file
  std::string certificate;  // PEM file
  std::string key;          // PEM file
};

struct CoordinatorConfig {
  std::string listen = "0.0.0.0:7600";
  std::string http_listen = "127.0.0.1:7601";  // empty: none
  std::string data;                            // folder
  std::optional<TlsFiles> tls;
  std::string enrollment_ca_key;  // PEM file; empty: nobody can enroll
  absl::Duration device_certificate_lifetime = absl::Hours(24 * 365);
  int commit_max_updates = 64;
  absl::Duration commit_max_delay = absl::Milliseconds(500);
  int64_t commit_max_bytes = int64_t{256} << 20;
  int64_t upload_memory_bytes = int64_t{256} << 20;
  int64_t upload_disk_bytes = int64_t{4} << 30;
  int worker_threads = 0;  // 0: one per core
  Severity log_level = Severity::kInfo;
  bool log_json = false;
};

// Which of the simulated devices an agent plays.
struct Share {
  int index = 0;    // [0, devices)
  int devices = 0;  // >= 1
};

struct AgentConfig {
  std::string coordinator;  // HOST:PORT
  std::string state;        // folder
  std::string population;
  // Exactly one of `data` and `examples`.
  std::optional<learning::DataSource> data;
  std::optional<learning::Partition> partition;  // of `data`, like the share
  Share share = {0, 1};
  uint64_t seed = 0;
  std::optional<int64_t> memory_bytes;
  bool insecure = false;
  Severity log_level = Severity::kInfo;
  bool log_json = false;
  absl::Duration max_backoff = absl::Minutes(5);
  std::string proxy;  // a URL; empty: as the environment says
  // AgentLimits, as far as the file has them (client/agent/agent_limits.h).
  std::optional<protocol::schema::Message> limits;
  // AgentExamples, likewise (client/agent/agent_examples.h).
  std::optional<protocol::schema::Message> examples;
  // AgentGroups, likewise (client/agent/agent_groups.h).
  std::optional<protocol::schema::Message> secure_aggregation;
};

// Devices that do a part of their work only.
struct StragglerPlan {
  double fraction = 0;  // [0, 1], of every round's devices
  int min_epochs = 1;   // [1, max_epochs]
  int max_epochs = 1;   // at most the task's
  bool drop = false;    // nothing is heard of them
};

// Numbers of the schema.
enum class SimulatedCrypto {
  kReal = 1,  // the very protocol
  kSkip,      // its steps alone
};

// How devices aggregate securely. Chances, [0, 1], of a member of a group to
// leave it before a step.
struct SimulatedGroups {
  SimulatedCrypto crypto = SimulatedCrypto::kReal;
  double leave_before_sharing = 0;
  double leave_before_masking = 0;
  double leave_before_consistency = 0;
  double leave_before_unmasking = 0;
  friend bool operator==(const SimulatedGroups&,
                         const SimulatedGroups&) = default;
};

// How a scenario is simulated.
struct SimulationPlan {
  bool local_baseline = false;    // every device training alone
  bool central_baseline = false;  // all examples in one place
  int64_t evaluate_every = 1;     // rounds, >= 1
  std::string schedule;           // file; "": devices come by themselves
  std::string initial_model;      // file; "": from the task's seed
  absl::Duration time_limit = absl::Hours(24 * 365);
  int64_t data_memory_bytes = int64_t{512} << 20;
  int64_t thin_above = 20'000;  // devices
  std::optional<StragglerPlan> stragglers;
  // Models are scored on the training examples of all devices, too.
  bool evaluate_training = false;
  // Of a task that asks for secure aggregation.
  SimulatedGroups groups = {};
};

struct Scenario {
  Task task;
  int devices = 0;  // >= 1
  learning::DataSource data;
  std::optional<learning::Partition> partition;
  std::vector<DeviceClass> classes;  // shares add up to 1; empty: all alike
  uint64_t seed = 0;
  SimulationPlan simulation = {};
};

absl::StatusOr<CoordinatorConfig> LoadCoordinatorConfig(
    const std::string& path);
absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path);
absl::StatusOr<Scenario> LoadScenario(const std::string& path);

// The same from text; `name` stands for the file in errors.
absl::StatusOr<CoordinatorConfig> ParseCoordinatorConfig(
    absl::string_view yaml, absl::string_view name);
absl::StatusOr<AgentConfig> ParseAgentConfig(absl::string_view yaml,
                                             absl::string_view name);
absl::StatusOr<Scenario> ParseScenario(absl::string_view yaml,
                                       absl::string_view name);
absl::StatusOr<Task> ParseTaskYaml(absl::string_view yaml,
                                   absl::string_view name);

// The reverse, with every setting written out. REQUIRES: values that a file
// could have given.
std::string AgentConfigYaml(const AgentConfig& config);
std::string ScenarioYaml(const Scenario& scenario);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_PROGRAMS_H_
