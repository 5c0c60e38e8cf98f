// What leaving a fleet for good does to a device's state folder:
//
//   1. the file `forgetting` is there: no session runs any more
//   2. what the device has learnt, kept and spent is deleted
//   3. the coordinator confirms that it has forgotten the device
//   4. key and certificates are deleted
//   5. the file is deleted, by whoever holds the folder's lock
//
// Every step may be repeated, and is after a crash; several processes may be at
// it at once, as the owner's command and an agent are. Deleted is unlinked:
// flash does not write where it wrote before, so that overwriting a file would
// not reach its old bytes.
#ifndef SHOAL_CLIENT_FORGETTING_H_
#define SHOAL_CLIENT_FORGETTING_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace shoal::client {

// Step 1, durably. Keeps the time of an earlier beginning, which is that of the
// file: without contents it needs no room on a disk that is full.
absl::Status BeginForgetting(const std::string& folder, absl::Time now);
// When it was begun; NOT_FOUND when it was not.
absl::StatusOr<absl::Time> ForgettingSince(const std::string& folder);

// Step 2, durably: all that a client, its agent and the example store keep in
// the folder. Other files, which are not ours, stay. The files of a client that
// is running may be deleted under it; what it writes afterwards is deleted with
// step 5.
absl::Status DeleteLocalData(const std::string& folder);

// Whether the device can prove to the coordinator who it is, with TLS or
// without.
bool HasIdentity(const std::string& folder);
// Step 4, durably.
absl::Status DeleteIdentity(const std::string& folder);

// Step 5, after step 2 once more. REQUIRES: the caller holds the folder's lock,
// and HasIdentity() is false.
absl::Status EndForgetting(const std::string& folder);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_FORGETTING_H_
