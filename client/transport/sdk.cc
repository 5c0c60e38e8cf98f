// What shoal/client.h promises, over the lean transport.
#include "client/identity.h"
#include "client/include/shoal/client.h"
#include "client/transport/device_client.h"
#include "client/transport/lean_transport.h"

namespace shoal {

absl::StatusOr<std::unique_ptr<Client>> Client::Create(
    const ClientOptions& options, const ClientDependencies& dependencies) {
  return client::MakeDeviceClient(options, dependencies,
                                  client::MakeLeanTransport);
}

absl::StatusOr<std::string> Enroll(const EnrollOptions& options) {
  return client::EnrollDevice(options, client::MakeLeanTransport);
}

absl::StatusOr<std::string> DeviceId(const std::string& state_folder) {
  return client::DeviceId(state_folder);
}

absl::Status Forget(const ForgetOptions& options) {
  return client::ForgetDevice(options, {}, client::MakeLeanTransport);
}

}  // namespace shoal
