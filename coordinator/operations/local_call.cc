#include "coordinator/operations/local_call.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace shoal::coordinator {
namespace {

bool IsLoopback(absl::string_view address) {
  absl::ConsumePrefix(&address, "::ffff:");  // of IPv4, on a port of IPv6
  return address == "::1" || absl::StartsWith(address, "127.");
}

// Of a Host header, with a port or without.
bool NamesThisMachine(absl::string_view host) {
  const size_t colon = host.find_last_not_of("0123456789");
  if (colon != host.npos && colon + 1 < host.size() && host[colon] == ':') {
    host = host.substr(0, colon);
  }
  if (absl::EqualsIgnoreCase(host, "localhost") || host == "[::1]") return true;
  in_addr address;
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 &&
         absl::StartsWith(host, "127.");
}

}  // namespace

bool IsLocalCall(absl::string_view peer, absl::string_view host) {
  return IsLoopback(peer) && NamesThisMachine(host);
}

}  // namespace shoal::coordinator
