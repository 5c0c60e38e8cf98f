// A step along the mean update, with momentum.
//
// Without momentum and with a rate of 1: the mean of McMahan et al.,
// "Communication-Efficient Learning of Deep Networks from Decentralized Data",
// AISTATS 2017, algorithm 1. With it FedAvgM: Hsu, Qi, Brown, "Measuring the
// Effects of Non-Identical Data Distribution for Federated Visual
// Classification", 2019, section 3.3:
//   v <- momentum v + D,   w <- w + learning_rate v,
// in Nesterov's form w <- w + learning_rate (D + momentum v). (The paper's
// deltas point the other way and are subtracted.)
#ifndef SHOAL_AGGREGATION_SGD_RULE_H_
#define SHOAL_AGGREGATION_SGD_RULE_H_

#include <memory>

#include "aggregation/server_rule.h"

namespace shoal::aggregation {

std::unique_ptr<ServerRule> MakeRule(
    const configuration::SgdServerOptions& options);

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_SGD_RULE_H_
