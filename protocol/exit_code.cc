#include "protocol/exit_code.h"

#include <optional>

#include "protocol/refusal.h"

namespace shoal::protocol {
namespace {

constexpr ExitCodeInfo kExitCodes[] = {
    {kExitOk, "Everything that was asked for was done."},
    {kExitFailure, "The operation failed; standard error says why."},
    {kExitUsage,
     "The arguments, a configuration file or other input files are wrong."},
    {kExitUnreachable, "The coordinator could not be reached."},
    {kExitRefused,
     "The coordinator refused: for want of a certificate or of permission, or, "
     "to a device, for the reason that the message names."},
    {kExitFalsified,
     "`shoal-sim audit` has falsified the claim that it was to check."},
};

}  // namespace

absl::Span<const ExitCodeInfo> AllExitCodes() { return kExitCodes; }

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  const std::optional<Refusal> refusal = RefusalOf(status);
  if (refusal.has_value()) {
    return InfoOf(refusal->code).retry ? kExitFailure : kExitRefused;
  }
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
    return kExitUnreachable;
  }
  return kExitFailure;
}

absl::Status AsWrongInput(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      return absl::InvalidArgumentError(status.message());
    default:
      return status;
  }
}

}  // namespace shoal::protocol
