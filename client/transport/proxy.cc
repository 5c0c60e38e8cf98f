#include "client/transport/proxy.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "client/transport/percent_encoding.h"

namespace shoal::client {
namespace {

absl::Status Wrong(absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat(problem, ", expected http://[USER:PASSWORD@]HOST:PORT"));
}

std::string FromEnvironment(const char* name) {
  for (const std::string& key :
       {std::string(name), absl::AsciiStrToUpper(name)}) {
    const char* value = std::getenv(key.c_str());
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

bool IsThisMachine(const HostPort& target) {
  return target.host == "localhost" || target.host == "::1" ||
         (target.is_numeric() && absl::StartsWith(target.host, "127."));
}

// Whether the entry of a no_proxy list covers `target`.
bool Covers(absl::string_view entry, const HostPort& target) {
  if (entry == "*") return true;
  // An IPv6 address has colons of its own: it needs brackets before a port.
  std::string name(entry);
  if (const auto with_port = ParseHostPort(entry); with_port.ok()) {
    if (with_port->port != target.port) return false;
    name = with_port->host;
  }
  if (absl::StartsWith(name, "[") && absl::EndsWith(name, "]")) {
    name = name.substr(1, name.size() - 2);
  }
  if (absl::StartsWith(name, "*.")) name.erase(0, 1);
  const absl::string_view domain = absl::StripPrefix(name, ".");
  if (domain.empty()) return false;
  if (absl::EqualsIgnoreCase(domain, target.host)) return true;
  return !target.is_numeric() &&
         absl::EndsWithIgnoreCase(target.host, absl::StrCat(".", domain));
}

bool IsListed(absl::string_view no_proxy, const HostPort& target) {
  for (const absl::string_view entry :
       absl::StrSplit(no_proxy, absl::ByAnyChar(", "), absl::SkipEmpty())) {
    if (Covers(entry, target)) return true;
  }
  return false;
}

absl::StatusOr<std::optional<Proxy>> ParseNamed(absl::string_view name,
                                                const std::string& url) {
  absl::StatusOr<Proxy> proxy = ParseProxy(url);
  if (proxy.ok()) return *std::move(proxy);
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": ", proxy.status().message()));
}

}  // namespace

ProxyEnvironment ProxyEnvironment::OfProcess() {
  return {FromEnvironment("https_proxy"), FromEnvironment("no_proxy")};
}

absl::StatusOr<std::optional<Proxy>> ChooseProxy(
    const std::string& coordinator, const std::string& option,
    const ProxyEnvironment& environment) {
  if (!option.empty()) return ParseNamed("proxy", option);
  if (environment.https_proxy.empty()) return std::nullopt;
  SHOAL_ASSIGN_OR_RETURN(const HostPort target, ParseHostPort(coordinator));
  if (IsThisMachine(target) || IsListed(environment.no_proxy, target)) {
    return std::nullopt;
  }
  return ParseNamed("https_proxy", environment.https_proxy);
}

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
