#include "client/transport/grpc_client.h"

#include <utility>

#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/client_options.h"
#include "client/client_runner.h"
#include "client/example_dataset.h"
#include "client/identity.h"
#include "client/transport/grpc_transport.h"

namespace shoal {
namespace client {
namespace {

// How to connect: with the folder's identity, or in plaintext.
struct Connector {
  std::string coordinator;
  absl::Duration idle_window;
  Failpoints failpoints;
  bool insecure = false;
  DeviceIdentity identity;
  std::string insecure_name;
  RealClock clock;

  std::unique_ptr<Transport> Connect() const {
    TransportOptions options;
    options.coordinator = coordinator;
    options.idle_window = idle_window;
    options.failpoints = failpoints;
    options.insecure_device = insecure_name;
    if (!insecure) {
      options.tls = ChannelTls{identity.ca_pem, identity.key_pem.Copy(),
                               identity.certificate_pem};
    }
    return MakeGrpcTransport(std::move(options));
  }
};

absl::StatusOr<std::shared_ptr<const Connector>> MakeConnector(
    const ClientOptions& options, Failpoints failpoints, SecureRng& rng) {
  auto connector = std::make_shared<Connector>();
  connector->coordinator = options.coordinator;
  connector->idle_window = options.idle_window;
  connector->failpoints = failpoints;
  connector->insecure = options.insecure;
  if (options.insecure) {
    SHOAL_ASSIGN_OR_RETURN(connector->insecure_name,
                           LoadOrMakeInsecureName(options.state_folder, rng));
  } else {
    SHOAL_ASSIGN_OR_RETURN(connector->identity,
                           LoadIdentity(options.state_folder, absl::Now()));
  }
  return connector;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> MakeGrpcClient(
    const ClientOptions& options, GrpcClientParts parts) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  SystemRng rng;
  ClientParts made;
  SHOAL_ASSIGN_OR_RETURN(made.lock, FolderLock::Take(options.state_folder));
  SHOAL_ASSIGN_OR_RETURN(auto connector,
                         MakeConnector(options, parts.failpoints, rng));
  SHOAL_ASSIGN_OR_RETURN(made.state, OpenFileState(options.state_folder));
  made.session.population = options.population;
  made.session.seed = options.seed;
  made.session.memory_bytes = options.memory_bytes;
  made.session.max_backoff = options.max_backoff;
  made.session.failpoints = parts.failpoints;
  made.session.clock = &connector->clock;
  made.on_event = std::move(parts.on_event);
  made.data = std::move(parts.data);
  made.jitter_seed = rng.Uint64();
  // Shared, because std::function wants to copy what it holds.
  made.connect = [connector] { return connector->Connect(); };
  return MakeClient(std::move(made));
}

}  // namespace client

absl::StatusOr<std::unique_ptr<Client>> Client::Create(
    const ClientOptions& options, const ClientDependencies& dependencies) {
  if (dependencies.examples == nullptr) {
    return absl::InvalidArgumentError("examples: is null, expected a source");
  }
  client::GrpcClientParts parts;
  parts.data = std::make_shared<client::ExampleDataset>(*dependencies.examples);
  parts.on_event = dependencies.on_event;
  return client::MakeGrpcClient(options, std::move(parts));
}

}  // namespace shoal
