// What the programs (shoald, shoalctl, shoal-agent, shoal-sim) exit with.
#ifndef SHOAL_PROTOCOL_EXIT_CODE_H_
#define SHOAL_PROTOCOL_EXIT_CODE_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::protocol {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,      // the operation failed
  kExitUsage = 2,        // wrong arguments or a wrong configuration file
  kExitUnreachable = 3,  // the coordinator could not be reached
  kExitRefused = 4,      // the coordinator refused
};

struct ExitCodeInfo {
  ExitCode code;
  absl::string_view meaning;  // one sentence for the docs
};

// All codes, ascending.
absl::Span<const ExitCodeInfo> AllExitCodes();

}  // namespace shoal::protocol

#endif  // SHOAL_PROTOCOL_EXIT_CODE_H_
