#include "simulations/live/local_deployment.h"

#include <signal.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/human_duration.h"
#include "base/status_macros.h"
#include "client/include/shoal/client.h"
#include "simulations/device_classes.h"

namespace shoal::simulations {
namespace {

using nlohmann::json;

constexpr absl::Duration kLifetime = absl::Hours(24 * 7);
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);
// What the processes get to end by themselves.
constexpr absl::Duration kStopTimeout = absl::Seconds(5);
constexpr int kTailLines = 12;
constexpr absl::Duration kMaxBackoff = absl::Seconds(2);  // of the agents

// One line per key; the values are JSON, which is YAML too.
std::string ToYaml(const json& config) {
  std::string text;
  for (const auto& [key, value] : config.items()) {
    absl::StrAppend(&text, key, ": ", value.dump(), "\n");
  }
  return text;
}

std::string HowItEnded(const ChildExit& exit) {
  if (exit.signal != 0)
    return absl::StrCat("was killed by signal ", exit.signal);
  return absl::StrCat("ended with exit code ", exit.code);
}

std::string Tail(absl::string_view name, const ChildProcess& process) {
  const std::string tail = TailOfFile(process.log_path(), kTailLines);
  return absl::StrCat("\n--- log of ", name, " ---\n",
                      tail.empty() ? "(empty)" : tail);
}

std::string AgentName(int index) { return absl::StrCat("device-", index); }

absl::Status WriteIdentity(const std::string& folder, absl::string_view name,
                           const protocol::KeyAndCertificate& identity) {
  const std::string stem = absl::StrCat(folder, "/", name);
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(stem, ".key.pem"),
                                            identity.key_pem.Reveal(), 0600));
  return WriteFileAtomically(absl::StrCat(stem, ".pem"),
                             identity.certificate_pem);
}

}  // namespace

std::string AgentStateFolder(const std::string& folder, int index) {
  return absl::StrCat(folder, "/", AgentName(index));
}

std::string CoordinatorConfigText(const std::string& folder) {
  const json config = {{"listen", "127.0.0.1:0"},
                       {"http_listen", "127.0.0.1:0"},
                       {"data", folder + "/coordinator"},
                       {"tls",
                        {{"ca", folder + "/ca.pem"},
                         {"certificate", folder + "/coordinator.pem"},
                         {"key", folder + "/coordinator.key.pem"}}},
                       {"enrollment_ca_key", folder + "/ca.key.pem"}};
  return ToYaml(config);
}

std::string AgentConfigText(const configuration::Scenario& scenario, int index,
                            const std::string& coordinator,
                            const std::string& state_folder) {
  configuration::AgentConfig config;
  config.coordinator = coordinator;
  config.state = state_folder;
  config.population = scenario.task.population;
  config.data = scenario.data;
  config.partition = scenario.partition;
  config.share = {index, scenario.devices};
  config.seed = scenario.seed;
  config.max_backoff = kMaxBackoff;
  if (!scenario.classes.empty()) {
    const configuration::DeviceClass& kind =
        scenario.classes[AssignClasses(scenario)[index]];
    config.memory_bytes = kind.memory_bytes;
    config.limits = kind.limits;
  }
  return configuration::AgentConfigYaml(config);
}

absl::StatusOr<std::unique_ptr<LocalDeployment>> LocalDeployment::Start(
    DeploymentOptions options) {
  std::unique_ptr<LocalDeployment> deployment(
      new LocalDeployment(std::move(options)));
  SHOAL_RETURN_IF_ERROR(deployment->MakeIdentities());
  SHOAL_RETURN_IF_ERROR(deployment->StartCoordinator());
  SHOAL_RETURN_IF_ERROR(deployment->AwaitEndpoints());
  return deployment;
}

LocalDeployment::~LocalDeployment() { Stop(); }

absl::Status LocalDeployment::MakeIdentities() {
  const absl::Time now = absl::Now();
  SHOAL_ASSIGN_OR_RETURN(ca_,
                         protocol::MakeCa("Shoal live run", now, kLifetime));
  SHOAL_ASSIGN_OR_RETURN(
      operator_, protocol::Issue(ca_, "shoal-sim", protocol::Role::kOperator,
                                 {}, now, kLifetime));
  SHOAL_ASSIGN_OR_RETURN(
      const protocol::KeyAndCertificate coordinator,
      protocol::Issue(ca_, "coordinator", protocol::Role::kCoordinator,
                      {"127.0.0.1", "localhost"}, now, kLifetime));
  SHOAL_RETURN_IF_ERROR(WriteIdentity(options_.folder, "ca", ca_));
  return WriteIdentity(options_.folder, "coordinator", coordinator);
}

absl::Status LocalDeployment::StartCoordinator() {
  const std::string config = options_.folder + "/shoald.yaml";
  SHOAL_RETURN_IF_ERROR(
      WriteFileAtomically(config, CoordinatorConfigText(options_.folder)));
  SHOAL_ASSIGN_OR_RETURN(
      coordinator_,
      ChildProcess::Start(
          {.command = {options_.program_folder + "/shoald", "--config", config},
           .environment = {},
           .log_path = options_.folder + "/shoald.log"}));
  return absl::OkStatus();
}

bool LocalDeployment::Interrupted() const {
  return options_.interrupted && options_.interrupted();
}

absl::Status LocalDeployment::AwaitEndpoints() {
  const std::string path = options_.folder + "/coordinator/endpoints.json";
  const absl::Time deadline = absl::Now() + options_.start_timeout;
  while (true) {
    const absl::StatusOr<std::string> text = ReadFile(path);
    if (text.ok()) {
      const json endpoints = json::parse(*text, nullptr, false);
      const auto has = [&](const char* name) {
        return endpoints.contains(name) && endpoints[name].is_string();
      };
      if (!endpoints.is_object() || !has("grpc") || !has("http")) {
        return absl::InternalError(
            absl::StrCat(path, ": expected the coordinator's addresses"));
      }
      address_ = endpoints["grpc"].get<std::string>();
      http_address_ = endpoints["http"].get<std::string>();
      return absl::OkStatus();
    }
    SHOAL_RETURN_IF_ERROR(CheckRunning(0));
    if (Interrupted()) return absl::CancelledError("interrupted");
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "shoald does not serve after ", HumanDuration(options_.start_timeout),
          Tail("shoald", *coordinator_)));
    }
    absl::SleepFor(kPollInterval);
  }
}

absl::Status LocalDeployment::AddAgent(const configuration::Scenario& scenario,
                                       int index,
                                       const std::string& invitation) {
  if (Interrupted()) return absl::CancelledError("interrupted");
  const std::string name = AgentName(index);
  const std::string state = AgentStateFolder(options_.folder, index);
  const std::string config = absl::StrCat(state, ".yaml");
  SHOAL_RETURN_IF_ERROR(Enroll({.coordinator = address_,
                                .ca_pem = ca_pem(),
                                .invitation = invitation,
                                .device_name = name,
                                .state_folder = state})
                            .status());
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(
      config, AgentConfigText(scenario, index, address_, state)));
  SHOAL_ASSIGN_OR_RETURN(
      std::unique_ptr<ChildProcess> agent,
      ChildProcess::Start({.command = {options_.program_folder + "/shoal-agent",
                                       "run", "--config", config},
                           .environment = {},
                           .log_path = absl::StrCat(state, ".log")}));
  agents_.push_back(std::move(agent));
  return absl::OkStatus();
}

absl::Status LocalDeployment::CheckRunning(int min_agents) {
  if (const auto exit = coordinator_->Poll(); exit.has_value()) {
    return absl::InternalError(absl::StrCat("shoald ", HowItEnded(*exit),
                                            Tail("shoald", *coordinator_)));
  }
  int running = 0;
  ChildProcess* ended = nullptr;
  for (const auto& agent : agents_) {
    if (agent->Poll().has_value()) {
      ended = agent.get();
    } else {
      ++running;
    }
  }
  if (running >= min_agents || ended == nullptr) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      agents_.size() - running, " of ", agents_.size(), " agents have ended, ",
      min_agents, " are needed; the last one ", HowItEnded(*ended->Poll()),
      Tail("shoal-agent", *ended)));
}

std::vector<std::string> LocalDeployment::NewlyEnded() {
  std::vector<std::string> news;
  for (int i = 0; i < static_cast<int>(agents_.size()); ++i) {
    const std::optional<ChildExit> exit = agents_[i]->Poll();
    if (!exit.has_value() || !told_.insert(i).second) continue;
    news.push_back(absl::StrCat(
        "the agent of ", AgentName(i), " ", HowItEnded(*exit),
        "; its last line: ", TailOfFile(agents_[i]->log_path(), 1)));
  }
  return news;
}

std::string LocalDeployment::LogTails() const {
  std::string tails = Tail("shoald", *coordinator_);
  if (!agents_.empty()) {
    absl::StrAppend(&tails, Tail("shoal-agent", *agents_.front()));
  }
  return tails;
}

void LocalDeployment::Stop() {
  const absl::Time deadline = absl::Now() + kStopTimeout;
  // Devices first, so that they find the coordinator while they end.
  for (const auto& agent : agents_) agent->Signal(SIGTERM);
  for (const auto& agent : agents_) agent->Wait(deadline - absl::Now());
  agents_.clear();  // kills what is left
  if (coordinator_ == nullptr) return;
  coordinator_->Signal(SIGTERM);
  coordinator_->Wait(kStopTimeout);
  coordinator_.reset();
}

}  // namespace shoal::simulations
