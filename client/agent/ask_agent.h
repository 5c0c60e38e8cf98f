// Asking a running agent on its socket.
#ifndef SHOAL_CLIENT_AGENT_ASK_AGENT_H_
#define SHOAL_CLIENT_AGENT_ASK_AGENT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal::client {

// Sends a line (without its end) and returns what stands behind "ok" in the
// answer. FAILED_PRECONDITION with the agent's own sentence when it answers
// with an error, or when nobody answers at `path` within `patience`.
absl::StatusOr<std::string> AskAgent(const std::string& path,
                                     absl::string_view line,
                                     absl::Duration patience);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_ASK_AGENT_H_
