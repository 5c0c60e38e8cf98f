#include "aggregation/server_algorithm.h"

#include <variant>

#include "aggregation/averaging.h"
#include "aggregation/scaffold.h"

namespace shoal::aggregation {

std::unique_ptr<ServerAlgorithm> MakeServerAlgorithm(
    const configuration::Task& task, int64_t num_parameters) {
  if (const auto* scaffold =
          std::get_if<learning::ScaffoldLocal>(&task.algorithm)) {
    return std::make_unique<Scaffold>(
        scaffold->num_devices,
        std::get<configuration::SgdServerOptions>(task.server_optimizer)
            .learning_rate);
  }
  return std::make_unique<Averaging>(MakeServerRule(task.server_optimizer),
                                     num_parameters);
}

}  // namespace shoal::aggregation
