#include "coordinator/operations/timed_server.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>

namespace shoal::coordinator {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kToAsk(5);
constexpr std::chrono::seconds kToTakeTheAnswer(10);

using NameOf = int (*)(int, sockaddr*, socklen_t*);

// As getsockname or getpeername has it.
void ReadAddress(NameOf name_of, int socket, std::string& ip, int& port) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  char host[NI_MAXHOST] = {};
  char service[NI_MAXSERV] = {};
  if (name_of(socket, name, &size) != 0 ||
      getnameinfo(name, size, host, sizeof host, service, sizeof service,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    ip.clear();  // of nobody
    port = 0;
    return;
  }
  ip = host;
  port = std::atoi(service);
}

bool IsAgain(int error) { return error == EINTR || error == EAGAIN; }

// One request and its answer.
class TimedStream final : public httplib::Stream {
 public:
  explicit TimedStream(int socket)
      : socket_(socket), read_end_(SteadyClock::now() + kToAsk) {}

  bool is_readable() const override { return Await(POLLIN, read_end_); }
  bool is_writable() const override { return Await(POLLOUT, WriteEnd()); }

  ssize_t read(char* bytes, size_t size) override {
    while (Await(POLLIN, read_end_)) {
      const ssize_t count = recv(socket_, bytes, size, MSG_DONTWAIT);
      if (count >= 0 || !IsAgain(errno)) return count;
    }
    return -1;
  }

  ssize_t write(const char* bytes, size_t size) override {
    while (Await(POLLOUT, WriteEnd())) {
      // What is writable takes a part of the bytes, and does not wait.
      const ssize_t count =
          send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0 || !IsAgain(errno)) return count;
    }
    return -1;
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ReadAddress(getpeername, socket_, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ReadAddress(getsockname, socket_, ip, port);
  }
  socket_t socket() const override { return socket_; }

 private:
  // From the first byte that is written.
  SteadyClock::time_point WriteEnd() const {
    if (write_end_ == SteadyClock::time_point()) {
      write_end_ = SteadyClock::now() + kToTakeTheAnswer;
    }
    return write_end_;
  }

  bool Await(short what, SteadyClock::time_point end) const {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          end - SteadyClock::now());
      if (left.count() <= 0) return false;
      pollfd descriptor = {socket_, what, 0};
      const int ready = poll(&descriptor, 1, static_cast<int>(left.count()));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  const int socket_;
  const SteadyClock::time_point read_end_;
  mutable SteadyClock::time_point write_end_;
};

}  // namespace

void TimedServer::CutConnections() {
  MutexLock lock(mutex_);
  is_cut_ = true;
  for (const socket_t socket : open_) shutdown(socket, SHUT_RDWR);
}

bool TimedServer::process_and_close_socket(socket_t socket) {
  bool is_cut;
  {
    MutexLock lock(mutex_);
    is_cut = is_cut_;
    if (!is_cut) open_.insert(socket);
  }
  bool is_answered = false;
  if (!is_cut) {
    TimedStream stream(socket);
    bool is_closed = false;
    is_answered =
        process_request(stream, /*close_connection=*/true, is_closed, nullptr);
    MutexLock lock(mutex_);
    open_.erase(socket);
  }
  shutdown(socket, SHUT_RDWR);
  close(socket);
  return is_answered;
}

}  // namespace shoal::coordinator
