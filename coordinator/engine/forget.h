// Forgetting a device: what names it goes from the store, its place in running
// rounds is lost, and it is not let in again.
#ifndef SHOAL_COORDINATOR_ENGINE_FORGET_H_
#define SHOAL_COORDINATOR_ENGINE_FORGET_H_

#include <string>

#include "absl/status/status.h"
#include "coordinator/engine/engine_core.h"

namespace shoal::coordinator {

// As in RoundEngine. Thread-safe.
absl::Status ForgetDevice(EngineCore& core, const std::string& device_id);
absl::Status CheckNotForgotten(EngineCore& core, const std::string& device_id);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_FORGET_H_
