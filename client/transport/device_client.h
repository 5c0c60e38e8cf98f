// shoal::Client, enrolment and forgetting over a network transport: all that
// the two transports have in common (sdk.cc and grpc_client.cc choose one).
#ifndef SHOAL_CLIENT_TRANSPORT_DEVICE_CLIENT_H_
#define SHOAL_CLIENT_TRANSPORT_DEVICE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "client/device_limits.h"
#include "client/example_store.h"
#include "client/failpoints.h"
#include "client/file_state.h"
#include "client/include/shoal/client.h"
#include "client/transport.h"
#include "client/transport/transport_options.h"
#include "learning/dataset.h"

namespace shoal::client {

// Makes a transport. INVALID_ARGUMENT for options that cannot be used.
using TransportMaker =
    absl::StatusOr<std::unique_ptr<Transport>> (*)(TransportOptions options);

// What the public SDK does not show.
struct DeviceClientParts {
  // One of these, or ClientOptions::example_store. Whoever brings a store holds
  // the lock of its folder, which is that of the state, and goes on adding.
  std::shared_ptr<const learning::Dataset> data;
  Trainer* trainer = nullptr;
  std::shared_ptr<ExampleStore> store;
  std::unique_ptr<FolderLock> lock;                  // null: it is taken
  std::function<void(const ClientEvent&)> on_event;  // may be empty
  DeviceCallbacks device;                            // for limits
  // Of sessions and conditions; null: the system's. Must outlive the client.
  const Clock* clock = nullptr;
  SecureRng* rng = nullptr;  // while it is made; null: the system's
  Failpoints failpoints;
};

// Those of the public SDK.
DeviceClientParts PartsFrom(const ClientDependencies& dependencies);

// The folder of the example store.
std::string ExamplesFolder(const std::string& state_folder);

// As shoal::Client::Create.
absl::StatusOr<std::unique_ptr<Client>> MakeDeviceClient(
    const ClientOptions& options, const ClientDependencies& dependencies,
    TransportMaker make_transport);
absl::StatusOr<std::unique_ptr<Client>> MakeDeviceClient(
    const ClientOptions& options, DeviceClientParts parts,
    TransportMaker make_transport);

struct ForgetParts {
  Failpoints failpoints;
  // Asked now and then while the coordinator has not answered; false ends the
  // wait with CANCELLED. May be empty.
  std::function<bool()> may_wait;
};

// As shoal::Forget.
absl::Status ForgetDevice(const ForgetOptions& options, ForgetParts parts,
                          TransportMaker make_transport);

// As shoal::Enroll.
absl::StatusOr<std::string> EnrollDevice(const EnrollOptions& options,
                                         TransportMaker make_transport);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_DEVICE_CLIENT_H_
