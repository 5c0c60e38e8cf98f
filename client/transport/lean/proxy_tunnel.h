// Asks an HTTP proxy for a tunnel to the coordinator (RFC 9110 §9.3.6).
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_PROXY_TUNNEL_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_PROXY_TUNNEL_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "client/transport/lean/byte_stream.h"
#include "client/transport/proxy.h"

namespace shoal::client::lean {

// One request and its answer, over a connected stream. One thread.
class ProxyTunnel {
 public:
  // The longest answer that is read.
  static constexpr size_t kMaxAnswerBytes = 8 * 1024;

  ProxyTunnel(const HostPort& target, const Proxy& proxy);

  // Moves on; true once `stream` leads to the target. UNAVAILABLE when the
  // proxy refuses, with its status line, or does not speak HTTP.
  absl::StatusOr<bool> Step(ByteStream& stream);

 private:
  // Reads up to the answer's empty line, and not a byte more: what follows is
  // the target's.
  absl::StatusOr<bool> ReadAnswer(ByteStream& stream);
  absl::Status CheckAnswer() const;

  const std::string proxy_;  // its address, for errors
  Secret request_;
  size_t sent_ = 0;
  std::string answer_;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_PROXY_TUNNEL_H_
