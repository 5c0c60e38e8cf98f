#include "client/transport/lean/resolver.h"

#include <netdb.h>
#include <sys/time.h>

#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace shoal::client::lean {
namespace {

// Per server and attempt; c-ares doubles it from one attempt to the next.
constexpr int kQueryTimeoutMs = 2'000;
constexpr int kAttempts = 3;

struct AddressesFreer {
  void operator()(ares_addrinfo* found) const { ares_freeaddrinfo(found); }
  void operator()(addrinfo* found) const { freeaddrinfo(found); }
};

void AppendAddress(const sockaddr* from, size_t size,
                   std::vector<SocketAddress>& addresses) {
  SocketAddress address;
  if (size > sizeof address.storage) return;
  std::memcpy(&address.storage, from, size);
  address.size = static_cast<socklen_t>(size);
  addresses.push_back(address);
}

// The address of a numeric host; none for any other. c-ares would ask its
// servers for those, too; the system's function only reads the number.
std::vector<SocketAddress> NumericAddress(const HostPort& target) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(
      target.host.c_str(), absl::StrCat(target.port).c_str(), &hints, &found);
  std::vector<SocketAddress> addresses;
  if (failed != 0) return addresses;
  const std::unique_ptr<addrinfo, AddressesFreer> owner(found);
  AppendAddress(found->ai_addr, found->ai_addrlen, addresses);
  return addresses;
}

// RFC 6761, 6.3: names below "localhost" mean the loopback, and no server is
// asked for them. Nothing for any other host.
std::vector<SocketAddress> LoopbackAddresses(const HostPort& target) {
  const absl::string_view name = absl::StripSuffix(target.host, ".");
  if (!absl::EqualsIgnoreCase(name, "localhost") &&
      !absl::EndsWithIgnoreCase(name, ".localhost")) {
    return {};
  }
  std::vector<SocketAddress> addresses = NumericAddress({"::1", target.port});
  for (const SocketAddress& address :
       NumericAddress({"127.0.0.1", target.port})) {
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace

Resolver::Resolver(const HostPort& target)
    : target_(target), addresses_(NumericAddress(target)) {
  if (addresses_.empty()) addresses_ = LoopbackAddresses(target);
  done_ = !addresses_.empty();
  if (done_) return;
  // On Unix it only counts; there is no matching clean-up to do.
  ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options = {};
  options.timeout = kQueryTimeoutMs;
  options.tries = kAttempts;
  const int made = ares_init_options(&channel_, &options,
                                     ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  if (made != ARES_SUCCESS) {
    OnFound(this, made, 0, nullptr);
    return;
  }
  ares_addrinfo_hints hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NUMERICSERV;
  ares_getaddrinfo(channel_, target_.host.c_str(),
                   absl::StrCat(target_.port).c_str(), &hints, OnFound, this);
}

Resolver::~Resolver() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void Resolver::OnFound(void* self, int status, int timeouts,
                       ares_addrinfo* found) {
  const std::unique_ptr<ares_addrinfo, AddressesFreer> owner(found);
  Resolver& resolver = *static_cast<Resolver*>(self);
  resolver.done_ = true;
  if (status == ARES_SUCCESS) {
    for (const auto* node = found->nodes; node; node = node->ai_next) {
      AppendAddress(node->ai_addr, node->ai_addrlen, resolver.addresses_);
    }
  }
  if (!resolver.addresses_.empty()) return;
  resolver.status_ = absl::UnavailableError(
      absl::StrCat("no address of the host '", resolver.target_.host,
                   "' is known: ", ares_strerror(status)));
}

absl::StatusOr<bool> Resolver::Step() {
  if (!done_) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int asked = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM && !done_; ++i) {
      if (!ARES_GETSOCK_READABLE(asked, i)) continue;
      // Sockets do not block: one that is not ready does no harm.
      ares_process_fd(
          channel_, sockets[i],
          ARES_GETSOCK_WRITABLE(asked, i) ? sockets[i] : ARES_SOCKET_BAD);
    }
    // Time-outs.
    if (!done_) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
  if (!status_.ok()) return status_;
  return done_;
}

void Resolver::AddWaits(absl::Duration now, PollSet& waits) const {
  if (done_) return;
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  const int asked = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
  for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    if (!ARES_GETSOCK_READABLE(asked, i)) continue;
    waits.Add(sockets[i],
              static_cast<short>(
                  POLLIN | (ARES_GETSOCK_WRITABLE(asked, i) ? POLLOUT : 0)));
  }
  timeval left = {};
  if (ares_timeout(channel_, nullptr, &left) != nullptr) {
    waits.WakeAt(now + absl::DurationFromTimeval(left));
  }
}

}  // namespace shoal::client::lean
