// A round of a live run as the display and the results use it.
#ifndef SHOAL_SIMULATIONS_LIVE_ROUND_RECORD_H_
#define SHOAL_SIMULATIONS_LIVE_ROUND_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/digest.h"
#include "learning/batch.h"

namespace shoal::simulations {

// What the coordinator says of a round. A plain value type.
struct RoundRecord {
  int64_t id = 0;
  int64_t number = 0;  // version of the model it made or was to make
  bool committed = false;
  bool failed = false;  // neither: still running
  std::string failure;  // its code, when failed
  std::string explanation;
  int assigned = 0;
  int accepted = 0;
  int partial = 0;  // of those accepted, did less work than planned
  int cohort = 0;
  std::optional<double> train_loss;
  std::optional<double> train_accuracy;
  int64_t total_examples = 0;
  int64_t bytes_up = 0;  // of accepted updates
  absl::Duration duration;
  Digest committed_model;
  // Of the committed model on the held-out data; filled in by the live run.
  std::optional<learning::Score> test;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_ROUND_RECORD_H_
