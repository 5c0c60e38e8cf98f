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

struct AdagradServerOptions {
  double learning_rate = 0;  // > 0
  double beta1 = 0;          // [0, 1)
  double tau = 1e-3;         // > 0
  friend bool operator==(const AdagradServerOptions&,
                         const AdagradServerOptions&) = default;
};

struct AdamServerOptions {
  double learning_rate = 0;  // > 0
  double beta1 = 0.9;        // [0, 1)
  double beta2 = 0.99;       // [0, 1)
  double tau = 1e-3;         // > 0
  friend bool operator==(const AdamServerOptions&,
                         const AdamServerOptions&) = default;
};

struct YogiServerOptions {
  double learning_rate = 0;  // > 0
  double beta1 = 0.9;        // [0, 1)
  double beta2 = 0.99;       // [0, 1)
  double tau = 1e-3;         // > 0
  friend bool operator==(const YogiServerOptions&,
                         const YogiServerOptions&) = default;
};

using ServerOptimizerOptions =
    std::variant<SgdServerOptions, AdagradServerOptions, AdamServerOptions,
                 YogiServerOptions>;

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_SERVER_OPTIMIZER_H_
