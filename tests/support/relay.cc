#include "tests/support/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/random.h"

namespace shoal::testing {
namespace {

constexpr int kPollMilliseconds = 20;
constexpr absl::Duration kTricklePause = absl::Milliseconds(5);

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int PortOf(const std::string& target) {
  int port = 0;
  SHOAL_CHECK(absl::SimpleAtoi(target.substr(target.rfind(':') + 1), &port));
  return port;
}

void SendAtOnce(int fd) {
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// Closes with a reset instead of a goodbye.
void Reset(int fd) {
  const linger hard = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}

bool IsReadable(int fd) {
  pollfd ready = {fd, POLLIN, 0};
  return poll(&ready, 1, kPollMilliseconds) > 0;
}

bool SendAll(int to, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

// One direction of a connection.
struct Relay::Flow {
  int from;
  int to;
  int64_t hit_after;
  int64_t moved = 0;

  // Moves what is there, `most` bytes at most and none beyond the hit; false at
  // the end of the stream.
  bool Pump(int64_t most) {
    char buffer[16 * 1024];
    most = std::min<int64_t>({most, hit_after - moved, sizeof buffer});
    const ssize_t size = recv(from, buffer, static_cast<size_t>(most), 0);
    if (size <= 0) return false;
    if (!SendAll(to, {buffer, static_cast<size_t>(size)})) return false;
    moved += size;
    return true;
  }
};

Relay::Relay(RelayOptions options) : options_(std::move(options)) {
  SHOAL_CHECK(options_.after_bytes_up > 0 && options_.after_bytes_down > 0);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  SHOAL_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) ==
              0);
  SHOAL_CHECK(listen(listener_, 64) == 0);
  SHOAL_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address),
                          &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

Relay::~Relay() {
  stopping_ = true;
  acceptor_.join();
  std::vector<std::thread> servers;
  {
    MutexLock lock(mutex_);
    servers.swap(servers_);
  }
  for (std::thread& thread : servers) thread.join();
  close(listener_);
}

std::string Relay::address() const { return absl::StrCat("127.0.0.1:", port_); }

std::vector<std::string> Relay::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

void Relay::Accept() {
  while (!stopping_) {
    if (!IsReadable(listener_)) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    ++connections_;
    MutexLock lock(mutex_);
    servers_.emplace_back([this, client] { Serve(client); });
  }
}

bool Relay::TakeHit() {
  MutexLock lock(mutex_);
  if (hits_made_ == options_.hits) return false;
  ++hits_made_;
  return true;
}

void Relay::Serve(int client) {
  SendAtOnce(client);
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(PortOf(options_.target));
  if ((!options_.is_http_proxy || OpenTunnel(client)) &&
      connect(server, reinterpret_cast<const sockaddr*>(&address),
              sizeof address) == 0) {
    SendAtOnce(server);
    Forward(client, server);
  }
  Reset(client);
  Reset(server);
}

bool Relay::OpenTunnel(int client) {
  std::string request;
  while (!absl::EndsWith(request, "\r\n\r\n")) {
    if (stopping_) return false;
    if (!IsReadable(client)) continue;
    char byte;  // what follows the request is the target's
    if (recv(client, &byte, 1, 0) != 1) return false;
    request.push_back(byte);
  }
  {
    MutexLock lock(mutex_);
    requests_.push_back(request);
  }
  return SendAll(client, "HTTP/1.1 200 Connection established\r\n\r\n");
}

void Relay::Forward(int client, int server) {
  Flow up = {client, server, options_.after_bytes_up};
  Flow down = {server, client, options_.after_bytes_down};
  SeededRng lost(static_cast<uint64_t>(connections_));
  int64_t piece = options_.piece_bytes;
  absl::Duration pause = options_.pause;
  while (!stopping_) {
    pollfd ready[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(ready, 2, kPollMilliseconds) <= 0) continue;
    absl::SleepFor(pause);
    if (lost.Uniform() < options_.loss) absl::SleepFor(options_.retransmission);
    if (ready[0].revents != 0 && !up.Pump(piece)) return;
    if (ready[1].revents != 0 && !down.Pump(piece)) return;
    const bool up_is_hit = IsHit(up);
    if (!IsHit(down) && !up_is_hit) continue;
    if (options_.fault == RelayOptions::kFallSilent) KeepSilent(client);
    if (options_.fault != RelayOptions::kTrickle) return;
    piece = 1;
    pause = kTricklePause;
  }
}

bool Relay::IsHit(Flow& flow) {
  if (flow.moved < flow.hit_after) return false;
  flow.hit_after = RelayOptions::kNever;
  return TakeHit();
}

void Relay::KeepSilent(int client) const {
  char buffer[4096];
  while (!stopping_) {
    if (IsReadable(client) && recv(client, buffer, sizeof buffer, 0) <= 0) {
      return;
    }
  }
}

}  // namespace shoal::testing
