#include "coordinator/engine/upload_desk.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/token_call.h"
#include "coordinator/engine/upload_stream.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;
using protocol::TokenClaims;

// Uploads that find no space come back when others have been counted.
constexpr absl::Duration kOverloadedRetry = absl::Seconds(1);

// Masked updates have one size but for the message that goes with them.
absl::Status CheckMaskedSize(const TaskSetup& setup, const RoundRow& row,
                             int64_t num_bytes) {
  const protocol::SecureUpdate update = SecureUpdateOf(setup, row);
  const int64_t least = protocol::MaskedUploadBytes(update.session(), 0);
  const int64_t most = least + protocol::kMaxMaskedMessageBytes;
  if (num_bytes >= least && num_bytes <= most) return absl::OkStatus();
  return RefusalError(
      num_bytes > most ? RefusalCode::kUploadTooLarge
                       : RefusalCode::kUpdateShape,
      absl::StrCat("the upload claims ", num_bytes, " bytes, expected ", least,
                   " to ", most, " of a masked update"));
}

// The updates of a model, and of each of its sub-models, have one size.
absl::Status CheckSize(const TaskSetup& setup, const RoundRow& row,
                       int64_t num_bytes) {
  if (setup.task.secure_aggregation.has_value()) {
    return CheckMaskedSize(setup, row, num_bytes);
  }
  int64_t whole = 0;
  for (const int64_t num_values : setup.update_values) {
    const int64_t expected = learning::EncodedUpdateBytes(
        learning::UpdateCodec::kFloat32, num_values);
    if (num_bytes == expected) return absl::OkStatus();
    whole = std::max(whole, expected);
  }
  return RefusalError(
      num_bytes > whole ? RefusalCode::kUploadTooLarge
                        : RefusalCode::kUpdateShape,
      absl::StrCat("the upload claims ", num_bytes, " bytes, expected ", whole,
                   " for a model of ", setup.num_parameters(), " parameters",
                   setup.sub_models.empty()
                       ? ""
                       : " or those of one of its sub-models"));
}

// Space for an upload; partial ones that nobody feeds give way.
absl::StatusOr<std::unique_ptr<SpooledUpload>> MakeRoom(EngineCore& core,
                                                        int64_t num_bytes) {
  while (true) {
    absl::StatusOr<std::unique_ptr<SpooledUpload>> space =
        core.deps.spool.Create(num_bytes);
    if (space.ok()) return space;
    const absl::Status overloaded = RefusalError(
        RefusalCode::kOverloaded, space.status().message(), kOverloadedRetry);
    std::shared_ptr<Upload> victim;  // its bytes go when the lock is released
    MutexLock lock(core.mutex);
    for (const auto& [name, task] : core.tasks) {
      if (task->round == nullptr) continue;
      victim = task->round->AbandonedUpload();
      if (victim == nullptr) continue;
      task->round->Drop(*victim, overloaded);
      break;
    }
    if (victim == nullptr) return overloaded;
  }
}

absl::StatusOr<UploadStart> Resume(EngineCore& core, UploadTarget target,
                                   int64_t offset) {
  SHOAL_ASSIGN_OR_RETURN(const UploadBytes::Place place,
                         target.upload->bytes.TakeOver(offset));
  {
    MutexLock lock(core.mutex);
    if (target.upload->phase == Upload::kDropped) return target.upload->end;
    if (place.ticket != 0) {
      target.round->SetWriter(*target.upload, place.ticket);
    }
  }
  UploadStart start;
  start.stream = MakeUploadStream(core, std::move(target), place);
  return start;
}

absl::StatusOr<UploadStart> StartAnew(EngineCore& core,
                                      const TokenClaims& claims,
                                      const protocol::UploadHeader& header,
                                      const Destination& destination) {
  if (header.offset != 0) {
    return RefusalError(
        RefusalCode::kUploadOffset,
        absl::StrCat("the upload starts at byte ", header.offset,
                     ", but nothing of it is here: expected 0"));
  }
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<SpooledUpload> space,
                         MakeRoom(core, header.num_bytes));
  UploadTarget target{destination.setup, destination.round, nullptr};
  {
    MutexLock lock(core.mutex);
    const Participant* self =
        target.round->Find(claims.device_id, claims.round_id);
    if (!target.round->takes_reports() || self == nullptr ||
        self->standing != Participant::kAssigned) {
      return RoundOver(claims.round_id);
    }
    target.upload = self->upload;
    if (target.upload != nullptr && target.upload->digest != header.digest) {
      if (target.upload->phase == Upload::kQueued) {
        return DigestConflict(target.upload->digest);
      }
      // The device has trained anew: what it had sent before is worth nothing.
      target.round->Drop(*target.upload,
                         absl::AbortedError("another update has taken this "
                                            "one's place"));
      target.upload = nullptr;
    }
    if (target.upload == nullptr) {
      target.upload = std::make_shared<Upload>(claims.device_id, self->assigned,
                                               header.digest, std::move(space),
                                               header.num_bytes);
      target.round->StartUpload(target.upload);
    }
  }
  return Resume(core, std::move(target), 0);
}

}  // namespace

absl::StatusOr<protocol::UploadProgress> QueryUpload(
    EngineCore& core, const DeviceIdentity& device, absl::string_view token,
    const Digest& digest, absl::Time now) {
  SHOAL_ASSIGN_OR_RETURN(const TokenClaims claims,
                         VerifyToken(core, device, token));
  SHOAL_ASSIGN_OR_RETURN(Destination destination,
                         TokenCall(core, device, claims, now).Find(digest));
  protocol::UploadProgress progress;
  progress.receipt = std::move(destination.receipt);
  if (destination.upload != nullptr) {
    progress.received_bytes = destination.upload->bytes.size();
  }
  return progress;
}

absl::StatusOr<UploadStart> BeginUpload(EngineCore& core,
                                        const DeviceIdentity& device,
                                        const protocol::UploadHeader& header,
                                        absl::Time now) {
  {
    MutexLock lock(core.mutex);
    if (!core.admitting) return ShuttingDown();
  }
  SHOAL_ASSIGN_OR_RETURN(const TokenClaims claims,
                         VerifyToken(core, device, header.token));
  SHOAL_ASSIGN_OR_RETURN(
      const Destination destination,
      TokenCall(core, device, claims, now).Find(header.digest));
  if (destination.receipt.has_value()) {
    UploadStart start;
    start.receipt = destination.receipt;
    return start;
  }
  RoundRow row;
  {
    MutexLock lock(core.mutex);
    row = destination.round->row();
  }
  if (const absl::Status size =
          CheckSize(*destination.setup, row, header.num_bytes);
      !size.ok()) {
    return RefuseContent(core, {destination.setup, destination.round, nullptr},
                         claims.round_id, device.id, size, now);
  }
  if (destination.upload == nullptr) {
    return StartAnew(core, claims, header, destination);
  }
  return Resume(core,
                {destination.setup, destination.round, destination.upload},
                header.offset);
}

absl::StatusOr<absl::Duration> Abandon(EngineCore& core,
                                       const DeviceIdentity& device,
                                       absl::string_view token,
                                       protocol::AbandonReason reason,
                                       absl::Time now) {
  SHOAL_ASSIGN_OR_RETURN(const TokenClaims claims,
                         VerifyToken(core, device, token));
  std::shared_ptr<RunningRound> round;
  {
    MutexLock lock(core.mutex);
    RunningTask* task = core.FindTask(claims.task);
    if (task == nullptr) return RoundOver(claims.round_id);
    const Participant* self = nullptr;
    if (task->round != nullptr) {
      self = task->round->Find(device.id, claims.round_id);
    }
    const bool may_give_up =
        self != nullptr && self->standing == Participant::kAssigned &&
        (self->upload == nullptr || self->upload->phase == Upload::kArriving);
    if (!may_give_up) return core.PaceOf(*task, 0, now);
    round = task->round;
  }
  const absl::Status status = core.NotedIfTrouble(core.deps.store.RecordOutcome(
      claims.round_id, device.id,
      absl::StrCat("abandoned: ", ToString(reason))));
  if (!status.ok() && !absl::IsNotFound(status)) {
    return StoreUnavailable(status);
  }
  MutexLock lock(core.mutex);
  const Participant* self = round->Find(device.id, claims.round_id);
  // A stream of the same device may have been faster.
  if (self != nullptr && self->upload != nullptr &&
      self->upload->phase == Upload::kArriving) {
    const std::shared_ptr<Upload> upload = self->upload;
    round->Drop(*upload, RoundOver(claims.round_id));
    core.Tell(*upload, upload->end);
  }
  RunningTask& task = *core.FindTask(claims.task);
  if (self != nullptr && self->upload == nullptr) {
    round->Lose(device.id);
    core.NoteLeft(task, claims.round_id, device.id);
  }
  return core.PaceOf(task, 0, now);
}

}  // namespace shoal::coordinator
