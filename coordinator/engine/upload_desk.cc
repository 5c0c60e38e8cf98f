#include "coordinator/engine/upload_desk.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/forget.h"
#include "coordinator/engine/upload_stream.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;
using protocol::TokenClaims;
using protocol::UploadReceipt;

// Uploads that find no space come back when others have been counted.
constexpr absl::Duration kOverloadedRetry = absl::Seconds(1);

absl::Status DigestConflict(const Digest& held) {
  return RefusalError(
      RefusalCode::kDigestConflict,
      absl::StrCat("update ", held.ToShortHex(),
                   " was received for this assignment, and stays"));
}

absl::Status Expired(const TokenClaims& claims) {
  return RefusalError(
      RefusalCode::kTokenExpired,
      absl::StrCat("the assignment to round ", claims.round_id,
                   " was valid until ",
                   absl::FormatTime(claims.deadline, absl::UTCTimeZone())));
}

absl::StatusOr<TokenClaims> Verify(EngineCore& core,
                                   const DeviceIdentity& device,
                                   absl::string_view token) {
  std::shared_ptr<const protocol::TokenSigner> signer;
  {
    MutexLock lock(core.mutex);
    signer = core.signer;
  }
  SHOAL_ASSIGN_OR_RETURN(TokenClaims claims, signer->Verify(token));
  if (claims.device_id != device.id) {
    return RefusalError(RefusalCode::kTokenInvalid,
                        "the assignment token belongs to another device");
  }
  SHOAL_RETURN_IF_ERROR(CheckNotForgotten(core, device.id));
  return claims;
}

// Where a token leads: to a receipt, or to a round that takes the update.
struct Destination {
  std::optional<UploadReceipt> receipt;
  // Without receipt:
  std::shared_ptr<const TaskSetup> setup;
  std::shared_ptr<RunningRound> round;
  std::shared_ptr<Upload> upload;  // of that digest, as far as it came
};

// One call with a token.
class TokenCall {
 public:
  TokenCall(EngineCore& core, const DeviceIdentity& device,
            const TokenClaims& claims, const Digest& digest, absl::Time now)
      : core_(core),
        device_(device),
        claims_(claims),
        digest_(digest),
        now_(now) {}

  absl::StatusOr<Destination> Find() {
    Destination destination;
    bool adopt = false;
    {
      MutexLock lock(core_.mutex);
      SHOAL_ASSIGN_OR_RETURN(destination, FindInMemory());
      adopt = destination.round != nullptr && !IsAssigned(*destination.round);
    }
    if (destination.receipt.has_value()) return destination;
    if (destination.round == nullptr) return FindInStore();
    if (adopt) SHOAL_RETURN_IF_ERROR(Adopt(destination));
    return destination;
  }

 private:
  bool IsAssigned(const RunningRound& round) SHOAL_REQUIRES(core_.mutex) {
    const Participant* self = round.Find(device_.id, claims_.round_id);
    return self != nullptr && self->standing != Participant::kReserved;
  }

  absl::StatusOr<UploadReceipt> ReceiptOrConflict(const Digest& counted,
                                                  int64_t segment_id)
      SHOAL_REQUIRES(core_.mutex) {
    if (counted != digest_) return DigestConflict(counted);
    return core_.ReceiptFor(*core_.FindTask(claims_.task), claims_.round_id,
                            counted, segment_id, now_);
  }

  // Neither receipt nor round when memory cannot tell.
  absl::StatusOr<Destination> FindInMemory() SHOAL_REQUIRES(core_.mutex) {
    Destination destination;
    RunningTask* task = core_.FindTask(claims_.task);
    if (task == nullptr) return RoundOver(claims_.round_id);
    if (task->round == nullptr) return destination;
    const Participant* self = task->round->Find(device_.id, claims_.round_id);
    if (self == nullptr && task->round->row().id != claims_.round_id) {
      return destination;
    }
    if (self != nullptr && self->standing == Participant::kContributed) {
      SHOAL_ASSIGN_OR_RETURN(destination.receipt,
                             ReceiptOrConflict(self->digest, self->segment_id));
      return destination;
    }
    const bool queued = self != nullptr && self->upload != nullptr &&
                        self->upload->phase == Upload::kQueued;
    if (queued && self->upload->digest != digest_) {
      return DigestConflict(self->upload->digest);
    }
    if (!queued && !task->round->takes_reports()) return destination;
    if (!queued && now_ >= claims_.deadline) return Expired(claims_);
    if (self != nullptr && self->standing == Participant::kLost) {
      return RefusalError(RefusalCode::kRoundOver,
                          "the device has given this assignment up, or its "
                          "update was refused");
    }
    destination.setup = task->setup;
    destination.round = task->round;
    if (self != nullptr && self->upload != nullptr &&
        self->upload->digest == digest_) {
      destination.upload = self->upload;
    }
    return destination;
  }

  // The round is sealed or over: only what was counted matters.
  absl::StatusOr<Destination> FindInStore() {
    const absl::StatusOr<std::optional<ContributionRow>> row =
        core_.deps.store.GetContribution(claims_.round_id, device_.id);
    if (absl::IsNotFound(row.status())) return RoundOver(claims_.round_id);
    if (!row.ok()) return StoreUnavailable(row.status());
    if (!row->has_value()) {
      if (now_ >= claims_.deadline) return Expired(claims_);
      SHOAL_RETURN_IF_ERROR(CheckUnknownRound());
      return RoundOver(claims_.round_id);
    }
    Destination destination;
    MutexLock lock(core_.mutex);
    SHOAL_ASSIGN_OR_RETURN(
        destination.receipt,
        ReceiptOrConflict((*row)->update_digest, (*row)->segment_id));
    return destination;
  }

  // kTooStale when that is why; kStoreUnavailable when the round takes reports,
  // but was opened by another replica and is not known here yet: the device
  // shall try again.
  absl::Status CheckUnknownRound() {
    const absl::StatusOr<RoundRow> row =
        core_.deps.store.GetRound(claims_.round_id);
    if (absl::IsNotFound(row.status())) return RoundOver(claims_.round_id);
    if (!row.ok()) return StoreUnavailable(row.status());
    MutexLock lock(core_.mutex);
    RunningTask& task = *core_.FindTask(claims_.task);
    const auto& asynchronous = task.setup->task.round.asynchronous;
    const int64_t behind = task.row.rounds_committed + 1 - row->number;
    if (asynchronous.has_value() && behind > asynchronous->max_staleness) {
      return TooStale(claims_.round_id, behind, asynchronous->max_staleness);
    }
    const bool known =
        task.round != nullptr && task.round->row().id == claims_.round_id;
    if (known || row->state > RoundState::kCollecting) return absl::OkStatus();
    task.stale = true;
    return StoreUnavailable(absl::UnavailableError(
        absl::StrCat("round ", claims_.round_id, " is being read")));
  }

  // The device holds a token, but its admission was lost with the power: it
  // counts as admitted.
  absl::Status Adopt(const Destination& destination) {
    const absl::Status status =
        core_.NotedIfTrouble(core_.deps.store.RecordAssignment(
            claims_.round_id, device_.id, now_, claims_.deadline));
    if (!status.ok() && IsTrouble(status)) return StoreUnavailable(status);
    MutexLock lock(core_.mutex);
    // A round that is full in the meantime still counts it if there is a place
    // left when its update is complete.
    if (!destination.round->takes_reports()) return RoundOver(claims_.round_id);
    const RoundRow& row = destination.round->row();
    if (row.id != claims_.round_id) return RoundOver(claims_.round_id);
    destination.round->Assign(
        device_.id, {row.id, row.number, row.base_model, claims_.deadline});
    return absl::OkStatus();
  }

  EngineCore& core_;
  const DeviceIdentity& device_;
  const TokenClaims& claims_;
  const Digest& digest_;
  const absl::Time now_;
};

// The updates of a model, and of each of its sub-models, have one size.
absl::Status CheckSize(const TaskSetup& setup, int64_t num_bytes) {
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
  SHOAL_ASSIGN_OR_RETURN(const TokenClaims claims, Verify(core, device, token));
  SHOAL_ASSIGN_OR_RETURN(Destination destination,
                         TokenCall(core, device, claims, digest, now).Find());
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
                         Verify(core, device, header.token));
  SHOAL_ASSIGN_OR_RETURN(
      const Destination destination,
      TokenCall(core, device, claims, header.digest, now).Find());
  if (destination.receipt.has_value()) {
    UploadStart start;
    start.receipt = destination.receipt;
    return start;
  }
  if (const absl::Status size = CheckSize(*destination.setup, header.num_bytes);
      !size.ok()) {
    RefuseUpdate(core, *destination.round, claims.round_id, device.id, nullptr,
                 size);
    return size;
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
  SHOAL_ASSIGN_OR_RETURN(const TokenClaims claims, Verify(core, device, token));
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
  if (self != nullptr && self->upload == nullptr) round->Lose(device.id);
  return core.PaceOf(*core.FindTask(claims.task), 0, now);
}

}  // namespace shoal::coordinator
