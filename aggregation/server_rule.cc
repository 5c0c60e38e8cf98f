#include "aggregation/server_rule.h"

#include <variant>

#include "aggregation/adagrad_rule.h"
#include "aggregation/adam_rule.h"
#include "aggregation/sgd_rule.h"
#include "aggregation/yogi_rule.h"

namespace shoal::aggregation {

std::unique_ptr<ServerRule> MakeServerRule(
    const configuration::ServerOptimizerOptions& options) {
  return std::visit([](const auto& kind) { return MakeRule(kind); }, options);
}

}  // namespace shoal::aggregation
