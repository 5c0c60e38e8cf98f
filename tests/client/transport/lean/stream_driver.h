// Drives streams of the lean transport to their ends, waiting as they ask.
#ifndef SHOAL_TESTS_CLIENT_TRANSPORT_LEAN_STREAM_DRIVER_H_
#define SHOAL_TESTS_CLIENT_TRANSPORT_LEAN_STREAM_DRIVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/host_port.h"
#include "client/transport/lean/byte_stream.h"
#include "client/transport/lean/dialer.h"

namespace shoal::testing {

inline constexpr absl::Duration kDriverPatience = absl::Seconds(20);

inline HostPort Address(absl::string_view text) {
  return ParseHostPort(text).value();
}

inline void WaitFor(const client::lean::ByteStream& stream) {
  client::lean::PollSet waits;
  waits.Add(stream.fd(),
            static_cast<short>(POLLIN | (stream.wants_write() ? POLLOUT : 0)));
  waits.Wait(absl::ZeroDuration(), kDriverPatience);
}

inline absl::StatusOr<std::unique_ptr<client::lean::Socket>> Dial(
    client::lean::Dialer& dialer) {
  const RealClock clock;
  while (true) {
    auto socket = dialer.Step(clock.Monotonic());
    if (!socket.ok() || *socket != nullptr) return socket;
    client::lean::PollSet waits;
    dialer.AddWaits(clock.Monotonic(), waits);
    waits.Wait(clock.Monotonic(), kDriverPatience);
  }
}

inline absl::Status Handshake(client::lean::ByteStream& stream) {
  while (true) {
    const absl::StatusOr<bool> done = stream.Handshake();
    if (!done.ok()) return done.status();
    if (*done) return absl::OkStatus();
    WaitFor(stream);
  }
}

// Writes `bytes`, and reads as many.
inline absl::StatusOr<std::string> Echo(client::lean::ByteStream& stream,
                                        absl::string_view bytes) {
  std::string received;
  size_t sent = 0;
  while (received.size() < bytes.size()) {
    size_t moved = 0;
    if (sent < bytes.size()) {
      const auto written = stream.Write(bytes.substr(sent));
      if (!written.ok()) return written.status();
      sent += *written;
      moved += *written;
    }
    char buffer[1000];
    const auto read = stream.Read(absl::MakeSpan(buffer));
    if (!read.ok()) return read.status();
    received.append(buffer, *read);
    moved += *read;
    if (moved == 0) WaitFor(stream);
  }
  return received;
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_CLIENT_TRANSPORT_LEAN_STREAM_DRIVER_H_
