// A whole coordinator in one object: store, spool, engine, services and ports.
#ifndef SHOAL_COORDINATOR_SERVICE_COORDINATOR_SERVER_H_
#define SHOAL_COORDINATOR_SERVICE_COORDINATOR_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/logging.h"
#include "base/random.h"
#include "configuration/programs.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/service/enrollment.h"

namespace shoal::coordinator {

// What a server is given beside its configuration. References must outlive it.
struct ServerEnvironment {
  Logger& log;
  const Clock& clock;
  SecureRng& rng;
  std::unique_ptr<RoundStore> store;
  // Plaintext and no authentication; refused together with config.tls.
  bool insecure = false;
};

// Serves from Start() on, on threads of its own. Thread-safe.
class CoordinatorServer {
 public:
  // INVALID_ARGUMENT with neither or both of TLS and `insecure`; errors of
  // LoadTlsMaterial, MakeDiskSpool, RoundEngine::Create and CheckCanListen.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(
      const configuration::CoordinatorConfig& config,
      ServerEnvironment environment);
  // Shutdown(zero).
  ~CoordinatorServer();
  CoordinatorServer(const CoordinatorServer&) = delete;
  CoordinatorServer& operator=(const CoordinatorServer&) = delete;

  int port() const;
  // HOST:PORT with the ports that it got; "" without the HTTP port.
  std::string grpc_address() const;
  std::string http_address() const;

  // For invitations without the admin service (shoald --dev, tests).
  Enrollment& enrollment();
  RoundStore& store();

  // Refuses new work, gives running uploads up to `grace`, commits what is
  // complete and ends. Further calls do nothing.
  void Shutdown(absl::Duration grace);

 private:
  struct State;
  explicit CoordinatorServer(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_COORDINATOR_SERVER_H_
