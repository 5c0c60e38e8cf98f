// shoal-agent: takes part in a federation with the data of this machine.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/logging.h"
#include "base/program_error.h"
#include "base/version.h"
#include "client/agent/agent.h"
#include "client/agent/agent_status.h"
#include "client/agent/ask_agent.h"
#include "client/agent/owners_say.h"
#include "client/agent/share.h"
#include "client/agent/stop_signals.h"
#include "client/transport/lean/openssl_memory.h"
#include "configuration/command_line.h"
#include "protocol/credentials.h"
#include "protocol/exit_code.h"

namespace shoal::client {
namespace {

using protocol::ExitCode;

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

void AddProxy(CLI::App& command, std::string& proxy) {
  command.add_option("--proxy", proxy,
                     "http://[USER:PASSWORD@]HOST:PORT of an HTTP proxy on the "
                     "way; as https_proxy and no_proxy say when absent");
}

CLI::App* AddRun(CLI::App& app, RunArguments& arguments) {
  CLI::App* run = app.add_subcommand("run", "take part until stopped");
  run->add_option("--config", arguments.config, "YAML file")->required();
  run->add_option("--sessions", arguments.sessions,
                  "end after that many sessions")
      ->check(configuration::WholeNumber(1));
  run->add_flag("--once", arguments.once, "end after one session");
  AddProxy(*run, arguments.proxy);
  run->footer("Example: shoal-agent run --config /etc/shoal/agent.yaml");
  return run;
}

CLI::App* AddEnroll(CLI::App& app, EnrollArguments& arguments) {
  CLI::App* enroll = app.add_subcommand(
      "enroll", "make a key and have its certificate signed");
  enroll->add_option("--coordinator", arguments.coordinator, "HOST:PORT")
      ->required();
  enroll->add_option("--ca", arguments.ca, "PEM file of the coordinator's CA")
      ->required();
  enroll
      ->add_option("--invitation", arguments.invitation,
                   "from `shoalctl device invite`")
      ->required();
  enroll->add_option("--state", arguments.state, "the device's folder")
      ->required();
  enroll->add_option("--name", arguments.name,
                     "of the device; the host's when absent");
  AddProxy(*enroll, arguments.proxy);
  enroll->footer(
      "Example: shoal-agent enroll --coordinator fleet.example.org:7600 "
      "--ca ca.pem --invitation TOKEN --state /var/lib/shoal");
  return enroll;
}

CLI::App* AddStatistics(CLI::App& app, StatisticsArguments& arguments) {
  CLI::App* statistics = app.add_subcommand(
      "statistics",
      "write count, mean and deviation of the device's features, from which "
      "`shoalctl task create --statistics` starts a model that standardises "
      "or imputes");
  statistics->add_option("--config", arguments.config, "YAML file")->required();
  statistics->add_option("--out", arguments.out, "file to write")->required();
  statistics->footer(
      "Example: shoal-agent statistics --config /etc/shoal/agent.yaml "
      "--out device-7.statistics");
  return statistics;
}

void AddAsking(CLI::App& command, AskArguments& arguments) {
  command
      .add_option("--socket", arguments.socket, "of an agent that is running")
      ->required();
  command
      .add_option("--features", arguments.features,
                  "numbers with commas between them; an empty one is missing")
      ->required();
}

CLI::App* AddAdd(CLI::App& app, AskArguments& arguments) {
  CLI::App* add =
      app.add_subcommand("add", "give an example to the agent that is running");
  AddAsking(*add, arguments);
  CLI::Option* label = add->add_option("--label", arguments.outcome,
                                       "its class; of a sequence with commas");
  add->add_option("--target", arguments.outcome, "values to predict")
      ->excludes(label);
  add->footer(
      "Example: shoal-agent add --socket /run/shoal/agent.sock --label 3 "
      "--features 0.5,1.25");
  return add;
}

CLI::App* AddPredict(CLI::App& app, AskArguments& arguments) {
  CLI::App* predict = app.add_subcommand(
      "predict",
      "print what the newest model of the agent that is running says: "
      "probabilities of the classes, or values");
  AddAsking(*predict, arguments);
  predict->footer(
      "Example: shoal-agent predict --socket /run/shoal/agent.sock "
      "--features 0.5,1.25");
  return predict;
}

CLI::App* AddStatus(CLI::App& app, StatusArguments& arguments) {
  CLI::App* status = app.add_subcommand("status", "how the agent is doing");
  status->add_option("--state", arguments.state, "the device's folder")
      ->required();
  status->add_flag("--json", arguments.json, "as one JSON object");
  status->footer("Example: shoal-agent status --state /var/lib/shoal");
  return status;
}

CLI::App* AddOwners(CLI::App& app, OwnersArguments& arguments,
                    const std::string& name, const std::string& description) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("--config", arguments.config, "the agent's YAML file")
      ->required();
  command->add_flag("--json", arguments.json, "as one JSON object");
  command->footer(absl::StrCat("Example: shoal-agent ", name,
                               " --config /etc/shoal/agent.yaml"));
  return command;
}

CLI::App* AddForget(CLI::App& app, OwnersArguments& arguments) {
  CLI::App* forget = AddOwners(
      app, arguments, "forget",
      "leave the fleet for good: delete what the device holds, have the "
      "coordinator delete what names it, then delete its key. Goes on with a "
      "forgetting that the coordinator has not confirmed");
  forget->add_flag("--yes", arguments.yes, "do not ask for confirmation");
  forget->add_flag("--without-coordinator", arguments.without_coordinator,
                   "delete the key without asking a coordinator that is gone "
                   "for good");
  AddProxy(*forget, arguments.proxy);
  return forget;
}

ExitCode Main(int argc, char** argv) {
  CLI::App app(
      "Takes part in a federation with the data of this machine.\n"
      "Examples:\n"
      "  shoal-agent enroll --coordinator fleet.example.org:7600 --ca ca.pem "
      "--invitation TOKEN --state /var/lib/shoal\n"
      "  shoal-agent run --config /etc/shoal/agent.yaml\n"
      "  shoal-agent statistics --config /etc/shoal/agent.yaml "
      "--out device-7.statistics\n"
      "  shoal-agent add --socket /run/shoal/agent.sock --label 3 "
      "--features 0.5,1.25\n"
      "  shoal-agent predict --socket /run/shoal/agent.sock "
      "--features 0.5,1.25\n"
      "  shoal-agent status --state /var/lib/shoal\n"
      "  shoal-agent opt-out --config /etc/shoal/agent.yaml\n"
      "  shoal-agent forget --config /etc/shoal/agent.yaml",
      "shoal-agent");
  app.set_version_flag("--version", "shoal-agent " + LongVersion());
  app.require_subcommand(1);
  RunArguments run_arguments;
  EnrollArguments enroll_arguments;
  StatisticsArguments statistics_arguments;
  StatusArguments status_arguments;
  OwnersArguments owners_arguments;
  const CLI::App* run = AddRun(app, run_arguments);
  const CLI::App* enroll = AddEnroll(app, enroll_arguments);
  const CLI::App* statistics = AddStatistics(app, statistics_arguments);
  AskArguments add_arguments;
  AskArguments predict_arguments;
  const CLI::App* add = AddAdd(app, add_arguments);
  const CLI::App* predict = AddPredict(app, predict_arguments);
  AddStatus(app, status_arguments);
  const CLI::App* opt_out = AddOwners(
      app, owners_arguments, "opt-out",
      "take no part until `opt-in`: a session under way ends before its next "
      "mini-batch, and nothing is sent any more; models stay");
  const CLI::App* opt_in = AddOwners(app, owners_arguments, "opt-in",
                                     "take part again after `opt-out`");
  const CLI::App* forget = AddForget(app, owners_arguments);
  if (const auto code = configuration::ParseCommandLine(app, argc, argv);
      code.has_value()) {
    return *code;
  }
  if (run->parsed()) return Run(run_arguments);
  if (enroll->parsed()) return EnrollDevice(enroll_arguments);
  if (statistics->parsed()) return Statistics(statistics_arguments);
  if (add->parsed()) return Add(add_arguments);
  if (predict->parsed()) return Predict(predict_arguments);
  if (opt_out->parsed()) return SetTakesPart(owners_arguments, false);
  if (opt_in->parsed()) return SetTakesPart(owners_arguments, true);
  if (forget->parsed()) return ForgetThisDevice(owners_arguments);
  return Status(status_arguments);
}

}  // namespace
}  // namespace shoal::client

int main(int argc, char** argv) {
  // A session takes half of it, whatever the coordinator's certificates are.
  constexpr size_t kOpensslBytes = 1 << 20;
  shoal::client::lean::CapOpenSslMemory(kOpensslBytes);
  return shoal::client::Main(argc, argv);
}
