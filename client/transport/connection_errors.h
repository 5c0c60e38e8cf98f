// Why there is no connection, in sentences that say which side has to do what.
// Both transports use the same ones.
#ifndef SHOAL_CLIENT_TRANSPORT_CONNECTION_ERRORS_H_
#define SHOAL_CLIENT_TRANSPORT_CONNECTION_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal::client {

// All are UNAVAILABLE and name the coordinator (HOST:PORT).
absl::Status NotTrusted(absl::string_view coordinator);
absl::Status WrongName(absl::string_view coordinator);
absl::Status NoTls(absl::string_view coordinator);
absl::Status Unreachable(absl::string_view coordinator, absl::string_view why);
absl::Status NothingMoved(absl::string_view coordinator, absl::Duration window);
absl::Status EndedTheCall(absl::string_view coordinator);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_CONNECTION_ERRORS_H_
