#include "aggregation/server_rule.h"

#include <variant>

#include "aggregation/sgd_rule.h"

namespace shoal::aggregation {

std::unique_ptr<ServerRule> MakeServerRule(
    const configuration::ServerOptimizerOptions& options) {
  return std::visit([](const auto& kind) { return MakeRule(kind); }, options);
}

}  // namespace shoal::aggregation
