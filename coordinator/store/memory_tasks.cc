#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "coordinator/store/memory_tables.h"

namespace shoal::coordinator {

absl::StatusOr<MemoryStore::Task*> MemoryStore::FindTask(
    const std::string& name) {
  const auto task = tasks_.find(name);
  if (task == tasks_.end()) return TaskNotFound(name);
  return &task->second;
}

std::vector<TaskRow> MemoryStore::TaskRows() {
  std::vector<TaskRow> rows;
  for (const auto& [name, task] : tasks_) rows.push_back(task.row);
  return rows;
}

absl::StatusOr<Lease> MemoryStore::AcquireLease(const std::string& task,
                                                const std::string& holder,
                                                absl::Time now,
                                                absl::Duration duration) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(Task * found, FindTask(task));
  SHOAL_ASSIGN_OR_RETURN(found->lease,
                         NextLease(task, found->lease, holder, now, duration));
  return Lease{task, holder, found->lease->epoch};
}

absl::Status MemoryStore::CreateTask(const TaskRow& task, const ModelRow& model,
                                     absl::string_view model_bytes) {
  SHOAL_RETURN_IF_ERROR(CheckNewTask(task, model));
  SHOAL_RETURN_IF_ERROR(CheckModelBytes(model, model_bytes));
  MutexLock lock(mutex_);
  if (tasks_.count(task.name) > 0) return TaskExists(task.name);
  SHOAL_RETURN_IF_ERROR(
      CheckPrivacyBudget(task, ledger_.BudgetOf(task.population), TaskRows()));
  if (!task.privacy_budget.empty()) {
    ledger_.SetBudget(task.population, task.privacy_budget);
  }
  models_.emplace(model.digest, Model{model, std::string(model_bytes)});
  Task& created = tasks_[task.name];
  created.row = task;
  created.models.push_back(model);
  return absl::OkStatus();
}

absl::StatusOr<TaskRow> MemoryStore::GetTask(const std::string& name) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Task* task, FindTask(name));
  return task->row;
}

absl::StatusOr<std::vector<TaskRow>> MemoryStore::ListTasks() {
  MutexLock lock(mutex_);
  return TaskRows();
}

absl::Status MemoryStore::SetTaskState(const std::string& name, TaskState state,
                                       const std::string& note,
                                       absl::Time now) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(Task * task, FindTask(name));
  SHOAL_RETURN_IF_ERROR(CheckTaskState(task->row, UnfinishedRow(*task), state));
  Round* round = UnfinishedRound(*task);
  if (state == TaskState::kStopped && round != nullptr) {
    MarkStopped(round->row, task->row, now);
    round->segments.clear();
    EndRound(*round);
  }
  task->row.state = state;
  task->row.note = note;
  task->row.updated = now;
  return absl::OkStatus();
}

absl::StatusOr<ModelRow> MemoryStore::GetModel(const Digest& digest) {
  MutexLock lock(mutex_);
  const auto model = models_.find(digest);
  if (model == models_.end()) return ModelNotFound(digest);
  return model->second.row;
}

absl::StatusOr<std::vector<ModelRow>> MemoryStore::ListModels(
    const std::string& task, int limit) {
  MutexLock lock(mutex_);
  std::vector<ModelRow> rows;
  const auto found = tasks_.find(task);
  if (found == tasks_.end()) return rows;
  const std::vector<ModelRow>& models = found->second.models;
  for (auto model = models.rbegin();
       model != models.rend() && static_cast<int>(rows.size()) < limit;
       ++model) {
    rows.push_back(*model);
  }
  return rows;
}

absl::StatusOr<std::string> MemoryStore::ReadModel(const Digest& digest,
                                                   int64_t offset,
                                                   int64_t size) {
  MutexLock lock(mutex_);
  const auto model = models_.find(digest);
  if (model == models_.end()) return ModelNotFound(digest);
  SHOAL_RETURN_IF_ERROR(
      CheckModelRange(digest, model->second.bytes.size(), offset, size));
  return model->second.bytes.substr(offset, size);
}

absl::StatusOr<std::string> MemoryStore::GetOptimizerState(
    const std::string& task) {
  MutexLock lock(mutex_);
  SHOAL_ASSIGN_OR_RETURN(const Task* found, FindTask(task));
  return found->optimizer_state;
}

absl::StatusOr<std::string> MemoryStore::GetPrivacyBudget(
    const std::string& population) {
  MutexLock lock(mutex_);
  return ledger_.BudgetOf(population);
}

absl::StatusOr<std::vector<ChargeRow>> MemoryStore::ListCharges(
    const std::string& population) {
  MutexLock lock(mutex_);
  return ledger_.ChargesOf(population);
}

absl::StatusOr<Secret> MemoryStore::GetMechanismState(const std::string& task) {
  MutexLock lock(mutex_);
  SHOAL_RETURN_IF_ERROR(FindTask(task).status());
  return ledger_.StateOf(task);
}

}  // namespace shoal::coordinator
