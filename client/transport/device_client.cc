#include "client/transport/device_client.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/client_options.h"
#include "client/client_runner.h"
#include "client/example_dataset.h"
#include "client/file_state.h"
#include "client/forgetting.h"
#include "client/group_credentials.h"
#include "client/identity.h"
#include "client/participation.h"
#include "client/transport/proxy.h"
#include "protocol/certificates.h"
#include "protocol/credentials.h"

namespace shoal::client {
namespace {

constexpr absl::Duration kEnrollTimeout = absl::Seconds(30);
constexpr absl::Duration kForgetTimeout = absl::Seconds(30);
// How often it is asked whether to wait for the coordinator on.
constexpr absl::Duration kWaitInterval = absl::Milliseconds(200);

// How to connect: with the folder's identity, or in plaintext.
struct Connector {
  TransportMaker make_transport;
  std::string coordinator;
  std::optional<Proxy> proxy;
  absl::Duration idle_window;
  Failpoints failpoints;
  bool insecure = false;
  std::string folder;
  DeviceIdentity identity;
  std::string insecure_name;
  RealClock clock;

  absl::StatusOr<std::unique_ptr<Transport>> Connect() const {
    TransportOptions options;
    options.coordinator = coordinator;
    options.idle_window = idle_window;
    options.failpoints = failpoints;
    options.insecure_device = insecure_name;
    if (proxy.has_value()) options.proxy = proxy->Copy();
    if (!insecure) {
      options.tls = ChannelTls{identity.ca_pem, identity.key_pem.Copy(),
                               identity.certificate_pem};
    }
    return make_transport(std::move(options));
  }

  // By the system's clock, as TLS does. An error may come right by itself.
  absl::Status CheckClock() const {
    if (insecure) return absl::OkStatus();
    return CheckValidity(identity, folder, absl::Now());
  }
};

// `rng`: for the name of a device without TLS that has none; null: it must have
// one.
absl::StatusOr<std::shared_ptr<const Connector>> MakeConnector(
    const ClientOptions& options, TransportMaker make_transport,
    Failpoints failpoints, SecureRng* rng) {
  auto connector = std::make_shared<Connector>();
  connector->make_transport = make_transport;
  connector->coordinator = options.coordinator;
  connector->idle_window = options.idle_window;
  connector->failpoints = failpoints;
  connector->insecure = options.insecure;
  connector->folder = options.state_folder;
  // The environment's proxy is for TLS.
  if (!options.insecure || !options.proxy.empty()) {
    SHOAL_ASSIGN_OR_RETURN(connector->proxy,
                           ChooseProxy(options.coordinator, options.proxy,
                                       ProxyEnvironment::OfProcess()));
  }
  if (options.insecure) {
    SHOAL_ASSIGN_OR_RETURN(
        connector->insecure_name,
        rng != nullptr ? LoadOrMakeInsecureName(options.state_folder, *rng)
                       : LoadInsecureName(options.state_folder));
  } else {
    SHOAL_ASSIGN_OR_RETURN(connector->identity,
                           LoadIdentity(options.state_folder));
  }
  // What is wrong with it is known now, not in the first session.
  SHOAL_RETURN_IF_ERROR(connector->Connect().status());
  return connector;
}

// What the client says in groups: with the identity of a device that has one.
absl::Status JoinGroups(const ClientOptions& options,
                        const Connector& connector, ClientParts& made) {
  made.session.group_policy.demands = options.secure_aggregation;
  if (connector.insecure) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(
      made.credentials,
      MakeGroupCredentials(connector.identity, options.secure_aggregation,
                           connector.clock));
  made.session.group_policy.has_own_roots =
      options.secure_aggregation.has_value() &&
      !options.secure_aggregation->ca_pem.empty();
  made.session.device_id = connector.identity.id;
  made.session.signer = made.credentials.signer.get();
  made.session.verifier = made.credentials.verifier.get();
  return absl::OkStatus();
}

absl::Status CheckOneSource(const ClientOptions& options,
                            const DeviceClientParts& parts) {
  const int sources = (parts.data != nullptr) + (parts.trainer != nullptr) +
                      (parts.store != nullptr) +
                      options.example_store.has_value();
  if (sources == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("examples, trainer, example_store: ",
                   sources == 0 ? "none is given" : "several are given",
                   ", expected exactly one of them"));
}

// What the coordinator has signed for `key`.
absl::StatusOr<std::string> AskForCertificate(const EnrollOptions& options,
                                              std::optional<Proxy> proxy,
                                              const Secret& key,
                                              TransportMaker make_transport) {
  EnrollCall call;
  call.invitation = options.invitation;
  call.device_name = options.device_name;
  SHOAL_ASSIGN_OR_RETURN(call.certificate_request,
                         protocol::MakeRequest(key, options.device_name));
  TransportOptions transport_options;
  transport_options.coordinator = options.coordinator;
  transport_options.tls = ChannelTls{options.ca_pem, Secret(), ""};
  transport_options.proxy = std::move(proxy);
  transport_options.idle_window = kEnrollTimeout;
  SHOAL_ASSIGN_OR_RETURN(const auto transport,
                         make_transport(std::move(transport_options)));
  SHOAL_ASSIGN_OR_RETURN(Answer answer, Perform(*transport, std::move(call)));
  return std::get<Enrolled>(std::move(answer)).certificate_pem;
}

// One call, which may be given up.
absl::Status AskToBeForgotten(Transport& transport,
                              const std::function<bool()>& may_wait) {
  transport.Start(ForgetCall());
  while (true) {
    const auto answer = transport.Step(kWaitInterval);
    if (answer.has_value()) return answer->status();
    if (!may_wait || may_wait()) continue;
    transport.Drop();
    return absl::CancelledError("the device has to stop");
  }
}

// How an operator may do what the device cannot.
std::string OperatorsWay(const std::string& folder) {
  const absl::StatusOr<std::string> id = DeviceId(folder);
  if (!id.ok()) return "";
  return absl::StrCat("; an operator can do it with `shoalctl device forget ",
                      *id, "`");
}

absl::Status ConfirmForgetting(const ForgetOptions& options,
                               const ForgetParts& parts,
                               TransportMaker make_transport) {
  ClientOptions client;
  client.coordinator = options.coordinator;
  client.state_folder = options.state_folder;
  client.proxy = options.proxy;
  client.insecure = options.insecure;
  client.idle_window = kForgetTimeout;
  absl::StatusOr<std::shared_ptr<const Connector>> connector =
      MakeConnector(client, make_transport, parts.failpoints, nullptr);
  absl::Status status = connector.status();
  if (status.ok()) status = (*connector)->CheckClock();
  if (status.ok()) {
    SHOAL_ASSIGN_OR_RETURN(const auto transport, (*connector)->Connect());
    status = AskToBeForgotten(*transport, parts.may_wait);
  }
  // Another process has asked meanwhile, and has deleted the identity.
  if (status.ok() || !HasIdentity(options.state_folder)) {
    return absl::OkStatus();
  }
  absl::Status told(
      status.code(),
      absl::StrCat("what this device held is deleted, but the coordinator has "
                   "not confirmed that it forgets the device: ",
                   status.message(), OperatorsWay(options.state_folder)));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    told.SetPayload(url, payload);  // a refusal stays one
  });
  return told;
}

}  // namespace

DeviceClientParts PartsFrom(const ClientDependencies& dependencies) {
  DeviceClientParts parts;
  if (dependencies.examples != nullptr) {
    parts.data = std::make_shared<ExampleDataset>(*dependencies.examples);
  }
  parts.trainer = dependencies.trainer;
  parts.on_event = dependencies.on_event;
  parts.device = {dependencies.device_state, dependencies.joules};
  return parts;
}

std::string ExamplesFolder(const std::string& state_folder) {
  return state_folder + "/examples";
}

absl::StatusOr<std::unique_ptr<Client>> MakeDeviceClient(
    const ClientOptions& options, const ClientDependencies& dependencies,
    TransportMaker make_transport) {
  return MakeDeviceClient(options, PartsFrom(dependencies), make_transport);
}

absl::StatusOr<std::unique_ptr<Client>> MakeDeviceClient(
    const ClientOptions& options, DeviceClientParts parts,
    TransportMaker make_transport) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  SHOAL_RETURN_IF_ERROR(CheckOneSource(options, parts));
  SystemRng system_rng;
  SecureRng& rng = parts.rng != nullptr ? *parts.rng : system_rng;
  ClientParts made;
  // No folder is made for a device that is not enrolled.
  if (!options.insecure) {
    SHOAL_RETURN_IF_ERROR(CheckEnrolled(options.state_folder));
  }
  made.lock = std::move(parts.lock);
  if (made.lock == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(made.lock, FolderLock::Take(options.state_folder));
  }
  SHOAL_RETURN_IF_ERROR(CheckNotForgetting(options.state_folder));
  made.folder = options.state_folder;
  SHOAL_ASSIGN_OR_RETURN(auto connector, MakeConnector(options, make_transport,
                                                       parts.failpoints, &rng));
  SHOAL_ASSIGN_OR_RETURN(made.state, OpenFileState(options.state_folder));
  SHOAL_RETURN_IF_ERROR(JoinGroups(options, *connector, made));
  made.session.population = options.population;
  made.session.seed = options.seed;
  if (options.memory_bytes > 0) {
    made.session.memory_bytes = options.memory_bytes - kSdkMemoryBytes;
  }
  made.session.max_backoff = options.max_backoff;
  made.session.failpoints = parts.failpoints;
  made.session.clock = parts.clock != nullptr ? parts.clock : &connector->clock;
  if (options.limits.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(
        made.limits,
        OpenDeviceLimits(*options.limits, options.state_folder,
                         *made.session.clock, std::move(parts.device)));
  }
  made.on_event = std::move(parts.on_event);
  made.data = std::move(parts.data);
  made.trainer = parts.trainer;
  made.store = std::move(parts.store);
  if (options.example_store.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(
        made.store, ExampleStore::Open(*options.example_store,
                                       ExamplesFolder(options.state_folder),
                                       *made.session.clock));
  }
  made.jitter_seed = rng.Uint64();
  // Shared, because std::function wants to copy what it holds.
  made.connect = [connector] { return connector->Connect(); };
  made.may_connect = [connector] { return connector->CheckClock(); };
  return MakeClient(std::move(made));
}

absl::Status ForgetDevice(const ForgetOptions& options, ForgetParts parts,
                          TransportMaker make_transport) {
  const std::string& folder = options.state_folder;
  if (!options.without_coordinator) {
    SHOAL_RETURN_IF_ERROR(CheckAddress(options.coordinator));
  }
  SHOAL_RETURN_IF_ERROR(CheckFolder(folder));
  SHOAL_RETURN_IF_ERROR(BeginForgetting(folder, absl::Now()));
  parts.failpoints.Reach(Failpoint::kForgetBegun);
  SHOAL_RETURN_IF_ERROR(DeleteLocalData(folder));
  parts.failpoints.Reach(Failpoint::kForgetLocalData);
  if (!options.without_coordinator && HasIdentity(folder)) {
    SHOAL_RETURN_IF_ERROR(ConfirmForgetting(options, parts, make_transport));
  }
  parts.failpoints.Reach(Failpoint::kForgetConfirmed);
  // Another call may have come to the end meanwhile, and the device may have
  // been enrolled anew.
  if (CheckNotForgetting(folder).ok()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(DeleteIdentity(folder));
  parts.failpoints.Reach(Failpoint::kForgetIdentity);
  const auto lock = FolderLock::Take(folder);
  // A client that is running notices by itself, and ends it.
  if (absl::IsFailedPrecondition(lock.status())) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(lock.status());
  if (CheckNotForgetting(folder).ok()) return absl::OkStatus();
  return EndForgetting(folder);
}

absl::StatusOr<std::string> EnrollDevice(const EnrollOptions& options,
                                         TransportMaker make_transport) {
  SHOAL_RETURN_IF_ERROR(CheckAddress(options.coordinator));
  SHOAL_ASSIGN_OR_RETURN(std::optional<Proxy> proxy,
                         ChooseProxy(options.coordinator, options.proxy,
                                     ProxyEnvironment::OfProcess()));
  if (const absl::Status ca = protocol::CheckCertificate(options.ca_pem);
      !ca.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("ca_pem: ", ca.message()));
  }
  SHOAL_ASSIGN_OR_RETURN(const auto lock,
                         FolderLock::Take(options.state_folder));
  SHOAL_RETURN_IF_ERROR(CheckNotForgetting(options.state_folder));
  SHOAL_ASSIGN_OR_RETURN(const Secret key, LoadOrMakeKey(options.state_folder));
  SHOAL_ASSIGN_OR_RETURN(
      const std::string certificate,
      AskForCertificate(options, std::move(proxy), key, make_transport));
  absl::StatusOr<std::string> id =
      StoreCertificate(options.state_folder, key, certificate, options.ca_pem);
  if (id.ok()) return id;
  return absl::Status(id.status().code(),
                      absl::StrCat("coordinator ", options.coordinator,
                                   " answered with an unusable certificate: ",
                                   id.status().message()));
}

}  // namespace shoal::client
