#include "coordinator/engine/round_engine.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/check_in.h"
#include "coordinator/engine/engine_core.h"
#include "coordinator/engine/failpoints.h"
#include "coordinator/engine/forget.h"
#include "coordinator/engine/group_desk.h"
#include "coordinator/engine/task_runner.h"
#include "coordinator/engine/token_keys.h"
#include "coordinator/engine/upload_desk.h"

namespace shoal::coordinator {
namespace {

constexpr absl::Duration kKeyRetry = absl::Seconds(1);

class RoundEngineImpl final : public RoundEngine {
 public:
  RoundEngineImpl(EngineOptions options, const EngineDependencies& dependencies)
      : core_(std::move(options), dependencies) {}

  absl::Status Load(absl::Time now) {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<TaskRow> rows,
                           core_.deps.store.ListTasks());
    for (const TaskRow& row : rows) {
      SHOAL_RETURN_IF_ERROR(LoadTask(row));
    }
    // Devices of rounds that go on may come before the first Advance().
    for (TaskRunner* runner : Runners()) {
      SHOAL_RETURN_IF_ERROR(runner->Load(now));
    }
    SHOAL_ASSIGN_OR_RETURN(keys_due_, RenewTokenKeys(core_, now));
    return absl::OkStatus();
  }

  absl::Status CreateTask(const configuration::Task& task,
                          absl::string_view initial_model,
                          absl::Time now) override {
    SHOAL_ASSIGN_OR_RETURN(std::shared_ptr<const TaskSetup> setup,
                           MakeTaskSetup(task));
    SHOAL_RETURN_IF_ERROR(CheckVerifier(*setup));
    SHOAL_ASSIGN_OR_RETURN(const std::string bytes,
                           InitialModel(*setup, initial_model));
    ModelRow model;
    model.digest = Sha256(bytes);
    model.task = task.name;
    model.num_bytes = bytes.size();
    model.num_parameters = setup->num_parameters();
    model.created = now;
    TaskRow row;
    row.name = task.name;
    row.population = task.population;
    row.definition = configuration::SerializeTask(CalibratedTask(*setup));
    row.rounds = task.rounds;
    if (task.differential_privacy.has_value()) {
      row.privacy_budget = BudgetText(*task.differential_privacy);
    }
    row.current_model = model.digest;
    row.created = now;
    row.updated = now;
    SHOAL_RETURN_IF_ERROR(
        core_.Noted(core_.deps.store.CreateTask(row, model, bytes)));
    Failpoint("after_create_task");
    core_.deps.log.Info(
        "task created",
        {{"task", task.name}, {"model", setup->task.model.ToString()}});
    AddTask(std::move(setup), row);
    return absl::OkStatus();
  }

  absl::Status SetTaskState(const std::string& name, TaskState state,
                            absl::Time now) override {
    SHOAL_RETURN_IF_ERROR(core_.Noted(core_.deps.store.SetTaskState(
        name, state, state == TaskState::kActive ? "" : "by an operator",
        now)));
    core_.deps.log.Info("task state changed",
                        {{"task", name}, {"state", ToString(state)}});
    MutexLock lock(core_.mutex);
    if (RunningTask* task = core_.FindTask(name); task != nullptr) {
      task->row.state = state;  // admissions obey at once
      task->stale = true;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<PrivacyReport> PrivacyOf(const std::string& name) override {
    SHOAL_ASSIGN_OR_RETURN(const TaskRow row, core_.deps.store.GetTask(name));
    std::shared_ptr<const TaskSetup> setup;
    {
      MutexLock lock(core_.mutex);
      const RunningTask* task = core_.FindTask(name);
      if (task != nullptr) setup = task->setup;
    }
    if (setup == nullptr || !setup->privacy.has_value()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "task '", name, "' trains without differential privacy"));
    }
    return ReportPrivacy(core_.deps.store, *setup, row, [this] {
      MutexLock lock(core_.mutex);
      return core_.admitting;
    });
  }

  absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      const DeviceIdentity& device, const protocol::CheckIn& message,
      absl::Time now) override {
    return AnswerCheckIn(core_, device, message, now);
  }

  absl::StatusOr<std::string> ReadModel(const Digest& digest,
                                        int64_t offset) override {
    if (offset < 0) {
      return protocol::RefusalError(
          protocol::RefusalCode::kBadRequest,
          absl::StrCat("offset: ", offset, " is negative"));
    }
    absl::StatusOr<std::string> bytes =
        core_.deps.store.ReadModel(digest, offset, protocol::kMaxChunkBytes);
    if (absl::IsNotFound(bytes.status())) {
      return protocol::RefusalError(
          protocol::RefusalCode::kUnknownModel,
          absl::StrCat("there is no model ", digest.ToShortHex()));
    }
    if (absl::IsOutOfRange(bytes.status())) {
      return protocol::RefusalError(protocol::RefusalCode::kBadRequest,
                                    bytes.status().message());
    }
    if (!bytes.ok()) return StoreUnavailable(bytes.status());
    return bytes;
  }

  absl::StatusOr<protocol::UploadProgress> QueryUpload(
      const DeviceIdentity& device, absl::string_view token,
      const Digest& digest, absl::Time now) override {
    return coordinator::QueryUpload(core_, device, token, digest, now);
  }

  absl::StatusOr<UploadStart> BeginUpload(const DeviceIdentity& device,
                                          const protocol::UploadHeader& header,
                                          absl::Time now) override {
    return coordinator::BeginUpload(core_, device, header, now);
  }

  absl::Status Aggregate(const DeviceIdentity& device,
                         const protocol::AggregateRequest& request,
                         absl::Time now, AggregateDone done) override {
    return coordinator::Aggregate(core_, device, request, now, std::move(done));
  }

  absl::StatusOr<absl::Duration> Abandon(const DeviceIdentity& device,
                                         absl::string_view token,
                                         protocol::AbandonReason reason,
                                         absl::Time now) override {
    return coordinator::Abandon(core_, device, token, reason, now);
  }

  absl::Status ForgetDevice(const std::string& device_id) override {
    return coordinator::ForgetDevice(core_, device_id);
  }

  absl::Status CheckNotForgotten(const std::string& device_id) override {
    return coordinator::CheckNotForgotten(core_, device_id);
  }

  absl::Time Advance(absl::Time now) override {
    {
      MutexLock lock(advancing_mutex_);
      // The call at work takes this one's events along.
      if (std::exchange(advancing_, true)) {
        again_ = true;
        return absl::InfiniteFuture();
      }
    }
    while (true) {
      const absl::Time next = AdvanceOnce(now);
      MutexLock lock(advancing_mutex_);
      if (!std::exchange(again_, false)) {
        advancing_ = false;
        return next;
      }
    }
  }

  void StopAdmitting() override {
    MutexLock lock(core_.mutex);
    core_.admitting = false;
  }

  absl::Status LastError() const override {
    MutexLock lock(core_.mutex);
    return core_.last_error;
  }

  int64_t uploads_in_progress() const override {
    MutexLock lock(core_.mutex);
    int64_t count = static_cast<int64_t>(core_.answers.size());
    for (const auto& [name, task] : core_.tasks) {
      if (task->round != nullptr) count += task->round->uploads_in_progress();
    }
    return count;
  }

  RoundStanding StandingOf(const std::string& task) const override {
    MutexLock lock(core_.mutex);
    const auto found = core_.tasks.find(task);
    if (found == core_.tasks.end() || found->second->round == nullptr) {
      return RoundStanding();
    }
    return found->second->round->standing();
  }

  TaskNotices NoticesOf(const std::string& task,
                        int64_t round_id) const override {
    MutexLock lock(core_.mutex);
    const auto found = core_.tasks.find(task);
    if (found == core_.tasks.end()) return TaskNotices();
    const RunningTask& running = *found->second;
    return TaskNotices{running.held_up, running.refused.Of(round_id)};
  }

 private:
  absl::Status LoadTask(const TaskRow& row) {
    const auto definition = configuration::ParseTask(row.definition);
    if (!definition.ok()) {
      return absl::DataLossError(
          absl::StrCat("the stored definition of task '", row.name,
                       "' cannot be used: ", definition.status().message()));
    }
    SHOAL_ASSIGN_OR_RETURN(std::shared_ptr<const TaskSetup> setup,
                           MakeTaskSetup(*definition));
    SHOAL_RETURN_IF_ERROR(CheckVerifier(*setup));
    AddTask(std::move(setup), row);
    return absl::OkStatus();
  }

  // Where devices sign, somebody has to check it.
  absl::Status CheckVerifier(const TaskSetup& setup) const {
    const auto& settings = setup.task.secure_aggregation;
    if (!settings.has_value() || core_.deps.verifier != nullptr ||
        settings->coordinator ==
            secure_aggregation::CoordinatorTrust::kHonest) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "task '", setup.task.name,
        "': secure_aggregation.coordinator: only honest works without TLS, "
        "where devices have no certificates to sign with"));
  }

  void AddTask(std::shared_ptr<const TaskSetup> setup, const TaskRow& row) {
    auto task = std::make_unique<RunningTask>(std::move(setup));
    task->row = row;
    MutexLock lock(core_.mutex);
    core_.tasks[row.name] = std::move(task);
  }

  absl::Time AdvanceOnce(absl::Time now) {
    absl::Time next = AdvanceKeys(now);
    for (TaskRunner* runner : Runners()) {
      next = std::min(next, runner->Advance(now));
    }
    core_.DeliverAnswers();
    return next;
  }

  // In the order of the tasks' names.
  std::vector<TaskRunner*> Runners() {
    MutexLock lock(core_.mutex);
    for (const auto& [name, task] : core_.tasks) {
      runners_.try_emplace(name, core_, *task);
    }
    std::vector<TaskRunner*> runners;
    for (auto& [name, runner] : runners_) runners.push_back(&runner);
    return runners;
  }

  absl::Time AdvanceKeys(absl::Time now) {
    // No later than a lifetime from now, should the clock have been set back.
    keys_due_ = std::min(keys_due_, now + core_.options.token_key_lifetime);
    if (now < keys_due_) return keys_due_;
    const absl::StatusOr<absl::Time> due = RenewTokenKeys(core_, now);
    if (!due.ok()) {
      core_.deps.log.Error("token keys could not be renewed",
                           {{"error", due.status().ToString()}});
    }
    keys_due_ = due.ok() ? std::max(*due, now) : now + kKeyRetry;
    return keys_due_;
  }

  EngineCore core_;

  Mutex advancing_mutex_;
  bool advancing_ SHOAL_GUARDED_BY(advancing_mutex_) = false;
  bool again_ SHOAL_GUARDED_BY(advancing_mutex_) = false;

  // Used only by the call of Advance() at work.
  std::map<std::string, TaskRunner> runners_;
  absl::Time keys_due_ = absl::InfinitePast();
};

}  // namespace

absl::StatusOr<std::unique_ptr<RoundEngine>> RoundEngine::Create(
    EngineOptions options, const EngineDependencies& dependencies,
    absl::Time now) {
  auto engine =
      std::make_unique<RoundEngineImpl>(std::move(options), dependencies);
  SHOAL_RETURN_IF_ERROR(engine->Load(now));
  return engine;
}

}  // namespace shoal::coordinator
