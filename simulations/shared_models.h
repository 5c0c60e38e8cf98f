// The versions of a model that simulated devices hold: each is there once,
// however many devices hold it.
#ifndef SHOAL_SIMULATIONS_SHARED_MODELS_H_
#define SHOAL_SIMULATIONS_SHARED_MODELS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "client/client_state.h"
#include "coordinator/engine/round_engine.h"

namespace shoal::simulations {

struct SharedModel {
  std::shared_ptr<const std::string> bytes;
  client::HeldModel model;  // points into them
};

// One thread.
class SharedModels {
 public:
  // `engine` must outlive this object.
  explicit SharedModels(coordinator::RoundEngine& engine) : engine_(engine) {}

  // A version, checked and understood; read from the engine where it is not at
  // hand. The engine's refusals; DATA_LOSS.
  absl::StatusOr<SharedModel> Get(const Digest& digest);

 private:
  // Lets go of what nobody else holds, but for the newest few.
  void Trim();

  struct Entry {
    SharedModel model;
    int64_t used = 0;  // the larger the later
  };
  coordinator::RoundEngine& engine_;
  std::map<Digest, Entry> entries_;
  int64_t uses_ = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_SHARED_MODELS_H_
