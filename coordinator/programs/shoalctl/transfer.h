// shoalctl task create --transfer-from: the body of another model under the
// head of a new task.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TRANSFER_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TRANSFER_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "configuration/task.h"
#include "coordinator/programs/shoalctl/shell.h"

namespace shoal::shoalctl {

struct LayerNames {
  std::vector<std::string> names = {};
  int64_t num_values = 0;
};

struct TransferredModel {
  std::string bytes;  // version 0 of the task
  std::string from;   // for people: "version 7 of digits", or a file
  LayerNames taken_over;
  LayerNames fresh;
  std::vector<std::string> trained;  // by the task
  std::vector<std::string> private_layers;
  std::string difference;  // why the rest is new; empty: nothing is
  uint64_t seed = 0;       // that the new layers were drawn from
};

// `source`: a version of the coordinator (kModelHelp), or a file: NAME.onnx, or
// NAME.shoal as `model download` writes it. INVALID_ARGUMENT when nothing of it
// fits the task's model, or when the task would never train a layer that is
// new.
absl::StatusOr<TransferredModel> TransferModel(Shell& shell,
                                               const std::string& source,
                                               const configuration::Task& task);

std::string TransferText(const TransferredModel& model);
nlohmann::ordered_json TransferJson(const TransferredModel& model);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TRANSFER_H_
