// The HTTP proxy that a device reaches its coordinator through.
#ifndef SHOAL_CLIENT_TRANSPORT_PROXY_H_
#define SHOAL_CLIENT_TRANSPORT_PROXY_H_

#include <optional>
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

// What programs are told by environment variables, in either case.
struct ProxyEnvironment {
  std::string https_proxy;
  std::string no_proxy;

  // Not to be called while the process changes its environment.
  static ProxyEnvironment OfProcess();
};

// The proxy on the way to `coordinator` (HOST:PORT): that of `option`, or,
// where it is empty, that of the environment. The environment's is not used for
// this machine (localhost and loopback addresses) nor for what `no_proxy`
// lists, with commas: hosts, domains with all that is below them, each with or
// without :PORT, or * for all. INVALID_ARGUMENT names the option or the
// variable that is wrong.
absl::StatusOr<std::optional<Proxy>> ChooseProxy(
    const std::string& coordinator, const std::string& option,
    const ProxyEnvironment& environment);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_PROXY_H_
