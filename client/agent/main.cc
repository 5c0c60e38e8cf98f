// shoal-agent: takes part in a federation with the data of this machine.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/logging.h"
#include "base/program_error.h"
#include "base/version.h"
#include "client/agent/agent.h"
#include "client/agent/agent_status.h"
#include "client/agent/ask_agent.h"
#include "client/agent/commands.h"
#include "client/agent/owners_say.h"
#include "client/agent/share.h"
#include "client/agent/stop_signals.h"
#include "client/transport/lean/openssl_memory.h"
#include "protocol/credentials.h"
#include "protocol/exit_code.h"

namespace shoal::client {
namespace {

using protocol::ExitCode;

constexpr bool kRequired = true;

struct RunArguments {
  std::string config;
  std::string proxy;
  int64_t sessions = 0;
  bool once = false;
};

struct EnrollArguments {
  std::string coordinator;
  std::string ca;
  std::string invitation;
  std::string state;
  std::string name;
  std::string proxy;
};

struct StatisticsArguments {
  std::string config;
  std::string out;
};

// Of a running agent.
struct AskArguments {
  std::string socket;
  std::string features;
  std::string outcome;  // labels or targets; of examples
};

struct StatusArguments {
  std::string state;
  bool json = false;
};

struct OwnersArguments {
  std::string config;
  bool json = false;
  // Of `forget`:
  bool yes = false;
  bool without_coordinator = false;
  std::string proxy;
};

ExitCode Fail(const absl::Status& status) {
  PrintError("shoal-agent", status);
  return protocol::ExitCodeOf(status);
}

absl::StatusOr<Failpoints> FailpointsOfTests() {
  const char* failpoint = std::getenv("SHOAL_AGENT_FAILPOINT");
  return Failpoints::Parse(failpoint != nullptr ? failpoint : "");
}

ExitCode Run(const RunArguments& arguments) {
  StopSignals signals;
  AgentOptions options;
  absl::StatusOr<configuration::AgentConfig> config =
      configuration::LoadAgentConfig(arguments.config);
  if (!config.ok()) return Fail(protocol::AsWrongInput(config.status()));
  options.config = *std::move(config);
  if (!arguments.proxy.empty()) options.config.proxy = arguments.proxy;
  if (arguments.once) options.max_sessions = 1;
  if (arguments.sessions > 0) options.max_sessions = arguments.sessions;
  const absl::StatusOr<Failpoints> failpoints = FailpointsOfTests();
  if (!failpoints.ok()) return Fail(failpoints.status());
  options.failpoints = *failpoints;
  StderrLogger log(options.config.log_level, options.config.log_json);
  return Agent(std::move(options), signals, log).Run();
}

std::string HostName() {
  char name[65] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') {
    return "device";
  }
  return name;
}

ExitCode EnrollDevice(const EnrollArguments& arguments) {
  const absl::StatusOr<std::string> ca =
      protocol::LoadCertificate(arguments.ca);
  if (!ca.ok()) return Fail(protocol::AsWrongInput(ca.status()));
  const absl::StatusOr<std::string> id = Enroll(
      {.coordinator = arguments.coordinator,
       .ca_pem = *ca,
       .invitation = arguments.invitation,
       .device_name = arguments.name.empty() ? HostName() : arguments.name,
       .state_folder = arguments.state,
       .proxy = arguments.proxy});
  if (!id.ok()) return Fail(id.status());
  std::printf("enrolled as device %s\n", id->c_str());
  return protocol::kExitOk;
}

ExitCode Statistics(const StatisticsArguments& arguments) {
  const absl::StatusOr<configuration::AgentConfig> config =
      configuration::LoadAgentConfig(arguments.config);
  if (!config.ok()) return Fail(protocol::AsWrongInput(config.status()));
  const absl::StatusOr<std::string> said =
      WriteStatistics(*config, arguments.out);
  if (!said.ok()) return Fail(protocol::AsWrongInput(said.status()));
  std::printf("%s\n", said->c_str());
  return protocol::kExitOk;
}

// `hint`: what an error may come from.
ExitCode Ask(const AskArguments& arguments, const std::string& line,
             absl::string_view hint = "") {
  constexpr absl::Duration kPatience = absl::Seconds(30);
  const absl::StatusOr<std::string> answer =
      AskAgent(arguments.socket, line, kPatience);
  if (!answer.ok()) {
    return Fail(absl::Status(answer.status().code(),
                             absl::StrCat(answer.status().message(), hint)));
  }
  if (!answer->empty()) std::printf("%s\n", answer->c_str());
  return protocol::kExitOk;
}

ExitCode Add(const AskArguments& arguments) {
  const bool is_plain = arguments.outcome.empty();
  return Ask(arguments,
             absl::StrCat("example ", arguments.outcome, is_plain ? "" : " ",
                          arguments.features),
             is_plain ? "; neither --label nor --target was given" : "");
}

ExitCode Predict(const AskArguments& arguments) {
  return Ask(arguments, absl::StrCat("predict ", arguments.features));
}

ExitCode Status(const StatusArguments& arguments) {
  const absl::StatusOr<std::string> text =
      ShowAgentStatus(arguments.state, arguments.json);
  if (!text.ok()) return Fail(text.status());
  std::fputs(text->c_str(), stdout);
  return protocol::kExitOk;
}

ExitCode SetTakesPart(const OwnersArguments& arguments, bool takes_part) {
  const absl::StatusOr<configuration::AgentConfig> config =
      configuration::LoadAgentConfig(arguments.config);
  if (!config.ok()) return Fail(protocol::AsWrongInput(config.status()));
  const absl::StatusOr<std::string> said =
      SayParticipation(*config, takes_part, arguments.json);
  if (!said.ok()) return Fail(said.status());
  std::fputs(said->c_str(), stdout);
  return protocol::kExitOk;
}

// OK when the owner has agreed.
absl::Status Confirm(const configuration::AgentConfig& config) {
  if (isatty(STDIN_FILENO) == 0) {
    return absl::InvalidArgumentError(
        "forget: there is no terminal to confirm it on, expected --yes");
  }
  std::fputs(ForgetWarning(config).c_str(), stderr);
  std::fputs("Type yes to go on: ", stderr);
  char answer[16] = {};
  if (std::fgets(answer, sizeof answer, stdin) != nullptr &&
      absl::StripAsciiWhitespace(answer) == "yes") {
    return absl::OkStatus();
  }
  return absl::CancelledError("forget: nothing was changed");
}

ExitCode ForgetThisDevice(const OwnersArguments& arguments) {
  absl::StatusOr<configuration::AgentConfig> config =
      configuration::LoadAgentConfig(arguments.config);
  if (!config.ok()) return Fail(protocol::AsWrongInput(config.status()));
  if (!arguments.proxy.empty()) config->proxy = arguments.proxy;
  if (!arguments.yes) {
    const absl::Status confirmed = Confirm(*config);
    if (!confirmed.ok()) return Fail(confirmed);
  }
  const absl::StatusOr<Failpoints> failpoints = FailpointsOfTests();
  if (!failpoints.ok()) return Fail(failpoints.status());
  std::fputs(ForgetNotice(*config, arguments.without_coordinator).c_str(),
             stderr);
  const ForgetAnswer answer = SayForget(*config, arguments.without_coordinator,
                                        arguments.json, *failpoints);
  std::fputs(answer.text.c_str(), stdout);
  if (answer.status.ok()) return protocol::kExitOk;
  return Fail(answer.status);
}

CommandOption Proxy(std::string& proxy) {
  return {"--proxy", &proxy,
          "http://[USER:PASSWORD@]HOST:PORT of an HTTP proxy on the way; as "
          "https_proxy and no_proxy say when absent"};
}

Command RunCommand(RunArguments& arguments) {
  return {.name = "run",
          .about = "take part until stopped",
          .options = {{"--config", &arguments.config, "YAML file", kRequired},
                      {"--sessions", &arguments.sessions,
                       "end after that many sessions"},
                      {"--once", &arguments.once, "end after one session"},
                      Proxy(arguments.proxy)},
          .example = "shoal-agent run --config /etc/shoal/agent.yaml",
          .run = [&] { return Run(arguments); }};
}

Command EnrollCommand(EnrollArguments& arguments) {
  return {
      .name = "enroll",
      .about = "make a key and have its certificate signed",
      .options =
          {{"--coordinator", &arguments.coordinator, "HOST:PORT", kRequired},
           {"--ca", &arguments.ca, "PEM file of the coordinator's CA",
            kRequired},
           {"--invitation", &arguments.invitation,
            "from `shoalctl device invite`", kRequired},
           {"--state", &arguments.state, "the device's folder", kRequired},
           {"--name", &arguments.name, "of the device; the host's when absent"},
           Proxy(arguments.proxy)},
      .example =
          "shoal-agent enroll --coordinator fleet.example.org:7600 --ca ca.pem "
          "--invitation TOKEN --state /var/lib/shoal",
      .run = [&] { return EnrollDevice(arguments); }};
}

Command StatisticsCommand(StatisticsArguments& arguments) {
  return {.name = "statistics",
          .about =
              "write count, mean and deviation of the device's features, from "
              "which `shoalctl task create --statistics` starts a model that "
              "standardises or imputes",
          .options = {{"--config", &arguments.config, "YAML file", kRequired},
                      {"--out", &arguments.out, "file to write", kRequired}},
          .example =
              "shoal-agent statistics --config /etc/shoal/agent.yaml --out "
              "device-7.statistics",
          .run = [&] { return Statistics(arguments); }};
}

CommandOption Socket(AskArguments& arguments) {
  return {"--socket", &arguments.socket, "of an agent that is running",
          kRequired};
}

CommandOption Features(AskArguments& arguments) {
  return {"--features", &arguments.features,
          "numbers with commas between them; an empty one is missing",
          kRequired};
}

Command AddCommand(AskArguments& arguments) {
  return {
      .name = "add",
      .about = "give an example to the agent that is running",
      .options = {Socket(arguments),
                  Features(arguments),
                  {"--label", &arguments.outcome,
                   "its class; of a sequence with commas"},
                  {"--target", &arguments.outcome, "values to predict"}},
      .example =
          "shoal-agent add --socket /run/shoal/agent.sock --label 3 --features "
          "0.5,1.25",
      .run = [&] { return Add(arguments); }};
}

Command PredictCommand(AskArguments& arguments) {
  return {.name = "predict",
          .about =
              "print what the newest model of the agent that is running says: "
              "probabilities of the classes, or values",
          .options = {Socket(arguments), Features(arguments)},
          .example =
              "shoal-agent predict --socket /run/shoal/agent.sock --features "
              "0.5,1.25",
          .run = [&] { return Predict(arguments); }};
}

Command StatusCommand(StatusArguments& arguments) {
  return {.name = "status",
          .about = "how the agent is doing",
          .options = {{"--state", &arguments.state, "the device's folder",
                       kRequired},
                      {"--json", &arguments.json, "as one JSON object"}},
          .example = "shoal-agent status --state /var/lib/shoal",
          .run = [&] { return Status(arguments); }};
}

Command OwnersCommand(OwnersArguments& arguments, const std::string& name,
                      const std::string& about, std::function<ExitCode()> run) {
  return {.name = name,
          .about = about,
          .options = {{"--config", &arguments.config, "the agent's YAML file",
                       kRequired},
                      {"--json", &arguments.json, "as one JSON object"}},
          .example = absl::StrCat("shoal-agent ", name,
                                  " --config /etc/shoal/agent.yaml"),
          .run = std::move(run)};
}

Command ForgetCommand(OwnersArguments& arguments) {
  Command forget = OwnersCommand(
      arguments, "forget",
      "leave the fleet for good: delete what the device holds, have the "
      "coordinator delete what names it, then delete its key. Goes on with a "
      "forgetting that the coordinator has not confirmed",
      [&] { return ForgetThisDevice(arguments); });
  forget.options.push_back(
      {"--yes", &arguments.yes, "do not ask for confirmation"});
  forget.options.push_back(
      {"--without-coordinator", &arguments.without_coordinator,
       "delete the key without asking a coordinator that is gone for good"});
  forget.options.push_back(Proxy(arguments.proxy));
  return forget;
}

ExitCode Main(int argc, char** argv) {
  RunArguments run;
  EnrollArguments enroll;
  StatisticsArguments statistics;
  AskArguments add;
  AskArguments predict;
  StatusArguments status;
  OwnersArguments owners;
  return RunCommandLine(
      {.program = "shoal-agent",
       .version = "shoal-agent " + LongVersion(),
       .about = "Takes part in a federation with the data of this machine.",
       .commands = {RunCommand(run), EnrollCommand(enroll),
                    StatisticsCommand(statistics), AddCommand(add),
                    PredictCommand(predict), StatusCommand(status),
                    OwnersCommand(
                        owners, "opt-out",
                        "take no part until `opt-in`: a session under way ends "
                        "before its next mini-batch, and nothing is sent any "
                        "more; models stay",
                        [&] { return SetTakesPart(owners, false); }),
                    OwnersCommand(owners, "opt-in",
                                  "take part again after `opt-out`",
                                  [&] { return SetTakesPart(owners, true); }),
                    ForgetCommand(owners)}},
      argc, argv);
}

}  // namespace
}  // namespace shoal::client

int main(int argc, char** argv) {
  // A session takes half of it, whatever the coordinator's certificates are.
  constexpr size_t kOpensslBytes = 1 << 20;
  shoal::client::lean::CapOpenSslMemory(kOpensslBytes);
  return shoal::client::Main(argc, argv);
}
