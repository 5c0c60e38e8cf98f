#include "coordinator/engine/token_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/forget.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;
using protocol::TokenClaims;
using protocol::UploadReceipt;

absl::Status Expired(const TokenClaims& claims) {
  return RefusalError(
      RefusalCode::kTokenExpired,
      absl::StrCat("the assignment to round ", claims.round_id,
                   " was valid until ",
                   absl::FormatTime(claims.deadline, absl::UTCTimeZone())));
}

absl::Status GivenUp() {
  return RefusalError(RefusalCode::kRoundOver,
                      "the device has given this assignment up, or its "
                      "update was refused");
}

}  // namespace

absl::Status DigestConflict(const Digest& held) {
  return RefusalError(
      RefusalCode::kDigestConflict,
      absl::StrCat("update ", held.ToShortHex(),
                   " was received for this assignment, and stays"));
}

absl::StatusOr<TokenClaims> VerifyToken(EngineCore& core,
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

absl::StatusOr<Destination> TokenCall::Find(const Digest& digest) {
  Destination destination;
  bool adopt = false;
  {
    MutexLock lock(core_.mutex);
    SHOAL_ASSIGN_OR_RETURN(destination, FindInMemory(digest));
    adopt = destination.round != nullptr && !IsAssigned(*destination.round);
  }
  if (destination.receipt.has_value()) return destination;
  if (destination.round == nullptr) return FindInStore(&digest);
  if (adopt) SHOAL_RETURN_IF_ERROR(Adopt(destination));
  return destination;
}

absl::StatusOr<Destination> TokenCall::FindGroups() {
  Destination destination;
  bool adopt = false;
  {
    MutexLock lock(core_.mutex);
    SHOAL_ASSIGN_OR_RETURN(destination, FindGroupsInMemory());
    adopt = destination.round != nullptr && !IsAssigned(*destination.round);
  }
  if (destination.round == nullptr) return FindInStore(nullptr);
  if (adopt) SHOAL_RETURN_IF_ERROR(Adopt(destination));
  return destination;
}

absl::StatusOr<Destination> TokenCall::FindGroupsInMemory() {
  Destination destination;
  RunningTask* task = core_.FindTask(claims_.task);
  if (task == nullptr) return RoundOver(claims_.round_id);
  if (task->groups_are_elsewhere()) return destination;
  if (task->round == nullptr || IsFinal(task->round->row().state) ||
      task->round->row().id != claims_.round_id) {
    return destination;
  }
  const Participant* self = task->round->Find(device_.id);
  if (self == nullptr) {
    if (!task->round->takes_reports()) return destination;
    if (now_ >= claims_.deadline) return Expired(claims_);
  } else if (self->standing == Participant::kLost) {
    return GivenUp();
  }
  destination.setup = task->setup;
  destination.round = task->round;
  return destination;
}

bool TokenCall::IsAssigned(const RunningRound& round) const {
  const Participant* self = round.Find(device_.id, claims_.round_id);
  return self != nullptr && self->standing != Participant::kReserved;
}

absl::StatusOr<UploadReceipt> TokenCall::ReceiptOrConflict(
    const Digest* digest, const Digest& counted, int64_t segment_id) {
  if (digest != nullptr && counted != *digest) return DigestConflict(counted);
  return core_.ReceiptFor(*core_.FindTask(claims_.task), claims_.round_id,
                          counted, segment_id, now_);
}

absl::StatusOr<Destination> TokenCall::FindInMemory(const Digest& digest) {
  Destination destination;
  RunningTask* task = core_.FindTask(claims_.task);
  if (task == nullptr) return RoundOver(claims_.round_id);
  if (task->round == nullptr || task->groups_are_elsewhere()) {
    return destination;
  }
  const Participant* self = task->round->Find(device_.id, claims_.round_id);
  if (self == nullptr && task->round->row().id != claims_.round_id) {
    return destination;
  }
  if (self != nullptr && self->standing == Participant::kContributed) {
    SHOAL_ASSIGN_OR_RETURN(
        destination.receipt,
        ReceiptOrConflict(&digest, self->digest, self->segment_id));
    return destination;
  }
  const bool queued = self != nullptr && self->upload != nullptr &&
                      self->upload->phase == Upload::kQueued;
  if (queued && self->upload->digest != digest) {
    return DigestConflict(self->upload->digest);
  }
  if (!queued && !task->round->takes_reports()) return destination;
  if (!queued && now_ >= claims_.deadline) return Expired(claims_);
  if (self != nullptr && self->standing == Participant::kLost) {
    return GivenUp();
  }
  destination.setup = task->setup;
  destination.round = task->round;
  if (self != nullptr && self->upload != nullptr &&
      self->upload->digest == digest) {
    destination.upload = self->upload;
  }
  return destination;
}

absl::StatusOr<Destination> TokenCall::FindInStore(const Digest* digest) {
  // First of all the round: what is counted in one that is sealed stays.
  const absl::StatusOr<RoundRow> round =
      core_.deps.store.GetRound(claims_.round_id);
  if (absl::IsNotFound(round.status())) return RoundOver(claims_.round_id);
  if (!round.ok()) return StoreUnavailable(round.status());
  const absl::StatusOr<std::optional<ContributionRow>> row =
      core_.deps.store.GetContribution(claims_.round_id, device_.id);
  if (!row.ok()) return StoreUnavailable(row.status());
  if (!row->has_value()) return WhyUncounted(*round);
  MutexLock lock(core_.mutex);
  if (digest == nullptr) {
    // The sum of a group becomes known with the round, or never.
    if (round->state == RoundState::kFailed) return RoundOver(claims_.round_id);
    if (!IsFinal(round->state)) {
      core_.FindTask(claims_.task)->stale = true;
      return LedElsewhere();
    }
  }
  Destination destination;
  SHOAL_ASSIGN_OR_RETURN(
      destination.receipt,
      ReceiptOrConflict(digest, (*row)->update_digest, (*row)->segment_id));
  return destination;
}

absl::Status TokenCall::WhyUncounted(const RoundRow& row) {
  MutexLock lock(core_.mutex);
  RunningTask& task = *core_.FindTask(claims_.task);
  const bool takes_reports = row.state <= RoundState::kCollecting;
  // What has come before the deadline may not be counted yet.
  if (takes_reports && task.groups_are_elsewhere()) return LedElsewhere();
  if (now_ >= claims_.deadline) return Expired(claims_);
  const auto& asynchronous = task.setup->task.round.asynchronous;
  const int64_t behind = task.row.rounds_committed + 1 - row.number;
  if (asynchronous.has_value() && behind > asynchronous->max_staleness) {
    return TooStale(claims_.round_id, behind, asynchronous->max_staleness);
  }
  const bool known =
      task.round != nullptr && task.round->row().id == claims_.round_id;
  if (known || !takes_reports) return RoundOver(claims_.round_id);
  task.stale = true;
  return StoreUnavailable(absl::UnavailableError(
      absl::StrCat("round ", claims_.round_id, " is being read")));
}

absl::Status TokenCall::Adopt(const Destination& destination) {
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

}  // namespace shoal::coordinator
