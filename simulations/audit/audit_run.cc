#include "simulations/audit/audit_run.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "base/units.h"
#include "base/version.h"
#include "protocol/exit_code.h"
#include "simulations/audit/canaries.h"
#include "simulations/initial_model.h"
#include "simulations/run/run_inputs.h"

namespace shoal::simulations {
namespace {

// On what is no terminal: how often a line is worth while.
constexpr absl::Duration kLineInterval = absl::Seconds(1);
// An adaptive clip norm may grow from what it begins with: longer updates are
// shortened to it, whatever it is.
constexpr double kLongerThanAnyClipNorm = 1000;

// Rounds that draw their devices have places for so many deviations more.
constexpr double kDeviations = 6;

// Places were planned for the scenario's devices.
absl::Status CheckPlaces(const configuration::Scenario& scenario,
                         int64_t canaries) {
  const auto& noise = scenario.task.differential_privacy->noise;
  const auto* central = std::get_if<configuration::CentralNoise>(&noise);
  if (central == nullptr || !central->sampling_rate.has_value()) {
    return absl::OkStatus();
  }
  const int64_t devices = scenario.devices + canaries;
  const double drawn = *central->sampling_rate * static_cast<double>(devices);
  const int places = scenario.task.round.max_assigned();
  if (drawn + kDeviations * std::sqrt(drawn) <= places) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "task.round.cohort: %d, whose rounds have %d places, but of %d devices "
      "and "
      "%d canaries one draws about %.0f: expected a cohort of %.0f, or fewer "
      "canaries",
      scenario.task.round.cohort, places, scenario.devices, canaries, drawn,
      std::ceil(drawn)));
}

absl::Status CheckScenario(const configuration::Scenario& scenario) {
  if (!scenario.task.differential_privacy.has_value()) {
    return absl::InvalidArgumentError(
        "task.differential_privacy: missing: without it a task claims no "
        "privacy that could be audited");
  }
  if (!scenario.simulation.schedule.empty()) {
    return absl::InvalidArgumentError(
        "simulation.schedule: names all devices that take part, expected none: "
        "canaries come by themselves");
  }
  return absl::OkStatus();
}

CanaryOptions CanariesFor(const AuditOptions& options, const RunInputs& in) {
  const auto& privacy = *in.scenario.task.differential_privacy;
  const double factor =
      privacy.adaptive_clip.has_value() ? kLongerThanAnyClipNorm : 1;
  return {.count = options.canaries,
          .num_parameters = in.model->layout().num_parameters(),
          .norm = factor * privacy.clip_norm,
          .adjacency = privacy.adjacency,
          .seed = in.scenario.seed};
}

int ThreadsOf(const AuditOptions& options) {
  if (options.run.threads > 0) return options.run.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

class Audit {
 public:
  Audit(const AuditOptions& options, const AuditEnvironment& environment)
      : options_(options),
        environment_(environment),
        start_(clock_.Monotonic()),
        threads_(ThreadsOf(options)) {}

  absl::StatusOr<AuditSummary> Do() {
    SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(Prepare()));
    Announce();
    return Train();
  }

 private:
  absl::Status Prepare();
  void Announce();
  absl::StatusOr<AuditSummary> Train();
  absl::StatusOr<AuditSummary> Conclude(const FederationResult& result) const;
  void Show(const RoundNews& news);

  const AuditOptions& options_;
  const AuditEnvironment& environment_;
  const RealClock clock_;
  const absl::Duration start_;
  ThreadPool threads_;
  std::unique_ptr<RunInputs> in_;
  std::string initial_model_;
  std::unique_ptr<Canaries> canaries_;
  std::unique_ptr<FleetWithCanaries> fleet_;
  std::unique_ptr<CanaryWatch> watch_;
  ProgressState progress_;
  absl::Duration shown_ = -absl::InfiniteDuration();
};

absl::Status Audit::Prepare() {
  SHOAL_ASSIGN_OR_RETURN(const configuration::Scenario scenario,
                         ScenarioFor(options_.run));
  SHOAL_RETURN_IF_ERROR(CheckScenario(scenario));
  SHOAL_RETURN_IF_ERROR(CheckPlaces(scenario, options_.canaries));
  SHOAL_ASSIGN_OR_RETURN(in_, ReadInputs(options_.run));
  initial_model_ = std::move(in_->initial_model);
  if (initial_model_.empty()) {
    // Canaries have no examples of which it could be made.
    SHOAL_ASSIGN_OR_RETURN(
        initial_model_, InitialModelOf(in_->scenario.task, *in_->population));
  }
  canaries_ = std::make_unique<Canaries>(CanariesFor(options_, *in_));
  fleet_ =
      std::make_unique<FleetWithCanaries>(*in_->population, options_.canaries);
  absl::flat_hash_map<std::string, int64_t> canary_of;
  for (int64_t i = in_->scenario.devices; i < fleet_->num_devices(); ++i) {
    canary_of[IdentityOf(i).id] = fleet_->canary(i);
  }
  SHOAL_ASSIGN_OR_RETURN(CanaryWatch watch,
                         CanaryWatch::Create(*canaries_, std::move(canary_of),
                                             initial_model_, threads_));
  watch_ = std::make_unique<CanaryWatch>(std::move(watch));
  progress_.rounds = in_->scenario.task.rounds;
  return absl::OkStatus();
}

void Audit::Announce() {
  const auto& privacy = *in_->scenario.task.differential_privacy;
  environment_.display.Say(absl::StrCat(
      in_->scenario.task.name, ": ", options_.canaries, " canaries among ",
      in_->scenario.devices, " devices, ", in_->scenario.task.model.ToString(),
      ", ", in_->scenario.task.rounds, " rounds"));
  environment_.display.Say(
      absl::StrCat("differential privacy, simulated: ",
                   configuration::NoiseName(privacy.noise),
                   " noise from a seeded generator, clip norm ",
                   NumberText(privacy.clip_norm), ", a budget of epsilon ",
                   NumberText(privacy.epsilon), " at delta ", privacy.delta));
}

absl::StatusOr<AuditSummary> Audit::Train() {
  FederationOptions options = FederationOptionsOf(*in_, ThreadsOf(options_));
  options.population = fleet_.get();
  options.initial_model = initial_model_;
  options.crafted = [this](int64_t device, absl::Span<float> delta) {
    if (!fleet_->is_canary(device)) return false;
    canaries_->Write(fleet_->canary(device), delta);
    return true;
  };
  options.forget_history = true;
  options.keep_going = [this] {
    return !environment_.interrupted() && !in_->population->is_unreadable();
  };
  options.on_round = [this](const RoundNews& news) {
    Show(news);
    return watch_->OnRound(news);
  };
  const absl::StatusOr<FederationResult> result = RunFederation(options);
  SHOAL_RETURN_IF_ERROR(in_->population->unreadable());
  SHOAL_RETURN_IF_ERROR(result.status());
  return Conclude(*result);
}

absl::StatusOr<AuditSummary> Audit::Conclude(
    const FederationResult& result) const {
  const configuration::Task& task = in_->scenario.task;
  AuditSummary summary;
  SHOAL_ASSIGN_OR_RETURN(
      summary.found,
      watch_->Conclude(task, options_.confidence, kFewestCanaries));
  summary.task = task.name;
  summary.privacy = *task.differential_privacy;
  summary.rounds = progress_.rounds_done;
  summary.devices = in_->scenario.devices;
  summary.ended_early = result.note;
  summary.seed = in_->scenario.seed;
  summary.claimed = result.privacy->spent.upper;
  summary.allowed_participations =
      privacy::PossibleParticipations(result.privacy->plan.noise.participation);
  summary.confidence = options_.confidence;
  summary.version = LongVersion();
  summary.wall_seconds = absl::ToDoubleSeconds(clock_.Monotonic() - start_);
  return summary;
}

void Audit::Show(const RoundNews& news) {
  if (!news.model.empty()) ++progress_.rounds_done;
  progress_.reports = news.row.accepted;
  progress_.bytes_up = news.totals.bytes_up;
  progress_.bytes_down = news.totals.bytes_down;
  const absl::Duration now = clock_.Monotonic();
  progress_.elapsed = now - start_;
  const bool is_last = progress_.rounds_done == progress_.rounds;
  if (!is_last && now - shown_ < kLineInterval) {
    environment_.display.Update(progress_);
    return;
  }
  environment_.display.RoundDone(progress_);
  shown_ = now;
}

}  // namespace

absl::StatusOr<AuditSummary> RunAudit(const AuditOptions& options,
                                      const AuditEnvironment& environment) {
  return Audit(options, environment).Do();
}

}  // namespace shoal::simulations
