#include "coordinator/engine/forget.h"

#include <memory>

namespace shoal::coordinator {
namespace {

// Takes the device's part out of what is kept in memory. An update of it that
// is being committed at this moment is the store's to decide: it counts if its
// transaction was first.
void Withdraw(EngineCore& core, RunningTask& task, const std::string& device_id)
    SHOAL_REQUIRES(core.mutex) {
  if (task.round == nullptr || task.round->Find(device_id) == nullptr) return;
  const std::shared_ptr<Upload> upload =
      task.round->Withdraw(device_id, RoundOver(task.round->row().id));
  if (upload != nullptr) core.Tell(*upload, upload->end);
  core.NoteLeft(task, task.round->row().id, device_id);
  task.stale = true;  // its admission may have been on its way
}

}  // namespace

absl::Status ForgetDevice(EngineCore& core, const std::string& device_id) {
  const absl::Status status =
      core.Noted(core.deps.store.ForgetDevice(device_id));
  if (!status.ok()) return StoreUnavailable(status);
  core.deps.log.Info("a device was forgotten");
  MutexLock lock(core.mutex);
  for (const auto& [name, task] : core.tasks) {
    Withdraw(core, *task, device_id);
  }
  return absl::OkStatus();
}

absl::Status CheckNotForgotten(EngineCore& core, const std::string& device_id) {
  const absl::StatusOr<bool> forgotten = core.deps.store.IsForgotten(device_id);
  if (!forgotten.ok()) return StoreUnavailable(forgotten.status());
  if (!*forgotten) return absl::OkStatus();
  return protocol::RefusalError(
      protocol::RefusalCode::kForgotten,
      "this device has been forgotten, and its certificate is worth nothing "
      "any more");
}

}  // namespace shoal::coordinator
