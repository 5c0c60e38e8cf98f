// What the programs (shoald, shoalctl, shoal-agent, shoal-sim) exit with.
#ifndef SHOAL_PROTOCOL_EXIT_CODE_H_
#define SHOAL_PROTOCOL_EXIT_CODE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::protocol {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,      // the operation failed
  kExitUsage = 2,        // wrong arguments, configuration or input files
  kExitUnreachable = 3,  // the coordinator could not be reached
  kExitRefused = 4,      // the coordinator refused, for good
  kExitFalsified = 5,    // an audit refuted what it was to check
};

// What a program that ends with this status exits with:
//   OK                                 kExitOk
//   INVALID_ARGUMENT                   kExitUsage
//   a refusal for good                 kExitRefused
//   a refusal that may pass            kExitFailure
//   UNAVAILABLE, DEADLINE_EXCEEDED     kExitUnreachable
//   anything else                      kExitFailure
ExitCode ExitCodeOf(const absl::Status& status);

// The same error as a wrong input: INVALID_ARGUMENT with its message, where a
// file that the user named is missing, damaged, of another kind or closed to
// them. Other errors stay what they are.
absl::Status AsWrongInput(const absl::Status& status);

struct ExitCodeInfo {
  ExitCode code;
  absl::string_view meaning;  // one sentence for the docs
};

// All codes, ascending.
absl::Span<const ExitCodeInfo> AllExitCodes();

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_EXIT_CODE_H_
