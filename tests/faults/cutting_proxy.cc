#include "tests/faults/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace shoal::testing {
namespace {

constexpr int kPollMilliseconds = 20;

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

// Closes with a reset instead of a goodbye.
void Reset(int fd) {
  const linger hard = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}

// Moves what is there; false at the end of the stream.
bool Pump(int from, int to, int64_t& moved) {
  char buffer[16384];
  const ssize_t size = recv(from, buffer, sizeof buffer, 0);
  if (size <= 0) return false;
  for (ssize_t sent = 0; sent < size;) {
    const ssize_t n = send(to, buffer + sent, size - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += n;
  }
  moved += size;
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(const std::string& target, int cuts,
                           int64_t bytes_up)
    : target_(target), cuts_(cuts), bytes_up_(bytes_up) {
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

CuttingProxy::~CuttingProxy() {
  stopping_ = true;
  acceptor_.join();
  std::vector<std::thread> forwarders;
  {
    MutexLock lock(mutex_);
    forwarders.swap(forwarders_);
  }
  for (std::thread& thread : forwarders) thread.join();
  close(listener_);
}

std::string CuttingProxy::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void CuttingProxy::Accept() {
  while (!stopping_) {
    pollfd ready = {listener_, POLLIN, 0};
    if (poll(&ready, 1, kPollMilliseconds) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    MutexLock lock(mutex_);
    forwarders_.emplace_back([this, client] { Forward(client); });
  }
}

bool CuttingProxy::TakeCut() {
  MutexLock lock(mutex_);
  if (cuts_made_ == cuts_) return false;
  ++cuts_made_;
  return true;
}

void CuttingProxy::Forward(int client) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(PortOf(target_));
  if (connect(server, reinterpret_cast<const sockaddr*>(&address),
              sizeof address) != 0) {
    close(server);
    Reset(client);
    return;
  }
  int64_t up = 0;
  int64_t down = 0;
  bool open = true;
  while (open && !stopping_) {
    pollfd ready[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    poll(ready, 2, kPollMilliseconds);
    if (ready[0].revents != 0) open = Pump(client, server, up);
    if (open && ready[1].revents != 0) open = Pump(server, client, down);
    if (up >= bytes_up_ && TakeCut()) break;
  }
  Reset(client);
  Reset(server);
}

}  // namespace shoal::testing
