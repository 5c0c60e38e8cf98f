// The catalogue of refusals: everything the coordinator or the device may be
// told no with. docs/reference/errors.md is generated from it.
#ifndef SHOAL_PROTOCOL_REFUSAL_H_
#define SHOAL_PROTOCOL_REFUSAL_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace shoal::protocol {

// The names in refusal.cc are the stable codes that users see.
enum class RefusalCode {
  // A check-in that leads to no assignment.
  kNoTask,              // no active task for the population
  kRoundFull,           // enough devices are assigned
  kAlreadyContributed,  // this device is part of the running round
  kMinSeparation,       // it contributed too few rounds ago
  kNotDrawn,            // the round's draw at random has left it out
  kTaskPaused,
  kNotEligible,  // too little memory, no codec in common, no examples
  kOverloaded,   // the coordinator is out of upload space
  // Calls that are refused.
  kProtocolIncompatible,
  kUnauthenticated,    // no certificate, or none of our CA
  kPermissionDenied,   // the certificate's role may not do this
  kForgotten,          // the device has been forgotten
  kInvitationInvalid,  // unknown, used up or expired
  kBadRequest,         // malformed message
  kTokenInvalid,       // forged, or of another device or deployment
  kTokenExpired,
  kRoundOver,  // sealed, committed or failed
  kTooStale,   // the model has moved on by too many versions
  kUnknownModel,
  kUploadTooLarge,
  kUploadOffset,    // chunks out of order: query and resume
  kChunkCorrupt,    // checksum of a chunk differs
  kDigestMismatch,  // SHA-256 of the whole differs
  kDigestConflict,  // another update with this token was counted
  kUpdateMalformed,
  kUpdateShape,  // not of the model's size
  kUpdateNotFinite,
  kNormBound,
  kWeightBound,
  kGroupOver,         // of secure aggregation: the device may join another
  kGroupFault,        // the device broke its protocol
  kStoreUnavailable,  // disk full, database locked, …
  kShuttingDown,
};

enum class Fault { kDevice, kOperator, kCoordinator, kNobody };

// One row of the catalogue.
struct RefusalInfo {
  RefusalCode code;
  absl::string_view name;   // "norm_bound", stable
  absl::StatusCode status;  // the gRPC status it travels as
  Fault fault;
  bool retry;                 // may the same call succeed later?
  absl::string_view meaning;  // one sentence for the docs
  absl::string_view remedy;   // one sentence for the docs
};

// All codes, in the order of the enum.
absl::Span<const RefusalInfo> AllRefusals();
const RefusalInfo& InfoOf(RefusalCode code);
absl::string_view ToString(RefusalCode code);  // the name
absl::string_view ToString(Fault fault);       // "device", …
// Nothing for a name that is in no catalogue (a newer coordinator's).
std::optional<RefusalCode> RefusalCodeFromName(absl::string_view name);

// A refusal as it arrives.
struct Refusal {
  RefusalCode code;
  std::string sentence;        // with the offending and the expected value
  absl::Duration retry_after;  // zero: no advice
};

// An error with the code's status, "NAME: sentence" as its message and the
// refusal as a payload, so that it can pass through code that knows only
// absl::Status.
absl::Status RefusalError(RefusalCode code, absl::string_view sentence,
                          absl::Duration retry_after = absl::ZeroDuration());

// The refusal inside an error; nothing when there is none.
std::optional<Refusal> RefusalOf(const absl::Status& status);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_REFUSAL_H_
