// What a device's owner has said about it, as files in its state folder: they
// are left there by whoever speaks for the owner, also while a client of
// another process runs in the folder, which looks before every piece of work.
//   opted_out    it takes no part until it opts in again
//   forgetting   it leaves for good (client/forgetting.h)
// Two files, because opting in, which removes one, must never undo the other.
#ifndef SHOAL_CLIENT_PARTICIPATION_H_
#define SHOAL_CLIENT_PARTICIPATION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

inline constexpr absl::string_view kOptedOutName = "opted_out";
inline constexpr absl::string_view kForgettingName = "forgetting";

// Looks for the files of one folder. Thread-safe.
class ParticipationFiles {
 public:
  explicit ParticipationFiles(absl::string_view folder);

  // Costs two system calls and no memory. What cannot be told counts as opted
  // out.
  Participation Look() const;

 private:
  const std::string forgetting_;
  const std::string opted_out_;
};

// FAILED_PRECONDITION when the device is being forgotten.
absl::Status CheckNotForgetting(const std::string& folder);

// NOT_FOUND unless `folder` is one.
absl::Status CheckFolder(const std::string& folder);

// Makes what was done to the names in `folder` durable.
absl::Status SyncFolder(const std::string& folder);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_PARTICIPATION_H_
