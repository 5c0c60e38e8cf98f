#include "client/failure_kind.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "protocol/refusal.h"

namespace shoal::client {
namespace {

using protocol::RefusalCode;

FailureKind KindOfRefusal(RefusalCode code) {
  switch (code) {
    case RefusalCode::kOverloaded:
    case RefusalCode::kStoreUnavailable:
    case RefusalCode::kShuttingDown:
      return FailureKind::kTransient;
    case RefusalCode::kUploadOffset:
    case RefusalCode::kChunkCorrupt:
    case RefusalCode::kDigestMismatch:
      return FailureKind::kResume;
    case RefusalCode::kProtocolIncompatible:
    case RefusalCode::kUnauthenticated:
    case RefusalCode::kPermissionDenied:
    case RefusalCode::kForgotten:
    case RefusalCode::kInvitationInvalid:
      return FailureKind::kBarred;
    case RefusalCode::kNoTask:
    case RefusalCode::kRoundFull:
    case RefusalCode::kAlreadyContributed:
    case RefusalCode::kMinSeparation:
    case RefusalCode::kNotDrawn:
    case RefusalCode::kTaskPaused:
    case RefusalCode::kNotEligible:
    case RefusalCode::kBadRequest:
    case RefusalCode::kTokenInvalid:
    case RefusalCode::kTokenExpired:
    case RefusalCode::kRoundOver:
    case RefusalCode::kTooStale:
    case RefusalCode::kUnknownModel:
    case RefusalCode::kUploadTooLarge:
    case RefusalCode::kDigestConflict:
    case RefusalCode::kUpdateMalformed:
    case RefusalCode::kUpdateShape:
    case RefusalCode::kUpdateNotFinite:
    case RefusalCode::kNormBound:
    case RefusalCode::kWeightBound:
    case RefusalCode::kGroupOver:
    case RefusalCode::kGroupFault:
      return FailureKind::kFinal;
  }
  SHOAL_CHECK(false);
}

}  // namespace

FailureKind KindOfFailure(const absl::Status& status) {
  SHOAL_CHECK(!status.ok());
  const std::optional<protocol::Refusal> refusal = protocol::RefusalOf(status);
  if (refusal.has_value()) return KindOfRefusal(refusal->code);
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      return FailureKind::kCancelled;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return FailureKind::kTransient;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return FailureKind::kBarred;
    default:
      return FailureKind::kFinal;
  }
}

bool IsRefusal(const absl::Status& status, RefusalCode code) {
  const std::optional<protocol::Refusal> refusal = protocol::RefusalOf(status);
  return refusal.has_value() && refusal->code == code;
}

absl::Duration RetryAfterOf(const absl::Status& status) {
  const std::optional<protocol::Refusal> refusal = protocol::RefusalOf(status);
  if (!refusal.has_value()) return absl::ZeroDuration();
  return std::max(refusal->retry_after, absl::ZeroDuration());
}

}  // namespace shoal::client
