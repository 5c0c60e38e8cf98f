#include "client/transport/proxy.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/transport/percent_encoding.h"

namespace shoal::client {
namespace {

absl::Status Wrong(absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat(problem, ", expected http://[USER:PASSWORD@]HOST:PORT"));
}

}  // namespace

absl::StatusOr<Proxy> ParseProxy(absl::string_view url) {
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, "http://")) {
    return Wrong("the proxy's address does not start with http://");
  }
  absl::ConsumeSuffix(&rest, "/");
  Proxy proxy;
  const size_t at = rest.rfind('@');
  if (at != absl::string_view::npos) {
    std::string credentials = PercentDecode(rest.substr(0, at));
    if (!absl::StrContains(credentials, ':')) {
      return Wrong("the proxy's user has no password");
    }
    proxy.credentials = Secret(std::move(credentials));
    rest.remove_prefix(at + 1);
  }
  const absl::StatusOr<HostPort> address = ParseHostPort(rest);
  if (!address.ok() || address->port == 0) {
    return Wrong(absl::StrCat("'", rest, "' is no address of a proxy"));
  }
  proxy.address = *address;
  return proxy;
}

}  // namespace shoal::client
