// The options of server optimisers: how the mean update of a round moves the
// model (aggregation/server_rule.h).
#ifndef SHOAL_CONFIGURATION_SERVER_OPTIMIZER_H_
#define SHOAL_CONFIGURATION_SERVER_OPTIMIZER_H_

#include <variant>

namespace shoal::configuration {

struct SgdServerOptions {
  double learning_rate = 1;  // > 0
  double momentum = 0;       // [0, 1)
  bool nesterov = false;     // only with momentum
  friend bool operator==(const SgdServerOptions&,
                         const SgdServerOptions&) = default;
};

using ServerOptimizerOptions = std::variant<SgdServerOptions>;

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_SERVER_OPTIMIZER_H_
