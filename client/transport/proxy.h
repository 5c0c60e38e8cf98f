// The HTTP proxy that a device reaches its coordinator through.
#ifndef SHOAL_CLIENT_TRANSPORT_PROXY_H_
#define SHOAL_CLIENT_TRANSPORT_PROXY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/host_port.h"
#include "base/secret.h"

namespace shoal::client {

struct Proxy {
  HostPort address;
  Secret credentials;  // "USER:PASSWORD"; empty: none

  Proxy Copy() const { return {address, credentials.Copy()}; }
};

// "http://[USER:PASSWORD@]HOST:PORT"; characters of user and password may be
// percent-encoded. INVALID_ARGUMENT for anything else; the error does not
// repeat the password.
absl::StatusOr<Proxy> ParseProxy(absl::string_view url);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_PROXY_H_
