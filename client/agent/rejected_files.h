// Where files go that are no examples.
#ifndef SHOAL_CLIENT_AGENT_REJECTED_FILES_H_
#define SHOAL_CLIENT_AGENT_REJECTED_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::client {

// So many files of one name are kept: more could be without end.
inline constexpr int kMostRejectedOfAName = 100;

// Moves `folder`/`name` to `folder`/rejected and writes the reason beside it,
// to NAME.reason. Takes the place of no file that is there: the second of a
// name becomes NAME.2. Names of more than 200 bytes are cut. Returns the name
// there.
//
// After an error the file is where it was: RESOURCE_EXHAUSTED when there are
// kMostRejectedOfAName already, FAILED_PRECONDITION when `rejected` is no
// folder (nor is a link one, which would lead elsewhere), or as the system
// calls.
absl::StatusOr<std::string> MoveToRejected(const std::string& folder,
                                           const std::string& name,
                                           absl::string_view reason);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_REJECTED_FILES_H_
