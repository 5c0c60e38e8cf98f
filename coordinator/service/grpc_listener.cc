#include "coordinator/service/grpc_listener.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/operations/listen_address.h"

namespace shoal::coordinator {
namespace {

// Initial models of tasks come in one message.
constexpr int kMaxMessageBytes = 32 << 20;
// Of all connections' buffers together; gRPC pushes back beyond it.
constexpr size_t kMaxBufferBytes = size_t{1} << 30;
constexpr int kMaxStreamsPerConnection = 64;
// Devices may ping often, also between calls; silent connections are probed,
// idle ones closed.
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kMinPingIntervalMs = 5'000;
constexpr int kMaxIdleMs = 15 * 60'000;

std::shared_ptr<grpc::ServerCredentials> Credentials(const TlsMaterial* tls) {
  if (tls == nullptr) return grpc::InsecureServerCredentials();
  // A certificate is optional, so that a device can enroll; one that our CA
  // did not sign ends the handshake.
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls->ca_pem;
  options.pem_key_cert_pairs.push_back(
      {std::string(tls->coordinator.key_pem.Reveal()),
       tls->coordinator.certificate_pem});
  return grpc::SslServerCredentials(options);
}

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetResourceQuota(
      grpc::ResourceQuota("coordinator").Resize(kMaxBufferBytes));
  // gRPC would share the port with another program.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
}

}  // namespace

absl::StatusOr<GrpcListener> ListenGrpc(
    const std::string& listen, const TlsMaterial* tls,
    const std::vector<grpc::Service*>& services) {
  SHOAL_ASSIGN_OR_RETURN(HostPort address, ParseHostPort(listen));
  // gRPC itself does not say why it cannot listen.
  SHOAL_RETURN_IF_ERROR(CheckCanListen(address));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  GrpcListener listener;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address.ToString(), Credentials(tls),
                           &listener.port);
  SetLimits(builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  listener.server = builder.BuildAndStart();
  if (listener.server == nullptr || listener.port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString()));
  }
  listener.server->GetHealthCheckService()->SetServingStatus(true);
  address.port = listener.port;
  listener.address = address.ToString();
  return listener;
}

}  // namespace shoal::coordinator
