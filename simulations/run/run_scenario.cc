#include "simulations/run/run_scenario.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/child_process.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/program_error.h"
#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "base/units.h"
#include "base/version.h"
#include "learning/data/partition_skew.h"
#include "learning/model.h"
#include "learning/onnx/export_model.h"
#include "protocol/exit_code.h"
#include "simulations/device_classes.h"
#include "simulations/federation.h"
#include "simulations/initial_model.h"
#include "simulations/results/algorithm_text.h"
#include "simulations/results/local_only.h"
#include "simulations/results/results_folder.h"
#include "simulations/run/baselines.h"
#include "simulations/run/device_tables.h"
#include "simulations/run/evaluator.h"
#include "simulations/run/failed_rounds.h"
#include "simulations/run/run_inputs.h"
#include "simulations/run/run_tables.h"
#include "simulations/run/runs_report.h"
#include "simulations/run/samples_count.h"
#include "simulations/run/scenario_population.h"
#include "simulations/run_log.h"
#include "simulations/update_record.h"

namespace shoal::simulations {
namespace {

// On what is no terminal: how often a line is worth while.
constexpr absl::Duration kLineInterval = absl::Seconds(1);
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
// After how many rounds it is asked what they have spent; evenly spread.
constexpr int64_t kEpsilons = 100;
// Whose labels are counted to tell how skewed the partition is.
constexpr int kSkewDevices = 200;

class Run {
 public:
  Run(const RunOptions& options, const RunEnvironment& environment)
      : options_(options),
        environment_(environment),
        crew_(environment.crew),
        start_(clock_.Monotonic()),
        num_threads_(
            options.threads > 0
                ? options.threads
                : std::max(1, static_cast<int>(
                                  std::thread::hardware_concurrency()))),
        threads_(num_threads_) {}

  absl::StatusOr<RunSummary> Do() {
    SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(OfAll(Prepare())));
    SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(OpenFolder()));
    absl::StatusOr<RunSummary> summary = TrainAndConclude();
    if (absl::IsCancelled(summary.status())) {
      return absl::CancelledError(
          absl::StrCat("interrupted; this goes on: shoal-sim resume ",
                       is_first() ? results_->path() : "DIR"));
    }
    // (At the time limit all processes are at the same moment.)
    if (!summary.ok() && crew_ != nullptr &&
        !absl::IsDeadlineExceeded(summary.status())) {
      PrintError("shoal-sim", summary.status());
      crew_->End(protocol::kExitFailure);
    }
    return summary;
  }

 private:
  absl::StatusOr<RunSummary> TrainAndConclude();
  absl::StatusOr<RunSummary> ConcludeEarly(const FederationResult& result,
                                           const absl::Status& why);
  // Asked by what the first process does alone.
  std::function<bool()> KeepGoing() const {
    return [this] { return !environment_.interrupted(); };
  }
  bool is_first() const { return crew_ == nullptr || crew_->is_first(); }
  absl::Status OfAll(absl::Status own);
  absl::Status Prepare();
  absl::Status OpenFolder();
  absl::Status OpenOwnFolder(const std::string& yaml,
                             const std::string& fingerprint);
  absl::Status Announce();
  void SayLines(absl::string_view lines);
  absl::StatusOr<FederationResult> Train();
  absl::Status OnRound(const RoundNews& news);
  absl::StatusOr<learning::ParameterVector> ValuesOf(
      const std::string& model) const;
  absl::StatusOr<learning::Score> TestOf(const std::string& model);
  absl::StatusOr<learning::Score> FleetScoreOf(const RoundNews& news);
  absl::Status AddDevices(const FederationResult& result,
                          absl::Span<const float> final,
                          absl::Span<const learning::Score> alone,
                          RunSummary& summary);
  void Show(const RoundLine& line);
  absl::StatusOr<RunSummary> Conclude(const FederationResult& result,
                                      absl::string_view ended_early);
  absl::StatusOr<std::vector<learning::Score>> AddLocalBaseline(
      absl::Span<const float> final, RunSummary& summary);
  absl::Status AddCentralBaseline(RunSummary& summary);
  // With what was done of this run before it was resumed.
  absl::Duration Since(absl::Duration start) const {
    return clock_.Monotonic() - start + log_->earlier();
  }

  const RunOptions& options_;
  const RunEnvironment& environment_;
  Crew* const crew_;  // null: alone
  const RealClock clock_;
  const absl::Duration start_;
  const int num_threads_;
  ThreadPool threads_;  // for scores

  std::unique_ptr<RunInputs> in_;
  std::unique_ptr<ResultsFolder> results_;
  std::unique_ptr<RunLog> log_;
  absl::Duration train_start_;
  absl::Duration shown_ = -absl::InfiniteDuration();
  absl::Duration replayed_;  // when the log was last asked; zero: not once
  ProgressState progress_;
  learning::StoredModel initial_;
  learning::Moment now_;  // of the last score
  bool crew_stops_ = false;
  std::vector<RoundLine> lines_;
  FleetTotals totals_;  // as of the last line
  std::unique_ptr<SamplesCount> samples_;
  std::optional<FederationResult>
      unfinished_;  // of a run that did not end well
  FailedRounds failed_;
};

void Run::SayLines(absl::string_view lines) {
  for (const absl::string_view line :
       absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    environment_.display.Say(line);
  }
}

absl::StatusOr<RunSummary> Run::TrainAndConclude() {
  const absl::StatusOr<FederationResult> result = Train();
  SayLines(failed_.AtEnd());
  const absl::Status unreadable = in_->population->unreadable();
  if (!unreadable.ok() && crew_ != nullptr) return unreadable;
  absl::Status end = unreadable.ok() ? result.status() : unreadable;
  if (end.ok() && progress_.rounds_done < progress_.rounds) {
    end = absl::AbortedError(
        absl::StrCat("the task ended after ", progress_.rounds_done, " of ",
                     progress_.rounds, " rounds",
                     result->note.empty() ? "" : ": ", result->note));
  }
  const bool is_over = end.ok() || !unreadable.ok() || result.ok() ||
                       absl::IsDeadlineExceeded(end);
  if (!is_over) return end;
  if (!is_first() && !end.ok()) return end;
  if (!is_first()) return RunSummary();
  if (end.ok()) return Conclude(*result, /*ended_early=*/"");
  if (result.ok()) return ConcludeEarly(*result, end);
  return unfinished_.has_value() ? ConcludeEarly(*unfinished_, end) : end;
}

// Leaves what there is, and returns the error.
absl::StatusOr<RunSummary> Run::ConcludeEarly(const FederationResult& result,
                                              const absl::Status& why) {
  const absl::StatusOr<RunSummary> summary = Conclude(result, why.message());
  return absl::Status(
      why.code(),
      absl::StrCat(why.message(),
                   summary.ok() ? absl::StrCat("; what it has come to is in ",
                                               results_->path())
                                : absl::StrCat("; its results could not be "
                                               "written: ",
                                               summary.status().message())));
}

absl::Status Run::Prepare() {
  SHOAL_ASSIGN_OR_RETURN(in_, ReadInputs(options_));
  if (in_->initial_model.empty()) {
    SHOAL_ASSIGN_OR_RETURN(
        in_->initial_model,
        InitialModelOf(in_->scenario.task, *in_->population));
  }
  SHOAL_ASSIGN_OR_RETURN(initial_, learning::ParseModel(in_->initial_model));
  progress_.measure = MeasureOf(*in_->model);
  progress_.rounds = in_->scenario.task.rounds;
  return absl::OkStatus();
}

// The first error of all, for all.
absl::Status Run::OfAll(absl::Status own) {
  if (crew_ == nullptr) return own;
  absl::Status first;
  for (int rank = 0; rank < crew_->size(); ++rank) {
    std::string bytes;
    if (rank == crew_->rank()) AppendStatus(bytes, own);
    bytes = crew_->Broadcast(rank, std::move(bytes));
    ByteReader in(bytes);
    first.Update(ReadStatus(in));
  }
  return first;
}

// Nothing is made for what cannot be run.
absl::Status Run::OpenFolder() {
  const std::string yaml = configuration::ScenarioYaml(in_->scenario);
  const absl::StatusOr<std::string> own = FingerprintOf(in_->scenario);
  SHOAL_RETURN_IF_ERROR(OfAll(own.status()));
  const std::string& fingerprint = *own;
  SHOAL_RETURN_IF_ERROR(
      OfAll(is_first() ? OpenOwnFolder(yaml, fingerprint) : absl::OkStatus()));
  if (crew_ != nullptr) {
    const std::string image =
        crew_->Broadcast(0, is_first() ? log_->Image() : std::string());
    if (!is_first()) {
      SHOAL_ASSIGN_OR_RETURN(log_, RunLog::Copy(image, fingerprint));
    }
  }
  return Announce();
}

absl::Status Run::Announce() {
  if (!is_first()) return absl::OkStatus();
  const std::string classes = ClassesText(in_->scenario);
  const int all = num_threads_ * (crew_ == nullptr ? 1 : crew_->size());
  environment_.display.Say(absl::StrCat(
      in_->scenario.task.name, ": ", in_->scenario.devices, " devices",
      classes.empty() ? "" : absl::StrCat(" (", classes, ")"), ", ",
      in_->scenario.task.model.ToString(), ", ", in_->scenario.task.rounds,
      " rounds, ", all, all == 1 ? " thread" : " threads",
      crew_ == nullptr
          ? ""
          : absl::StrCat(" of ", crew_->size(),
                         crew_->size() == 1 ? " process" : " processes")));
  SHOAL_ASSIGN_OR_RETURN(const learning::PartitionSkew skew,
                         learning::MeasureSkew(*in_->data, kSkewDevices));
  environment_.display.Say(absl::StrCat("partition: ", skew.Line()));
  if (in_->model->private_layout().num_parameters() > 0) {
    environment_.display.Say(
        "The model has private layers: until the end, test scores have them at "
        "their initial values.");
  }
  if (in_->scenario.task.secure_aggregation.has_value()) {
    environment_.display.Say(
        SkipsCrypto(in_->scenario)
            ? "secure aggregation, simulated: keys and masks are skipped"
            : "secure aggregation: devices mask their updates");
  }
  if (const auto& privacy = in_->scenario.task.differential_privacy;
      privacy.has_value()) {
    environment_.display.Say(absl::StrCat(
        "differential privacy, simulated: ",
        configuration::NoiseName(privacy->noise),
        " noise from a seeded generator, clip norm ",
        NumberText(privacy->clip_norm), ", a budget of epsilon ",
        NumberText(privacy->epsilon), " at delta ", privacy->delta));
  }
  if (in_->scenario.task.round.cohort > in_->scenario.devices) {
    environment_.display.Say(absl::StrCat(
        "warning: task.round.cohort is ", in_->scenario.task.round.cohort,
        ", but there are ", in_->scenario.devices,
        " devices: rounds wait for their deadline"));
  }
  if (log_->is_replaying()) {
    environment_.display.Say(
        absl::StrCat("up to round ", log_->known_rounds(), " from its log"));
  } else if (options_.resume) {
    environment_.display.Say("there is no checkpoint yet: the run begins anew");
  }
  return absl::OkStatus();
}

absl::Status Run::OpenOwnFolder(const std::string& yaml,
                                const std::string& fingerprint) {
  if (options_.resume) {
    SHOAL_ASSIGN_OR_RETURN(results_, ResultsFolder::Reopen(options_.out, yaml));
    SHOAL_ASSIGN_OR_RETURN(log_, RunLog::Resume(results_->path(), fingerprint));
    return absl::OkStatus();
  }
  SHOAL_ASSIGN_OR_RETURN(results_, ResultsFolder::Open(options_.out, yaml));
  // First: what is resumed is known by it.
  SHOAL_RETURN_IF_ERROR(results_->WriteScenario());
  SHOAL_ASSIGN_OR_RETURN(log_, RunLog::Begin(results_->path(), fingerprint));
  return absl::OkStatus();
}

absl::StatusOr<FederationResult> Run::Train() {
  FederationOptions options = FederationOptionsOf(*in_, num_threads_);
  options.forget_history = true;
  // What one process is told all must know at the same moment.
  options.keep_going = [this] {
    if (in_->population->is_unreadable()) return false;
    return crew_ == nullptr ? !environment_.interrupted() : !crew_stops_;
  };
  options.crew = crew_;
  samples_ =
      std::make_unique<SamplesCount>(in_->scenario.task, *in_->population);
  options.on_session = [this](int64_t device, const SessionNews& news) {
    samples_->OnSession(device, news);
    failed_.OnSession(news);
  };
  options.on_round = [this](const RoundNews& news) { return OnRound(news); };
  options.on_unfinished = [this](FederationResult result) {
    unfinished_ = std::move(result);
  };
  options.run_log = log_.get();
  train_start_ = clock_.Monotonic();
  return RunFederation(options);
}

absl::Status Run::OnRound(const RoundNews& news) {
  if (crew_ != nullptr) {
    crew_stops_ =
        !crew_->Broadcast(0, environment_.interrupted() ? "stop" : "").empty();
  }
  RoundLine line;
  line.id = news.row.id;
  line.round = news.row.number;
  line.committed = !news.model.empty();
  line.virtual_seconds = absl::ToDoubleSeconds(news.time);
  line.train_loss = news.row.train_loss;
  line.assigned = news.row.assigned;
  line.reported = news.row.accepted;
  line.bytes_down = news.totals.bytes_down - totals_.bytes_down;
  line.bytes_up = news.totals.bytes_up - totals_.bytes_up;
  line.joules = news.totals.joules - totals_.joules;
  line.stayed_away = news.totals.stayed_away - totals_.stayed_away;
  line.outcomes = news.outcomes;
  totals_ = news.totals;
  if (line.committed) {
    samples_->OnCommitted(news.row);
    const int64_t rounds = in_->scenario.task.rounds;
    const bool is_last = line.round == rounds;
    const bool is_due =
        is_last || line.round % in_->scenario.simulation.evaluate_every == 0;
    // Of a crew the first alone has use for scores.
    if (is_due && (is_first() || log_->is_replaying())) {
      now_ = {line.round, news.time};
      SHOAL_ASSIGN_OR_RETURN(line.test, log_->Test(line.round, [&] {
        return TestOf(news.model);
      }));
      if (in_->scenario.simulation.evaluate_training) {
        SHOAL_ASSIGN_OR_RETURN(line.fleet, log_->Test(line.round, [&] {
          return FleetScoreOf(news);
        }));
      }
    }
    const bool is_next_share =
        line.round * kEpsilons / rounds > (line.round - 1) * kEpsilons / rounds;
    if (news.spent_epsilon && is_first() && is_next_share) {
      SHOAL_ASSIGN_OR_RETURN(line.epsilon, news.spent_epsilon());
    }
  }
  SayLines(failed_.OnRound(news));
  lines_.push_back(line);
  Show(line);
  return absl::OkStatus();
}

// As devices use them, of a serialised model.
absl::StatusOr<learning::ParameterVector> Run::ValuesOf(
    const std::string& model) const {
  SHOAL_ASSIGN_OR_RETURN(const learning::ModelView view,
                         learning::ViewModel(model));
  return in_->model->DeviceVector(learning::ParameterVector(
      view.parameters.begin(), view.parameters.end()));
}

// Of a serialised model, at the present moment.
absl::StatusOr<learning::Score> Run::TestOf(const std::string& model) {
  if (in_->data->drifts()) {
    SHOAL_ASSIGN_OR_RETURN(in_->test, in_->data->LoadTestAt(now_));
  }
  SHOAL_ASSIGN_OR_RETURN(const learning::ParameterVector values,
                         ValuesOf(model));
  return EvaluateInParallel(*in_->model, values, *in_->test, threads_);
}

// Likewise of a round's model, on all training examples.
absl::StatusOr<learning::Score> Run::FleetScoreOf(const RoundNews& news) {
  SHOAL_ASSIGN_OR_RETURN(const learning::ModelView view,
                         learning::ViewModel(news.model));
  SHOAL_ASSIGN_OR_RETURN(PrivateValues own, news.private_values());
  // (A crew is told at the next round, all together.)
  const auto keep_going = [this] {
    return crew_ != nullptr || !environment_.interrupted();
  };
  return EvaluateOnAllDevices(
      FleetModel(*in_->model, view.parameters, std::move(own)),
      *in_->population, now_, threads_, keep_going);
}

void Run::Show(const RoundLine& line) {
  if (line.committed) ++progress_.rounds_done;
  progress_.reports = line.reported;
  progress_.train_loss = line.train_loss;
  if (line.test.has_value()) {
    progress_.test = ValueOf(progress_.measure, *line.test);
  }
  progress_.bytes_up = totals_.bytes_up;
  progress_.bytes_down = totals_.bytes_down;
  if (log_->is_replaying()) {
    progress_.rounds_known = progress_.rounds_done;
    replayed_ = clock_.Monotonic();
  }
  progress_.elapsed = clock_.Monotonic() - std::max(train_start_, replayed_);
  const bool is_last = progress_.rounds_done == progress_.rounds;
  const absl::Duration now = clock_.Monotonic();
  const absl::Duration since = now - shown_;
  if (is_last || since >= kLineInterval) {
    environment_.display.RoundDone(progress_);
    shown_ = now;
  } else if (since >= kRedrawInterval) {
    environment_.display.Update(progress_);
  }
}

// Returns how good the devices' own models are on their own examples; nothing
// where the baseline was not asked for.
absl::StatusOr<std::vector<learning::Score>> Run::AddLocalBaseline(
    absl::Span<const float> final, RunSummary& summary) {
  std::vector<learning::Score> own;
  if (!in_->scenario.simulation.local_baseline) return own;
  const LocalOnlyOptions options = {
      .num_threads = num_threads_,
      .seed = in_->scenario.seed,
      .private_values = {},
      .on_device =
          [this](int done) {
            environment_.display.Step("Devices training alone, to compare",
                                      done, in_->scenario.devices);
          },
      .keep_going = [this] { return !environment_.interrupted(); }};
  SHOAL_ASSIGN_OR_RETURN(DeviceScores scores,
                         ScoreDevices(in_->scenario.task, initial_.parameters,
                                      final, *in_->data, *in_->test, options));
  environment_.display.Finish();
  for (const learning::Score& score : scores.alone) {
    summary.local_only.push_back(ValueOf(summary.measure, score));
    summary.local_only_losses.push_back(score.loss());
  }
  return std::move(scores.alone_own);
}

absl::Status Run::AddCentralBaseline(RunSummary& summary) {
  if (!in_->scenario.simulation.central_baseline) return absl::OkStatus();
  CentralOptions options;
  options.rounds = summary.rounds_completed;
  options.samples_per_round =
      samples_->total() / static_cast<double>(summary.rounds_completed);
  options.seed = in_->scenario.seed;
  options.on_round = [this, all = options.rounds](int64_t done) {
    environment_.display.Step("All data in one place, to compare", done, all);
  };
  options.keep_going = [this] { return !environment_.interrupted(); };
  SHOAL_ASSIGN_OR_RETURN(
      summary.central,
      TrainCentrally(in_->scenario.task, *in_->model, initial_.parameters,
                     *in_->population, *in_->test, threads_, options));
  environment_.display.Finish();
  return WriteFileAtomically(results_->path() + "/central.csv",
                             CentralCsv(summary.central));
}

absl::Status Run::AddDevices(const FederationResult& result,
                             absl::Span<const float> final,
                             absl::Span<const learning::Score> alone,
                             RunSummary& summary) {
  const FleetModel model(*in_->model, final, result.private_values);
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<DeviceLine> lines,
      LinesOf(*in_, result, &model, now_, alone, threads_, KeepGoing()));
  summary.private_parameters = in_->model->private_layout().num_parameters();
  for (const DeviceLine& line : lines) {
    if (!line.personal.has_value()) continue;
    summary.personal.push_back(ValueOf(summary.measure, *line.personal));
  }
  return WriteDeviceTables(*in_, lines, results_->path());
}

absl::StatusOr<RunSummary> Run::Conclude(const FederationResult& result,
                                         absl::string_view ended_early) {
  environment_.display.Finish();
  RunSummary summary;
  summary.samples_per_second =
      samples_->total() / absl::ToDoubleSeconds(Since(train_start_));
  summary.name = in_->scenario.task.name;
  summary.model = in_->scenario.task.model.ToString();
  summary.algorithm = AlgorithmText(in_->scenario.task.algorithm);
  summary.measure = progress_.measure;
  summary.ended_early = std::string(ended_early);
  if (ended_early.empty()) {
    summary.final_test = *lines_.back().test;
  } else {
    SHOAL_ASSIGN_OR_RETURN(summary.final_test, TestOf(result.final_model));
  }
  summary.rounds_completed = progress_.rounds_done;
  summary.rounds_failed = result.rounds_failed;
  summary.virtual_seconds = absl::ToDoubleSeconds(result.simulated_time);
  summary.bytes_up = result.bytes_up;
  summary.bytes_down = result.bytes_down;
  summary.joules = result.joules;
  if (in_->scenario.task.secure_aggregation.has_value()) {
    summary.groups = {SkipsCrypto(in_->scenario), result.groups};
  }
  if (result.privacy.has_value()) {
    summary.privacy = {*in_->scenario.task.differential_privacy,
                       *result.privacy};
    if (!lines_.empty()) lines_.back().epsilon = result.privacy->spent.upper;
  }
  summary.seed = in_->scenario.seed;
  summary.devices = in_->scenario.devices;
  summary.devices_seen = static_cast<int64_t>(result.devices.size());
  summary.training_seconds = absl::ToDoubleSeconds(result.trainings.busy);
  summary.longest_trainings_seconds =
      absl::ToDoubleSeconds(result.trainings.bound);
  summary.version = LongVersion();
  summary.folder = results_->path();
  summary.kept_for_good = results_->is_kept_for_good();
  const int64_t version = result.models.back().version;
  summary.model_path = results_->ModelPath(version);
  SHOAL_RETURN_IF_ERROR(results_->WriteModel(version, result.final_model));
  SHOAL_ASSIGN_OR_RETURN(const learning::StoredModel final,
                         learning::ParseModel(result.final_model));
  learning::ExportOptions options;
  options.onnx = learning::DescribeVersion(in_->scenario.task.name,
                                           in_->scenario.task.model,
                                           Sha256(result.final_model), version);
  SHOAL_ASSIGN_OR_RETURN(
      const learning::ExportedModel exported,
      learning::ExportModel(
          *in_->model, in_->model->DeviceVector(final.parameters), options));
  SHOAL_RETURN_IF_ERROR(results_->WriteOnnx(version, exported.file));
  summary.onnx_path = results_->OnnxPath(version);
  if (ended_early.empty()) {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<learning::Score> alone,
                           AddLocalBaseline(final.parameters, summary));
    SHOAL_RETURN_IF_ERROR(AddDevices(result, final.parameters, alone, summary));
    SHOAL_RETURN_IF_ERROR(AddCentralBaseline(summary));
  } else {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<DeviceLine> lines,
                           LinesOf(*in_, result, /*final=*/nullptr, now_,
                                   /*alone=*/{}, threads_, KeepGoing()));
    SHOAL_RETURN_IF_ERROR(WriteDeviceTables(*in_, lines, results_->path()));
  }
  summary.wall_seconds = absl::ToDoubleSeconds(Since(start_));
  summary.peak_resident_bytes = PeakResidentBytes();
  for (RoundLine& line : lines_) {
    const auto found = result.outcomes.find(line.id);
    if (found != result.outcomes.end()) line.outcomes = found->second;
  }
  SHOAL_RETURN_IF_ERROR(
      results_->WriteSummary(RunRoundsCsv(lines_), RunSummaryJson(summary)));
  summary.report_path = results_->path() + "/report.html";
  SHOAL_RETURN_IF_ERROR(WriteReport({results_->path()}, summary.report_path));
  SHOAL_RETURN_IF_ERROR(RunLog::Remove(results_->path()));
  return summary;
}

}  // namespace

absl::StatusOr<RunSummary> RunScenario(const RunOptions& options,
                                       const RunEnvironment& environment) {
  return Run(options, environment).Do();
}

}  // namespace shoal::simulations
