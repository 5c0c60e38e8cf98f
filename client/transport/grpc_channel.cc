#include "client/transport/grpc_channel.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "client/transport/connection_errors.h"
#include "protocol/wire.h"

namespace shoal::client {
namespace {

// gRPC's own back-off between connections stays below ours.
constexpr int kMinReconnectMs = 100;
constexpr int kMaxReconnectMs = 1000;
constexpr int kConnectTimeoutMs = 20'000;
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

std::shared_ptr<grpc::ChannelCredentials> Credentials(const ChannelTls* tls) {
  if (tls == nullptr) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls->ca_pem;
  if (!tls->key_pem.empty()) {
    options.pem_private_key = std::string(tls->key_pem.Reveal());
    options.pem_cert_chain = tls->certificate_pem;
  }
  return grpc::SslCredentials(options);
}

// gRPC passes on what OpenSSL or BoringSSL say, as text only.
absl::Status NoConnection(const std::string& message,
                          const std::string& coordinator) {
  const std::string text =
      absl::AsciiStrToLower(absl::StrReplaceAll(message, {{"_", " "}}));
  if (absl::StrContains(text, "certificate verify failed")) {
    return NotTrusted(coordinator);
  }
  if (absl::StrContains(text, "is not in peer certificate")) {
    return WrongName(coordinator);
  }
  if (absl::StrContains(text, "wrong version number")) {
    return NoTls(coordinator);
  }
  return Unreachable(coordinator, message);
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& coordinator,
                                           const ChannelTls* tls) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(coordinator, Credentials(tls), arguments);
}

absl::Status FromGrpc(const grpc::Status& status,
                      const std::string& coordinator) {
  if (status.ok()) return absl::OkStatus();
  const std::string& message = status.error_message();
  const absl::Status plain = protocol::StatusFromWire(
      static_cast<absl::StatusCode>(status.error_code()), message,
      status.error_details());
  if (!status.error_details().empty()) return plain;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return NoConnection(message, coordinator);
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return EndedTheCall(coordinator);
    default:
      return plain;
  }
}

}  // namespace shoal::client
