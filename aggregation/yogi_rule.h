// FedYogi: Reddi et al., "Adaptive Federated Optimization", ICLR 2021,
// algorithm 2, with D the mean update:
//   m <- beta1 m + (1 - beta1) D,
//   v <- v - (1 - beta2) D^2 sign(v - D^2),   sign(0) = 0,
//   w <- w + learning_rate m / (sqrt(v) + tau).
// m begins with 0, v with tau^2, the least that the paper allows.
#ifndef SHOAL_AGGREGATION_YOGI_RULE_H_
#define SHOAL_AGGREGATION_YOGI_RULE_H_

#include <memory>

#include "aggregation/server_rule.h"

namespace shoal::aggregation {

std::unique_ptr<ServerRule> MakeRule(
    const configuration::YogiServerOptions& options);

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_YOGI_RULE_H_
