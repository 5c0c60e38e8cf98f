#include "simulations/live/live_run.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/human_duration.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "client/file_state.h"
#include "client/private_values.h"
#include "learning/feature_statistics.h"
#include "learning/initial_model.h"
#include "learning/onnx/export_model.h"
#include "protocol/exit_code.h"
#include "simulations/device_classes.h"
#include "simulations/live/local_deployment.h"
#include "simulations/live/operator_client.h"
#include "simulations/results/algorithm_text.h"
#include "simulations/results/local_only.h"
#include "simulations/results/results_folder.h"
#include "simulations/results/run_folder.h"

namespace shoal::simulations {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(200);
// Beyond a round's deadline; then nothing will come any more.
constexpr absl::Duration kStuckAfter = absl::Seconds(60);
constexpr int kMaxFailuresInARow = 5;
constexpr absl::Duration kInvitationLifetime = absl::Hours(1);

// Wakes the run when the coordinator has news. Thread-safe.
class News {
 public:
  void Arrive() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    arrived_ = true;
    changed_.NotifyAll();
  }
  // Whether there was news within `timeout`.
  bool Await(absl::Duration timeout) SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!arrived_) changed_.WaitFor(mutex_, timeout);
    return std::exchange(arrived_, false);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool arrived_ SHOAL_GUARDED_BY(mutex_) = false;
};

// What the user wrote, or what the scenario names.
std::string DescribeData(const LiveOptions& options,
                         const learning::DataSource& data) {
  if (options.data.has_value()) return *options.data;
  return std::visit(
      [](const auto& source) -> std::string {
        if constexpr (requires { source.path; }) {
          return source.path;
        } else {
          return "handwriting";
        }
      },
      data.kind);
}

class LiveRun {
 public:
  LiveRun(const LiveOptions& options, const LiveEnvironment& environment)
      : options_(options),
        environment_(environment),
        start_(clock_.Monotonic()) {}

  absl::StatusOr<LiveSummary> Run();

 private:
  absl::Status Prepare();
  absl::Status OpenInput();
  absl::Status Deploy();
  absl::Status Train();
  absl::Status FollowRounds();
  absl::Status OnRoundCommitted(RoundRecord round);
  absl::Status OnRoundFailed(RoundRecord round);
  void OnRoundRunning(const RoundRecord& round);
  absl::StatusOr<LiveSummary> Conclude();
  absl::Status SaveResults(LiveSummary& summary);
  absl::StatusOr<std::string> InitialModel();
  absl::StatusOr<learning::ParameterVector> Download(const Digest& digest);
  absl::StatusOr<std::vector<learning::ParameterVector>> PrivateValues() const;
  absl::Status WithLogs(const absl::Status& status) const;
  absl::Duration Elapsed() const { return clock_.Monotonic() - start_; }

  const LiveOptions& options_;
  const LiveEnvironment& environment_;
  const RealClock clock_;
  const absl::Duration start_;

  configuration::Scenario scenario_;
  std::unique_ptr<learning::FederatedData> data_;
  std::unique_ptr<learning::Dataset> test_;
  std::unique_ptr<learning::Model> model_;

  std::unique_ptr<ResultsFolder> results_;
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<LocalDeployment> deployment_;
  std::unique_ptr<OperatorClient> operator_;

  learning::ParameterVector initial_;
  learning::ParameterVector final_;
  std::string final_bytes_;
  std::vector<RoundRecord> rounds_;  // in a final state
  int failures_in_a_row_ = 0;
  absl::Duration train_start_;
  absl::Duration train_time_;
  absl::Duration last_change_;
  RoundRecord running_;
  ProgressState progress_;
};

// How many devices the user's data name, when nothing else says how many to
// start.
absl::StatusOr<std::optional<int>> NaturalDevices(
    const LiveOptions& options, const configuration::Scenario& scenario) {
  if (!options.data.has_value() || options.devices.has_value() ||
      scenario.partition.has_value()) {
    return std::nullopt;
  }
  SHOAL_ASSIGN_OR_RETURN(
      const auto data,
      learning::FederatedData::Open(scenario.data, std::nullopt,
                                    /*num_devices=*/1, scenario.seed));
  const learning::DataShape& shape = data->shape();
  if (!shape.natural_is_default || shape.natural_devices < 1) {
    return std::nullopt;
  }
  return std::min(shape.natural_devices, kMaxDevices);
}

// The scenario and the data that the user named, checked.
absl::Status LiveRun::OpenInput() {
  SHOAL_ASSIGN_OR_RETURN(scenario_, ResolveScenario(options_));
  SHOAL_ASSIGN_OR_RETURN(const std::optional<int> natural,
                         NaturalDevices(options_, scenario_));
  if (natural.has_value()) {
    LiveOptions options = options_;
    options.devices = natural;
    SHOAL_ASSIGN_OR_RETURN(scenario_, ResolveScenario(options));
  }
  SHOAL_ASSIGN_OR_RETURN(
      data_, learning::FederatedData::Open(scenario_.data, scenario_.partition,
                                           scenario_.devices, scenario_.seed));
  if (options_.data.has_value()) AdaptModel(data_->shape(), scenario_);
  SHOAL_ASSIGN_OR_RETURN(model_, learning::Model::Create(scenario_.task.model));
  SHOAL_ASSIGN_OR_RETURN(test_, data_->LoadTest());
  // Reads the training files to their end: what is wrong with them is said
  // here, not by twenty agents.
  SHOAL_ASSIGN_OR_RETURN(const auto first, data_->LoadDevice(0));
  SHOAL_RETURN_IF_ERROR(learning::CheckFit(*model_, *first));
  if (data_->shape().missing_values &&
      !scenario_.task.model.preprocessing.impute) {
    return absl::InvalidArgumentError(
        "the data lack values, expected a model that imputes them "
        "(task.model.preprocessing.impute)");
  }
  return absl::OkStatus();
}

absl::Status LiveRun::Prepare() {
  SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(OpenInput()));
  auto results =
      ResultsFolder::Open(options_.out, configuration::ScenarioYaml(scenario_));
  SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(results.status()));
  results_ = *std::move(results);
  progress_.measure = MeasureOf(*model_);
  int64_t num_examples = 0;
  for (int i = 0; i < data_->num_devices(); ++i) {
    num_examples += data_->num_device_examples(i);
  }
  environment_.display.Say(absl::StrFormat(
      "%s: %d examples on %d devices, %d held out; %s, %s, %d rounds",
      DescribeData(options_, scenario_.data), num_examples, scenario_.devices,
      test_->num_examples(), scenario_.task.model.ToString(),
      AlgorithmText(scenario_.task.algorithm), scenario_.task.rounds));
  if (model_->private_layout().num_parameters() > 0) {
    environment_.display.Say(
        "The model has private layers: until the end, test scores have them at "
        "their initial values.");
  }
  return absl::OkStatus();
}

absl::Status LiveRun::Deploy() {
  SHOAL_ASSIGN_OR_RETURN(folder_, RunFolder::Make("shoal-live"));
  environment_.display.Say("Starting shoald …");
  SHOAL_ASSIGN_OR_RETURN(
      deployment_,
      LocalDeployment::Start({.folder = folder_->path(),
                              .program_folder = environment_.program_folder,
                              .interrupted = environment_.interrupted}));
  environment_.display.Say(absl::StrCat("Its dashboard, until the end: http://",
                                        deployment_->http_address(), "/"));
  operator_ =
      OperatorClient::Connect(deployment_->address(), deployment_->ca_pem(),
                              deployment_->operator_identity());
  SHOAL_ASSIGN_OR_RETURN(const std::string start, InitialModel());
  SHOAL_RETURN_IF_ERROR(operator_->CreateTask(scenario_.task, start));
  SHOAL_ASSIGN_OR_RETURN(const Digest initial,
                         operator_->ModelDigest(scenario_.task.name, 0));
  SHOAL_ASSIGN_OR_RETURN(initial_, Download(initial));
  SHOAL_ASSIGN_OR_RETURN(
      const std::string invitation,
      operator_->Invite(scenario_.devices, kInvitationLifetime, "live run"));
  train_start_ = clock_.Monotonic();
  for (int i = 0; i < scenario_.devices; ++i) {
    SHOAL_RETURN_IF_ERROR(deployment_->AddAgent(scenario_, i, invitation));
    environment_.display.Step("Enrolling and starting devices", i + 1,
                              scenario_.devices);
  }
  return absl::OkStatus();
}

// As an operator makes it from what `shoal-agent statistics` writes on every
// device; "", for the coordinator to make it, where no statistics are needed.
absl::StatusOr<std::string> LiveRun::InitialModel() {
  const learning::ModelSpec& model = scenario_.task.model;
  if (!model.preprocessing.needs_statistics()) return std::string();
  std::optional<learning::FeatureStatistics> all;
  for (int i = 0; i < scenario_.devices; ++i) {
    if (environment_.interrupted()) return absl::CancelledError("interrupted");
    SHOAL_ASSIGN_OR_RETURN(const auto examples, data_->LoadDevice(i));
    SHOAL_ASSIGN_OR_RETURN(const learning::FeatureStatistics own,
                           learning::StatisticsOf(*examples));
    if (!all.has_value()) all.emplace(own.num_features());
    SHOAL_RETURN_IF_ERROR(all->Merge(own));
    environment_.display.Step("Gathering the statistics of features", i + 1,
                              scenario_.devices);
  }
  return learning::MakeInitialModel(model, scenario_.task.seed, &*all);
}

absl::StatusOr<learning::ParameterVector> LiveRun::Download(
    const Digest& digest) {
  SHOAL_ASSIGN_OR_RETURN(final_bytes_, operator_->DownloadModel(digest));
  SHOAL_ASSIGN_OR_RETURN(learning::StoredModel model,
                         learning::ParseModel(final_bytes_));
  if (model.layout != model_->layout()) {
    return absl::DataLossError(
        "the coordinator's model does not have the task's layout");
  }
  return std::move(model.parameters);
}

absl::Status LiveRun::OnRoundCommitted(RoundRecord round) {
  train_time_ = clock_.Monotonic() - train_start_;
  failures_in_a_row_ = 0;
  SHOAL_ASSIGN_OR_RETURN(final_, Download(round.committed_model));
  SHOAL_ASSIGN_OR_RETURN(
      round.test,
      learning::EvaluateDataset(*model_, model_->DeviceVector(final_), *test_));
  if (results_->is_kept_for_good()) {
    SHOAL_RETURN_IF_ERROR(results_->WriteModel(round.number, final_bytes_));
  }
  SHOAL_ASSIGN_OR_RETURN(const CoordinatorTraffic traffic,
                         operator_->Traffic());
  progress_.rounds_done += 1;
  progress_.rounds = scenario_.task.rounds;
  progress_.reports = round.accepted;
  progress_.partial = round.partial;
  progress_.train_loss = round.train_loss;
  progress_.test = ValueOf(progress_.measure, *round.test);
  progress_.bytes_up = traffic.bytes_up;
  progress_.bytes_down = traffic.bytes_down;
  progress_.elapsed = train_time_;
  environment_.display.RoundDone(progress_);
  rounds_.push_back(std::move(round));
  return absl::OkStatus();
}

absl::Status LiveRun::OnRoundFailed(RoundRecord round) {
  environment_.display.Say(
      absl::StrCat("round ", round.number, " failed: ", round.explanation));
  rounds_.push_back(std::move(round));
  if (++failures_in_a_row_ < kMaxFailuresInARow) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      kMaxFailuresInARow, " rounds in a row failed, the last one with ",
      rounds_.back().failure, ": ", rounds_.back().explanation));
}

void LiveRun::OnRoundRunning(const RoundRecord& round) {
  running_ = round;
  progress_.rounds = scenario_.task.rounds;
  progress_.reports = round.accepted;
  progress_.partial = round.partial;
  progress_.elapsed = clock_.Monotonic() - train_start_;
  environment_.display.Update(progress_);
}

absl::Status LiveRun::FollowRounds() {
  const int64_t last = rounds_.empty() ? 0 : rounds_.back().id;
  SHOAL_ASSIGN_OR_RETURN(std::vector<RoundRecord> rounds,
                         operator_->RoundsAfter(scenario_.task.name, last));
  for (RoundRecord& round : rounds) {
    const bool moved = round.id != running_.id ||
                       round.assigned != running_.assigned ||
                       round.accepted != running_.accepted;
    if (moved || round.committed || round.failed) {
      last_change_ = clock_.Monotonic();
    }
    if (round.committed) {
      SHOAL_RETURN_IF_ERROR(OnRoundCommitted(std::move(round)));
    } else if (round.failed) {
      SHOAL_RETURN_IF_ERROR(OnRoundFailed(std::move(round)));
    } else {
      OnRoundRunning(round);
    }
  }
  return absl::OkStatus();
}

absl::Status LiveRun::Train() {
  News news;
  const auto watch =
      operator_->WatchRounds(scenario_.task.name, [&news] { news.Arrive(); });
  const absl::Duration patience = scenario_.task.round.deadline + kStuckAfter;
  last_change_ = clock_.Monotonic();
  while (progress_.rounds_done < scenario_.task.rounds) {
    if (environment_.interrupted()) return absl::CancelledError("interrupted");
    SHOAL_RETURN_IF_ERROR(
        deployment_->CheckRunning(scenario_.task.round.min_reports));
    for (const std::string& ended : deployment_->NewlyEnded()) {
      environment_.display.Say(ended);
    }
    if (news.Await(kTick)) SHOAL_RETURN_IF_ERROR(FollowRounds());
    if (clock_.Monotonic() - last_change_ > patience) {
      // The news may have been lost with the stream: look once more.
      SHOAL_RETURN_IF_ERROR(FollowRounds());
      if (clock_.Monotonic() - last_change_ <= patience) continue;
      return absl::DeadlineExceededError(
          absl::StrCat("nothing has happened for ", HumanDuration(patience),
                       " in round ", running_.number, " (", running_.accepted,
                       " of ", running_.cohort, " reports)"));
    }
  }
  environment_.display.Finish();
  return absl::OkStatus();
}

// What the devices' last training left. REQUIRES: the agents have ended.
absl::StatusOr<std::vector<learning::ParameterVector>> LiveRun::PrivateValues()
    const {
  std::vector<learning::ParameterVector> values;
  if (model_->private_layout().num_parameters() == 0) return values;
  for (int i = 0; i < scenario_.devices; ++i) {
    const std::string folder = AgentStateFolder(folder_->path(), i);
    SHOAL_ASSIGN_OR_RETURN(const auto lock, client::FolderLock::Take(folder));
    SHOAL_ASSIGN_OR_RETURN(const auto state, client::OpenFileState(folder));
    SHOAL_ASSIGN_OR_RETURN(
        values.emplace_back(),
        client::LoadPrivateValues(*state, scenario_.task.name, *model_));
  }
  return values;
}

absl::StatusOr<LiveSummary> LiveRun::Conclude() {
  SHOAL_ASSIGN_OR_RETURN(const CoordinatorTraffic traffic,
                         operator_->Traffic());
  operator_.reset();
  deployment_.reset();  // before the processor is needed
  SHOAL_ASSIGN_OR_RETURN(const auto private_values, PrivateValues());
  const LocalOnlyOptions alone = {
      .num_threads =
          std::max(1, static_cast<int>(std::thread::hardware_concurrency())),
      .seed = scenario_.seed,
      .private_values = private_values,
      .on_device =
          [this](int done) {
            environment_.display.Step("Devices training alone, to compare",
                                      done, scenario_.devices);
          },
      .keep_going = [this] { return !environment_.interrupted(); }};
  SHOAL_ASSIGN_OR_RETURN(
      DeviceScores scores,
      ScoreDevices(scenario_.task, initial_, final_, *data_, *test_, alone));
  environment_.display.Finish();
  LiveSummary summary;
  summary.algorithm = AlgorithmText(scenario_.task.algorithm);
  summary.data = DescribeData(options_, scenario_.data);
  summary.model = scenario_.task.model.ToString();
  summary.final_test = *rounds_.back().test;
  summary.test_examples = test_->num_examples();
  summary.measure = progress_.measure;
  if (std::holds_alternative<learning::TextSource>(scenario_.data.kind)) {
    summary.prediction = "character";
  }
  summary.private_parameters = model_->private_layout().num_parameters();
  summary.personal_scores = std::move(scores.personal);
  summary.device_scores = std::move(scores.federated);
  summary.local_only_scores = std::move(scores.alone);
  summary.rounds_completed = progress_.rounds_done;
  summary.rounds_failed =
      static_cast<int64_t>(rounds_.size()) - progress_.rounds_done;
  summary.devices = scenario_.devices;
  summary.classes = ClassesText(scenario_);
  summary.secure_aggregation = scenario_.task.secure_aggregation.has_value();
  for (const RoundRecord& round : rounds_) {
    summary.reports += round.accepted;
    summary.partial_reports += round.partial;
    if (round.partial > 0) summary.partial_round = round.explanation;
  }
  summary.train_time = train_time_;
  summary.bytes_up = traffic.bytes_up;
  summary.bytes_down = traffic.bytes_down;
  summary.seed = scenario_.seed;
  summary.version = LongVersion();
  SHOAL_RETURN_IF_ERROR(SaveResults(summary));
  return summary;
}

absl::Status LiveRun::SaveResults(LiveSummary& summary) {
  const int64_t version = rounds_.back().number;
  summary.folder = results_->path();
  summary.kept_for_good = results_->is_kept_for_good();
  summary.model_path = results_->ModelPath(version);
  SHOAL_RETURN_IF_ERROR(results_->WriteModel(version, final_bytes_));
  learning::ExportOptions options;
  options.onnx = learning::DescribeVersion(
      scenario_.task.name, scenario_.task.model, Sha256(final_bytes_), version);
  SHOAL_ASSIGN_OR_RETURN(
      const learning::ExportedModel exported,
      learning::ExportModel(*model_, model_->DeviceVector(final_), options));
  SHOAL_RETURN_IF_ERROR(results_->WriteOnnx(version, exported.file));
  summary.onnx_path = results_->OnnxPath(version);
  summary.wall_time = Elapsed();
  return results_->WriteSummary(RoundsCsv(rounds_), SummaryJson(summary));
}

// Errors of a deployment that was up are explained by its logs.
absl::Status LiveRun::WithLogs(const absl::Status& status) const {
  if (status.ok() || absl::IsCancelled(status) || deployment_ == nullptr ||
      absl::StrContains(status.message(), "--- log of")) {
    return status;
  }
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), deployment_->LogTails()));
}

absl::StatusOr<LiveSummary> LiveRun::Run() {
  SHOAL_RETURN_IF_ERROR(Prepare());
  SHOAL_RETURN_IF_ERROR(WithLogs(Deploy()));
  SHOAL_RETURN_IF_ERROR(WithLogs(Train()));
  return Conclude();
}

}  // namespace

absl::StatusOr<LiveSummary> RunLive(const LiveOptions& options,
                                    const LiveEnvironment& environment) {
  return LiveRun(options, environment).Run();
}

}  // namespace shoal::simulations
