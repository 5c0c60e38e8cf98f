// What a failed call means for the session that made it.
#ifndef SHOAL_CLIENT_FAILURE_KIND_H_
#define SHOAL_CLIENT_FAILURE_KIND_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "protocol/refusal.h"

namespace shoal::client {

enum class FailureKind {
  kTransient,  // the same call may succeed later
  kResume,     // the upload goes on from where the coordinator says
  kFinal,      // this assignment is lost; a new check-in may get another
  kBarred,     // nothing helps until an operator does something
  kCancelled,  // we have cancelled it ourselves
};

// REQUIRES: `status` is not OK. Refusals count by their code; errors without
// one (the connection's, or those of a newer coordinator) by their status.
FailureKind KindOfFailure(const absl::Status& status);

bool IsRefusal(const absl::Status& status, protocol::RefusalCode code);

// How long the coordinator asks to wait; zero without advice.
absl::Duration RetryAfterOf(const absl::Status& status);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_FAILURE_KIND_H_
