// What every call with an assignment token begins with: whose it is, and where
// it leads.
#ifndef SHOAL_COORDINATOR_ENGINE_TOKEN_CALL_H_
#define SHOAL_COORDINATOR_ENGINE_TOKEN_CALL_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/engine/engine_core.h"
#include "protocol/assignment_token.h"
#include "protocol/messages.h"

namespace shoal::coordinator {

absl::Status DigestConflict(const Digest& held);

// The claims of a token that the device holds. kTokenInvalid, kForgotten;
// kStoreUnavailable.
absl::StatusOr<protocol::TokenClaims> VerifyToken(EngineCore& core,
                                                  const DeviceIdentity& device,
                                                  absl::string_view token);

// Where a token leads: to a receipt, or to a round that takes what the device
// has.
struct Destination {
  std::optional<protocol::UploadReceipt> receipt;
  // Without receipt:
  std::shared_ptr<const TaskSetup> setup;
  std::shared_ptr<RunningRound> round;
  std::shared_ptr<Upload> upload;  // of that digest, as far as it came
};

// One call. What it refers to must outlive it.
class TokenCall {
 public:
  TokenCall(EngineCore& core, const DeviceIdentity& device,
            const protocol::TokenClaims& claims, absl::Time now)
      : core_(core), device_(device), claims_(claims), now_(now) {}

  // For an update of that digest.
  absl::StatusOr<Destination> Find(const Digest& digest);
  // For a group of secure aggregation: of a round that goes on also the sealed
  // one, and whatever the device has contributed to it.
  absl::StatusOr<Destination> FindGroups();

 private:
  bool IsAssigned(const RunningRound& round) const SHOAL_REQUIRES(core_.mutex);
  // `digest` null: of any.
  absl::StatusOr<protocol::UploadReceipt> ReceiptOrConflict(
      const Digest* digest, const Digest& counted, int64_t segment_id)
      SHOAL_REQUIRES(core_.mutex);
  // Neither receipt nor round when memory cannot tell.
  absl::StatusOr<Destination> FindInMemory(const Digest& digest)
      SHOAL_REQUIRES(core_.mutex);
  absl::StatusOr<Destination> FindGroupsInMemory() SHOAL_REQUIRES(core_.mutex);
  // The round is sealed or over, or another replica leads it: only what was
  // counted matters.
  absl::StatusOr<Destination> FindInStore(const Digest* digest);
  // Why nothing of the device is counted in a round that memory cannot tell of.
  // kTokenExpired; kTooStale; kStoreUnavailable when the round takes reports,
  // but for another replica, or was opened by one and is not known here yet:
  // the device shall try again; else kRoundOver.
  absl::Status WhyUncounted(const RoundRow& row);
  // The device holds a token, but its admission was lost with the power: it
  // counts as admitted.
  absl::Status Adopt(const Destination& destination);

  EngineCore& core_;
  const DeviceIdentity& device_;
  const protocol::TokenClaims& claims_;
  const absl::Time now_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_TOKEN_CALL_H_
