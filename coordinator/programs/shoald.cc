// shoald: the coordinator.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/logging.h"
#include "base/program_error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "configuration/command_line.h"
#include "coordinator/programs/grpc_log.h"
#include "coordinator/programs/shoald_setup.h"
#include "coordinator/service/coordinator_server.h"
#include "coordinator/store/sqlite_store.h"
#include "protocol/exit_code.h"

namespace shoal::coordinator {
namespace {

using configuration::CoordinatorConfig;

// What running uploads get after the first signal; the second one ends the
// process at once.
constexpr absl::Duration kGrace = absl::Seconds(5);
constexpr absl::Duration kDevInvitation = absl::Hours(24);

// It calls nobody: what is unavailable is on this machine.
protocol::ExitCode Fail(const absl::Status& status) {
  PrintError("shoald", status);
  return absl::IsInvalidArgument(status) ? protocol::kExitUsage
                                         : protocol::kExitFailure;
}

// Signals that end the program are waited for, on one thread.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Returns the signal's name; from then on the next one kills.
std::string WaitForSignal(const sigset_t& signals) {
  int number = 0;
  sigwait(&signals, &number);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return number == SIGINT ? "SIGINT" : "SIGTERM";
}

// Tells programs on this machine where the ports are.
class EndpointsFile {
 public:
  explicit EndpointsFile(const std::string& data)
      : path_(data + "/endpoints.json") {
    Remove();  // of a coordinator that was killed
  }
  ~EndpointsFile() { Remove(); }

  absl::Status Write(const CoordinatorServer& server) {
    const nlohmann::ordered_json endpoints = {{"grpc", server.grpc_address()},
                                              {"http", server.http_address()}};
    return WriteFileAtomically(path_, endpoints.dump() + "\n");
  }

  void Remove() {
    std::error_code error;  // there may be none
    std::filesystem::remove(path_, error);
  }

 private:
  const std::string path_;
};

absl::Status PrintDevInstructions(const CoordinatorConfig& config,
                                  CoordinatorServer& server) {
  std::string invitation;
  if (config.tls.has_value()) {
    InvitationRequest request;
    request.valid_for = kDevInvitation;
    request.label = "shoald --dev";
    SHOAL_ASSIGN_OR_RETURN(const NewInvitation made,
                           server.enrollment().Invite(request, absl::Now()));
    invitation = made.token;
  }
  std::printf("shoald %s serves on %s, its data lies in %s\n%s",
              Version().c_str(), server.grpc_address().c_str(),
              config.data.c_str(),
              DevInstructions(config, server.grpc_address(),
                              server.http_address(), invitation)
                  .c_str());
  std::fflush(stdout);
  return absl::OkStatus();
}

// Serves until a signal comes; afterwards the data folder is free for another
// coordinator.
absl::Status ServeUntilSignal(const CoordinatorConfig& config,
                              const ShoaldArguments& arguments,
                              const sigset_t& signals, Logger& log) {
  if (arguments.insecure) {
    log.Warning(
        "INSECURE: no encryption and no authentication; anybody who reaches "
        "the port may train, read and change everything");
  }
  RealClock clock;
  SystemRng rng;
  SHOAL_RETURN_IF_ERROR(MakeFolders(config.data, 0700));
  // The store is locked before anything of another coordinator's is touched.
  std::string warning;
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<RoundStore> store,
                         OpenSqliteStore(config.data + "/shoal.db", &warning));
  if (!warning.empty()) log.Warning(warning);
  EndpointsFile endpoints(config.data);
  SHOAL_ASSIGN_OR_RETURN(
      const std::unique_ptr<CoordinatorServer> server,
      CoordinatorServer::Start(
          config, {log, clock, rng, std::move(store), arguments.insecure}));
  SHOAL_RETURN_IF_ERROR(endpoints.Write(*server));
  log.Info("serving", {{"grpc", server->grpc_address()},
                       {"http", server->http_address()},
                       {"store", server->store().Describe()},
                       {"version", Version()}});
  if (arguments.dev) {
    SHOAL_RETURN_IF_ERROR(PrintDevInstructions(config, *server));
  }
  log.Info("shutting down", {{"signal", WaitForSignal(signals)}});
  server->Shutdown(kGrace);
  endpoints.Remove();  // before the next coordinator can write its own
  return absl::OkStatus();
}

absl::Status Serve(const CoordinatorConfig& config,
                   const ShoaldArguments& arguments) {
  const sigset_t signals = BlockSignals();
  StderrLogger log(config.log_level, config.log_json);
  const GrpcLog grpc_log(log);
  SHOAL_RETURN_IF_ERROR(ServeUntilSignal(config, arguments, signals, log));
  log.Info("ended");
  return absl::OkStatus();
}

void AddOptions(CLI::App& app, ShoaldArguments& arguments) {
  app.description(
      "The coordinator of a Shoal federation.\n"
      "Examples:\n"
      "  shoald --dev                        try it out on this machine\n"
      "  shoald --config /etc/shoal/shoald.yaml");
  app.add_option("--config", arguments.config, "configuration file (YAML)");
  app.add_flag("--dev", arguments.dev,
               "make a throw-away CA and serve this machine alone");
  app.add_option("--data", arguments.data,
                 "folder of the database and the spool (with --dev: "
                 "shoal-data)");
  app.add_option("--listen", arguments.listen,
                 "HOST:PORT of the gRPC port; port 0: any free one");
  app.add_option("--http-listen", arguments.http_listen,
                 "HOST:PORT of /healthz, /readyz and the dashboard; none: no "
                 "such port");
  app.add_flag("--insecure", arguments.insecure,
               "no TLS and no authentication, for experiments on one machine");
  app.set_version_flag("--version", "shoald " + LongVersion());
}

int Main(int argc, char** argv) {
  ShoaldArguments arguments;
  CLI::App app("", "shoald");
  AddOptions(app, arguments);
  if (const auto code = configuration::ParseCommandLine(app, argc, argv);
      code.has_value()) {
    return *code;
  }
  const absl::StatusOr<CoordinatorConfig> config =
      ConfigOf(arguments, absl::Now());
  if (!config.ok()) return Fail(config.status());
  const absl::Status status = Serve(*config, arguments);
  return status.ok() ? protocol::kExitOk : Fail(status);
}

}  // namespace
}  // namespace shoal::coordinator

int main(int argc, char** argv) { return shoal::coordinator::Main(argc, argv); }
