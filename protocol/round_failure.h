// Why a round ends in FAILED: stable codes that operators see in
// `shoalctl round show` and in docs/reference/errors.md.
#ifndef SHOAL_PROTOCOL_ROUND_FAILURE_H_
#define SHOAL_PROTOCOL_ROUND_FAILURE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::protocol {

enum class RoundFailure {
  kMinReports,
  kStopped,
  kUnmasking,
  kNonFinite,
  kCorruptRows,
  kPrivacyBudget,
  kOverdrawn,
};

// One row of the table.
struct RoundFailureInfo {
  RoundFailure failure;
  absl::string_view name;     // "min_reports", stable
  absl::string_view meaning;  // one sentence
  absl::string_view remedy;   // one sentence
};

// All failures, in the order of the enum.
absl::Span<const RoundFailureInfo> AllRoundFailures();
const RoundFailureInfo& InfoOf(RoundFailure failure);
absl::string_view ToString(RoundFailure failure);  // the name
// Nothing for a name that is in no table.
std::optional<RoundFailure> RoundFailureFromName(absl::string_view name);

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_ROUND_FAILURE_H_
