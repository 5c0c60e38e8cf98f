// One device of a load test: deployed sessions in real time, one after the
// other, over a connection that it shares.
#ifndef SHOAL_SIMULATIONS_LOAD_LOAD_DEVICE_H_
#define SHOAL_SIMULATIONS_LOAD_LOAD_DEVICE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/thread_pool.h"
#include "client/client_state.h"
#include "client/session_run.h"
#include "shoal/v1/fleet.grpc.pb.h"
#include "simulations/load/call_log.h"
#include "simulations/load/call_loop.h"
#include "simulations/load/measured_transport.h"
#include "simulations/load/pooled_training.h"
#include "simulations/load/shared_transport.h"
#include "simulations/population.h"

namespace shoal::simulations {

// What all devices of a load test share. Outlives them.
struct LoadSite {
  const Population* population = nullptr;
  std::string population_name;
  uint64_t seed = 0;
  std::string coordinator;  // HOST:PORT
  ThreadPool* pool = nullptr;
  CallLog* log = nullptr;
  const Clock* clock = nullptr;
  absl::Duration start;  // of the run, on the monotonic clock
  // How long a device stays away that has vanished.
  absl::Duration absence = absl::Seconds(30);
  std::atomic<bool> stopping = false;
  std::atomic<int64_t> sessions_at_work = 0;

  // As the population's availability has it.
  absl::Time Now() const {
    return absl::UnixEpoch() + (clock->Monotonic() - start);
  }
};

// Lives on its loop's thread.
class LoadDevice {
 public:
  LoadDevice(LoadSite& site, CallLoop& loop, v1::Fleet::Stub& stub,
             int64_t index);
  // REQUIRES: the pool computes nothing for it any more.
  ~LoadDevice();
  LoadDevice(const LoadDevice&) = delete;
  LoadDevice& operator=(const LoadDevice&) = delete;

  // Has it begin a session that long from now, or as soon as it is available
  // afterwards; others follow.
  void BeginAfter(absl::Duration delay);
  // Looks whether the call under way has stood still for too long, and whether
  // the run ends: to be called now and then.
  void LookAround();

 private:
  client::SessionRunOptions SessionOptions();
  client::Permission MayGoOn() const;
  void Begin();
  // Ticks the session until it waits for something.
  void Continue();
  // Continues after that time, unless it has been called before.
  void ContinueAfter(absl::Duration delay);
  void OnComputed();
  bool Vanishes() const;
  void Vanish();
  void End();

  LoadSite& site_;
  CallLoop& loop_;
  const int64_t index_;
  const DeviceTraits traits_;
  const ExampleShape examples_;
  client::MemoryState state_;
  SharedTransport transport_;
  MeasuredTransport measured_;
  PooledTraining training_;
  int earlier_failures_ = 0;
  uint64_t num_sessions_ = 0;
  absl::Time until_;        // available
  uint64_t num_waits_ = 0;  // the number of the timer that counts
  std::unique_ptr<client::SessionRun> run_;  // null: none is under way
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_LOAD_DEVICE_H_
