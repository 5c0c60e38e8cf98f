// All devices of a load test, on a few connections and threads.
#ifndef SHOAL_SIMULATIONS_LOAD_LOAD_FLEET_H_
#define SHOAL_SIMULATIONS_LOAD_LOAD_FLEET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/thread_pool.h"
#include "shoal/v1/fleet.grpc.pb.h"
#include "simulations/load/call_log.h"
#include "simulations/load/call_loop.h"
#include "simulations/load/load_device.h"
#include "simulations/population.h"

namespace shoal::simulations {

struct LoadFleetOptions {
  const Population* population = nullptr;  // must outlive the fleet
  std::string population_name;
  uint64_t seed = 0;
  std::string coordinator;  // HOST:PORT
  int connections = 1;      // >= 1
  int training_threads = 1;
};

// At work from its construction to Stop(). Thread-compatible.
class LoadFleet {
 public:
  explicit LoadFleet(const LoadFleetOptions& options);
  // Stop() without grace.
  ~LoadFleet();
  LoadFleet(const LoadFleet&) = delete;
  LoadFleet& operator=(const LoadFleet&) = delete;

  // Begins no more sessions and has those under way end; drops what has not
  // ended within `grace`.
  void Stop(absl::Duration grace);

  LoadFigures Figures() const { return log_.Figures(); }

 private:
  // Declared in this order: devices end before their loop.
  struct Crew {
    CallLoop loop;
    std::vector<std::unique_ptr<LoadDevice>> devices;
    std::thread thread;
  };
  void LookAround(Crew& crew);

  const RealClock clock_{};
  CallLog log_;
  std::unique_ptr<ThreadPool> pool_;
  LoadSite site_;
  std::vector<std::unique_ptr<v1::Fleet::Stub>> stubs_;  // by connection
  std::vector<std::unique_ptr<Crew>> crews_;
  bool stopped_ = false;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_LOAD_FLEET_H_
