// The thread that moves an engine's time forward.
#ifndef SHOAL_COORDINATOR_SERVICE_ENGINE_DRIVER_H_
#define SHOAL_COORDINATOR_SERVICE_ENGINE_DRIVER_H_

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "coordinator/engine/round_engine.h"

namespace shoal::coordinator {

// Calls Advance() when the engine has asked for it, and whenever it is poked.
// Thread-safe.
class EngineDriver {
 public:
  // `after_advance` runs on the driver's thread after every Advance(), at
  // least every few seconds. References must outlive the driver.
  EngineDriver(RoundEngine& engine, const Clock& clock,
               std::function<void(absl::Time)> after_advance);
  // Stops.
  ~EngineDriver();
  EngineDriver(const EngineDriver&) = delete;
  EngineDriver& operator=(const EngineDriver&) = delete;

  // Something has happened: Advance() runs soon. Cheap.
  void Poke() SHOAL_EXCLUDES(mutex_);

  // Advances a last time, then ends the thread.
  void Stop() SHOAL_EXCLUDES(mutex_);

 private:
  void Run() SHOAL_EXCLUDES(mutex_);
  // Returns false when it is time to end.
  bool WaitUntil(absl::Time next) SHOAL_EXCLUDES(mutex_);

  RoundEngine& engine_;
  const Clock& clock_;
  const std::function<void(absl::Time)> after_advance_;
  Mutex mutex_;
  CondVar changed_;
  bool poked_ SHOAL_GUARDED_BY(mutex_) = false;
  bool stopping_ SHOAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_ENGINE_DRIVER_H_
