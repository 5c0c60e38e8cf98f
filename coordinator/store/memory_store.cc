#include "coordinator/store/memory_store.h"

#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "coordinator/store/memory_tables.h"

namespace shoal::coordinator {

std::unique_ptr<RoundStore> MakeMemoryStore(const MemoryStoreOptions& options) {
  return std::make_unique<MemoryStore>(options);
}

std::string MemoryStore::Describe() const { return "memory"; }

absl::Status MemoryStore::UpsertDevice(const DeviceRow& device) {
  MutexLock lock(mutex_);
  return devices_.UpsertDevice(device);
}

absl::Status MemoryStore::TouchDevice(const DeviceSighting& sighting) {
  MutexLock lock(mutex_);
  devices_.TouchDevice(sighting);
  return absl::OkStatus();
}

absl::StatusOr<DeviceRow> MemoryStore::GetDevice(const std::string& id) {
  MutexLock lock(mutex_);
  return devices_.GetDevice(id);
}

absl::StatusOr<DeviceRow> MemoryStore::FindDevice(const std::string& text) {
  MutexLock lock(mutex_);
  return devices_.FindDevice(text);
}

absl::StatusOr<std::vector<DeviceRow>> MemoryStore::ListDevices(
    int limit, const std::string& after_id) {
  MutexLock lock(mutex_);
  return devices_.ListDevices(limit, after_id);
}

absl::StatusOr<int64_t> MemoryStore::CountDevices(absl::Time seen_since) {
  MutexLock lock(mutex_);
  return devices_.CountDevices(seen_since);
}

absl::StatusOr<Participation> MemoryStore::GetParticipation(
    const std::string& population, const std::string& task,
    const std::string& device_id) {
  MutexLock lock(mutex_);
  return devices_.GetParticipation(population, task, device_id);
}

absl::Status MemoryStore::RecordFault(const FaultRow& fault) {
  MutexLock lock(mutex_);
  AddFault(fault);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FaultRow>> MemoryStore::ListFaults(
    const std::string& device_id, int64_t round_id, int limit) {
  MutexLock lock(mutex_);
  return devices_.ListFaults(device_id, round_id, limit);
}

absl::Status MemoryStore::ForgetDevice(const std::string& device_id) {
  MutexLock lock(mutex_);
  devices_.ForgetDevice(device_id);
  for (auto& [id, round] : rounds_) {
    const auto assignment = round.assignments.find(device_id);
    const bool is_part =
        assignment != round.assignments.end() ||
        round.counted_later.contains(device_id) ||
        absl::c_any_of(round.contributions, [&](const auto& entry) {
          return entry.first.first == device_id;
        });
    if (!is_part) continue;
    round.withdrawn.insert(device_id);
    if (assignment != round.assignments.end() &&
        assignment->second.outcome.empty()) {
      assignment->second.outcome = std::string(kWithdrawn);
    }
    if (IsFinal(round.row.state)) EndRound(round);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MemoryStore::IsForgotten(const std::string& device_id) {
  MutexLock lock(mutex_);
  return devices_.IsForgotten(device_id);
}

absl::Status MemoryStore::CreateInvitation(const InvitationRow& row) {
  MutexLock lock(mutex_);
  return devices_.CreateInvitation(row);
}

absl::Status MemoryStore::UseInvitation(const Digest& token_hash,
                                        const std::string& device_id,
                                        absl::Time now) {
  MutexLock lock(mutex_);
  return devices_.UseInvitation(token_hash, device_id, now);
}

absl::StatusOr<std::vector<TokenKeyRow>> MemoryStore::ListTokenKeys() {
  MutexLock lock(mutex_);
  return devices_.ListTokenKeys();
}

absl::Status MemoryStore::AddTokenKey(const TokenKeyRow& row) {
  MutexLock lock(mutex_);
  return devices_.AddTokenKey(row);
}

absl::Status MemoryStore::DeleteTokenKeysBefore(int64_t id) {
  MutexLock lock(mutex_);
  devices_.DeleteTokenKeysBefore(id);
  return absl::OkStatus();
}

}  // namespace shoal::coordinator
