#include "tests/support/scripted_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "tests/support/http2_frames.h"

namespace shoal::testing {
namespace {

constexpr int kPollMs = 10;

// Whether `fd` is ready for `events` within a moment.
bool IsReady(int fd, short events) {
  pollfd waited = {fd, events, 0};
  return poll(&waited, 1, kPollMs) > 0;
}

uint32_t BigEndianAt(absl::string_view bytes, size_t at, int count) {
  uint32_t number = 0;
  for (int i = 0; i < count; ++i) {
    number = number << 8 | static_cast<uint8_t>(bytes[at + i]);
  }
  return number;
}

}  // namespace

PeerConnection::PeerConnection(int fd, const std::atomic<bool>& stopping)
    : fd_(fd), stopping_(stopping) {
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

PeerConnection::~PeerConnection() {
  if (fd_ >= 0) close(fd_);
}

bool PeerConnection::Send(absl::string_view bytes) {
  const RealClock clock;
  const absl::Duration end = clock.Monotonic() + kPatience;
  while (!bytes.empty()) {
    if (stopping_ || clock.Monotonic() > end) return false;
    if (!IsReady(fd_, POLLOUT)) continue;
    const ssize_t sent =
        send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool PeerConnection::Trickle(absl::string_view bytes, absl::Duration pause) {
  const RealClock clock;
  for (const char byte : bytes) {
    if (!Send(absl::string_view(&byte, 1))) return false;
    const absl::Duration end = clock.Monotonic() + pause;
    while (clock.Monotonic() < end) {
      if (stopping_) return false;
      poll(nullptr, 0, 1);
    }
  }
  return true;
}

bool PeerConnection::ReceiveMore() {
  const RealClock clock;
  const absl::Duration end = clock.Monotonic() + kPatience;
  while (!stopping_ && clock.Monotonic() < end) {
    if (!IsReady(fd_, POLLIN)) continue;
    char buffer[16384];
    const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
    if (size > 0) received_.append(buffer, static_cast<size_t>(size));
    return size > 0;
  }
  return false;
}

bool PeerConnection::AwaitBytes(size_t size) {
  while (received_.size() < size) {
    if (!ReceiveMore()) return false;
  }
  return true;
}

uint32_t PeerConnection::AwaitCall() {
  if (!std::exchange(greeted_, true)) {
    if (!Send(http2::Settings())) return 0;
    parsed_ = http2::kPreface.size();
  }
  while (AwaitBytes(parsed_ + http2::kFrameHeaderBytes)) {
    const size_t at = parsed_;
    const size_t length = BigEndianAt(received_, at, 3);
    if (!AwaitBytes(at + http2::kFrameHeaderBytes + length)) return 0;
    parsed_ = at + http2::kFrameHeaderBytes + length;
    if (received_[at + 3] == http2::kHeaders) {
      return BigEndianAt(received_, at + 5, 4);
    }
  }
  return 0;
}

void PeerConnection::AwaitClose() {
  while (ReceiveMore()) {
  }
}

void PeerConnection::StopReading() const {
  const RealClock clock;
  const absl::Duration end = clock.Monotonic() + kPatience;
  while (!stopping_ && clock.Monotonic() < end) poll(nullptr, 0, kPollMs);
}

void PeerConnection::Reset() {
  const linger hard = {1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(std::exchange(fd_, -1));
}

void PeerConnection::ShutDownSending() { shutdown(fd_, SHUT_WR); }

ScriptedPeer::ScriptedPeer(std::function<void(PeerConnection&)> script)
    : script_(std::move(script)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  SHOAL_CHECK(bind(listener_, any, size) == 0);
  SHOAL_CHECK(listen(listener_, 64) == 0);
  SHOAL_CHECK(getsockname(listener_, any, &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

ScriptedPeer::~ScriptedPeer() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

std::string ScriptedPeer::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void ScriptedPeer::Run() {
  while (!stopping_) {
    if (!IsReady(listener_, POLLIN)) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    {
      PeerConnection connection(fd, stopping_);
      script_(connection);
    }
    ++closed_;
  }
}

}  // namespace shoal::testing
