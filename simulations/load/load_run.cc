#include "simulations/load/load_run.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/child_process.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "client/transport/connection_errors.h"
#include "coordinator/engine/task_setup.h"
#include "learning/data/data_source.h"
#include "learning/model.h"
#include "protocol/certificates.h"
#include "protocol/exit_code.h"
#include "simulations/live/operator_client.h"
#include "simulations/load/load_fleet.h"
#include "simulations/population.h"
#include "simulations/results/results_folder.h"
#include "simulations/run/scenario_population.h"

namespace shoal::simulations {
namespace {

using configuration::Scenario;

// How often the coordinator is asked how far it is.
constexpr absl::Duration kAskInterval = absl::Milliseconds(250);
// For the sessions at work, at the end.
constexpr absl::Duration kGrace = absl::Seconds(10);

absl::Status CheckPlan(const configuration::SimulationPlan& plan) {
  const auto refused = [](absl::string_view setting) {
    return absl::InvalidArgumentError(absl::StrCat(
        "simulation.", setting,
        ": is of runs in virtual time, expected none with --live"));
  };
  if (!plan.schedule.empty()) return refused("schedule");
  if (!plan.initial_model.empty()) return refused("initial_model");
  if (plan.local_baseline || plan.central_baseline) return refused("baselines");
  if (plan.groups != configuration::SimulatedGroups()) {
    return refused("secure_aggregation");
  }
  return absl::OkStatus();
}

// Whether a TLS server answers there: whoever checks its certificate against a
// CA that has signed nothing hears that it is not trusted, and not that there
// is none.
absl::StatusOr<bool> SpeaksTls(const std::string& coordinator) {
  const absl::Time now = absl::Now();
  SHOAL_ASSIGN_OR_RETURN(const protocol::KeyAndCertificate stranger,
                         protocol::MakeCa("stranger", now, absl::Hours(24)));
  const auto client =
      OperatorClient::Connect(coordinator, stranger.certificate_pem, {});
  const absl::Status status = client->Traffic().status();
  return status == client::NotTrusted(coordinator) ||
         status == client::WrongName(coordinator);
}

// Of all threads of this process.
absl::Duration ProcessorTime() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) +
         absl::DurationFromTimeval(usage.ru_stime);
}

class Load {
 public:
  Load(const LoadOptions& options, const LoadEnvironment& environment)
      : options_(options), environment_(environment) {}

  absl::StatusOr<LoadSummary> Do() {
    SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(Prepare()));
    SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(OpenFolder()));
    SHOAL_RETURN_IF_ERROR(OpenTask());
    if (folder_ != nullptr) SHOAL_RETURN_IF_ERROR(folder_->WriteScenario());
    SHOAL_RETURN_IF_ERROR(Drive());
    return Conclude();
  }

 private:
  absl::Status Prepare();
  absl::Status OpenFolder();
  absl::Status OpenTask();
  absl::Status CheckTask(const TaskRecord& there);
  absl::Status ExplainUnreachable(const absl::Status& status) const;
  absl::Status Drive();
  absl::Status AskUntilTheEnd(LoadFleet& fleet);
  // Whether the task goes on. UNAVAILABLE while the coordinator is away.
  absl::StatusOr<bool> Ask(const LoadFleet& fleet);
  void Show(const RoundRecord& round);
  absl::Status Bear(const absl::Status& status);
  absl::StatusOr<LoadSummary> Conclude();

  const LoadOptions& options_;
  const LoadEnvironment& environment_;
  const RealClock clock_{};

  Scenario scenario_;
  std::unique_ptr<learning::FederatedData> data_;
  std::unique_ptr<ScenarioPopulation> population_;
  std::unique_ptr<ResultsFolder> folder_;  // null: none was asked for
  std::unique_ptr<OperatorClient> operator_;
  int64_t last_round_ = 0;  // the newest id that has been counted
  bool is_away_ = false;    // the coordinator
  absl::Duration start_;
  ProgressState progress_;
  LoadSummary summary_;
};

absl::Status Load::Prepare() {
  SHOAL_RETURN_IF_ERROR(ParseServerAddress(options_.coordinator).status());
  SHOAL_ASSIGN_OR_RETURN(scenario_, ScenarioFor(options_.run));
  SHOAL_RETURN_IF_ERROR(CheckPlan(scenario_.simulation));
  SHOAL_ASSIGN_OR_RETURN(
      data_, learning::FederatedData::Open(scenario_.data, scenario_.partition,
                                           scenario_.devices, scenario_.seed));
  SHOAL_ASSIGN_OR_RETURN(population_,
                         ScenarioPopulation::Create(scenario_, *data_));
  SHOAL_ASSIGN_OR_RETURN(const auto model,
                         learning::Model::Create(scenario_.task.model));
  SHOAL_RETURN_IF_ERROR(
      learning::CheckFit(*model, ExampleShape(data_->shape(), 1)));
  progress_.measure = MeasureOf(*model);
  progress_.rounds = scenario_.task.rounds;
  summary_.name = scenario_.task.name;
  summary_.model = scenario_.task.model.ToString();
  summary_.coordinator = options_.coordinator;
  summary_.devices = scenario_.devices;
  summary_.connections = options_.connections;
  summary_.training_threads =
      options_.run.threads > 0
          ? options_.run.threads
          : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  summary_.seed = scenario_.seed;
  summary_.version = LongVersion();
  return absl::OkStatus();
}

absl::Status Load::OpenFolder() {
  if (options_.run.out.empty()) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(
      folder_, ResultsFolder::Open(options_.run.out,
                                   configuration::ScenarioYaml(scenario_)));
  summary_.folder = folder_->path();
  return absl::OkStatus();
}

absl::Status Load::OpenTask() {
  operator_ = OperatorClient::ConnectInsecurely(options_.coordinator);
  const configuration::Task& task = scenario_.task;
  const absl::StatusOr<TaskRecord> there = operator_->GetTask(task.name);
  if (absl::IsNotFound(there.status())) {
    SHOAL_RETURN_IF_ERROR(operator_->CreateTask(task, /*initial_model=*/""));
  } else if (!there.ok()) {
    return ExplainUnreachable(there.status());
  } else {
    SHOAL_RETURN_IF_ERROR(CheckTask(*there));
    SHOAL_ASSIGN_OR_RETURN(const auto rounds,
                           operator_->RoundsAfter(task.name, 0));
    for (const RoundRecord& round : rounds) {
      if (round.committed || round.failed) last_round_ = round.id;
    }
  }
  environment_.display.Say(absl::StrCat(
      task.name, there.ok() ? " goes on" : "", " on ", options_.coordinator,
      ": ", scenario_.devices, " devices over ", options_.connections,
      options_.connections == 1 ? " connection, " : " connections, ",
      task.model.ToString(), ", ", task.rounds, " rounds, ",
      summary_.training_threads,
      summary_.training_threads == 1 ? " thread trains" : " threads train"));
  return absl::OkStatus();
}

absl::Status Load::CheckTask(const TaskRecord& there) {
  const absl::string_view remedy =
      "; choose another name: --set name=NAME, and population likewise";
  SHOAL_ASSIGN_OR_RETURN(const auto setup,
                         coordinator::MakeTaskSetup(scenario_.task));
  if (there.task != coordinator::CalibratedTask(*setup)) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.coordinator, " has another task of the name ",
                     scenario_.task.name,
                     ", expected none or that of the scenario", remedy));
  }
  if (there.completed || there.stopped) {
    return absl::FailedPreconditionError(
        absl::StrCat(options_.coordinator, ": task ", scenario_.task.name,
                     " is ", there.completed ? "completed" : "stopped",
                     " already, expected one that goes on", remedy));
  }
  return absl::OkStatus();
}

absl::Status Load::ExplainUnreachable(const absl::Status& status) const {
  if (!absl::IsUnavailable(status)) return status;
  SHOAL_ASSIGN_OR_RETURN(const bool is_secured,
                         SpeaksTls(options_.coordinator));
  if (!is_secured) return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "coordinator ", options_.coordinator,
      " runs with TLS, expected one without (shoald --insecure): with TLS a "
      "device is its certificate, and a certificate has a connection of its "
      "own, which thousands of devices on this machine cannot have"));
}

absl::Status Load::Drive() {
  start_ = clock_.Monotonic();
  LoadFleet fleet({.population = population_.get(),
                   .population_name = scenario_.task.population,
                   .seed = scenario_.seed,
                   .coordinator = options_.coordinator,
                   .connections = options_.connections,
                   .training_threads = summary_.training_threads});
  const absl::Status status = AskUntilTheEnd(fleet);
  summary_.wall_time = clock_.Monotonic() - start_;
  fleet.Stop(kGrace);
  summary_.figures = fleet.Figures();
  environment_.display.Finish();
  return status;
}

absl::Status Load::AskUntilTheEnd(LoadFleet& fleet) {
  while (summary_.ended_early.empty()) {
    const absl::StatusOr<bool> goes_on = Ask(fleet);
    if (goes_on.ok() && !*goes_on) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(Bear(goes_on.status()));
    if (clock_.Monotonic() - start_ >= scenario_.simulation.time_limit) {
      summary_.ended_early = "simulation.time_limit is over";
    } else if (environment_.interrupted()) {
      summary_.ended_early =
          "interrupted; the same command goes on with the task";
    }
    absl::SleepFor(kAskInterval);
  }
  return absl::OkStatus();
}

absl::Status Load::Bear(const absl::Status& status) {
  const bool was_away =
      std::exchange(is_away_, absl::IsUnavailable(status) ||
                                  absl::IsDeadlineExceeded(status));
  if (is_away_) {
    if (!was_away) environment_.display.Say(status.message());
    return absl::OkStatus();
  }
  if (was_away) environment_.display.Say("the coordinator is back");
  return status;
}

absl::StatusOr<bool> Load::Ask(const LoadFleet& fleet) {
  // Before the rounds: none of them is missed at the end.
  SHOAL_ASSIGN_OR_RETURN(const TaskRecord task,
                         operator_->GetTask(scenario_.task.name));
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<RoundRecord> rounds,
      operator_->RoundsAfter(scenario_.task.name, last_round_));
  const LoadFigures figures = fleet.Figures();
  progress_.bytes_up = figures.Of(CallKind::kUpload).bytes_up;
  progress_.bytes_down = figures.Of(CallKind::kFetch).bytes_down;
  progress_.elapsed = clock_.Monotonic() - start_;
  for (const RoundRecord& round : rounds) {
    if (!round.committed && !round.failed) break;
    last_round_ = round.id;
    Show(round);
  }
  if (task.stopped) summary_.ended_early = "an operator has stopped the task";
  summary_.completed = task.completed;
  return !task.completed;
}

void Load::Show(const RoundRecord& round) {
  if (!round.committed) {
    ++summary_.rounds_failed;
    environment_.display.Say(
        absl::StrCat("round ", round.number, " failed (", round.failure, ")"));
    return;
  }
  ++summary_.rounds_committed;
  summary_.contributions += round.accepted;
  progress_.rounds_done = round.number;
  progress_.reports = round.accepted;
  progress_.train_loss = round.train_loss;
  environment_.display.RoundDone(progress_);
}

absl::StatusOr<LoadSummary> Load::Conclude() {
  summary_.processor_time = ProcessorTime();
  summary_.peak_resident_bytes = PeakResidentBytes();
  if (folder_ != nullptr) {
    SHOAL_RETURN_IF_ERROR(WriteFileAtomically(folder_->path() + "/load.json",
                                              LoadSummaryJson(summary_)));
  }
  return std::move(summary_);
}

}  // namespace

absl::StatusOr<LoadSummary> RunLoad(const LoadOptions& options,
                                    const LoadEnvironment& environment) {
  return Load(options, environment).Do();
}

}  // namespace shoal::simulations
