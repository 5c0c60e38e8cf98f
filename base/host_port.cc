#include "base/host_port.h"

#include <arpa/inet.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace shoal {
namespace {

// What an error repeats of a text.
constexpr size_t kMaxShownBytes = 80;

absl::Status NoAddress(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::CEscape(text.substr(0, kMaxShownBytes)),
                   "' is no address, expected HOST:PORT such as "
                   "127.0.0.1:7600"));
}

}  // namespace

bool HostPort::is_numeric() const {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::string HostPort::ToString() const {
  if (absl::StrContains(host, ':')) return absl::StrCat("[", host, "]:", port);
  return absl::StrCat(host, ":", port);
}

absl::StatusOr<HostPort> ParseHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return NoAddress(text);
  HostPort parsed;
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  // An IPv6 address stands in brackets: its own colons are not the port's.
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ':')) {
    return NoAddress(text);
  }
  if (host.empty() || absl::StrContains(host, '\0') || port.size() > 5 ||
      !absl::SimpleAtoi(port, &parsed.port) || parsed.port < 0 ||
      parsed.port > 65535) {
    return NoAddress(text);
  }
  parsed.host = std::string(host);
  return parsed;
}

absl::StatusOr<HostPort> ParseServerAddress(absl::string_view text) {
  absl::StatusOr<HostPort> parsed = ParseHostPort(text);
  if (parsed.ok() && parsed->port == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", absl::CEscape(text.substr(0, kMaxShownBytes)),
        "' has port 0, expected the one that the server listens on"));
  }
  return parsed;
}

}  // namespace shoal
