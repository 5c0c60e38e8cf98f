// The server half of SCAFFOLD: Karimireddy et al., "SCAFFOLD: Stochastic
// Controlled Averaging for Federated Learning", ICML 2020, algorithm 1, lines
// 16 and 17: with the means over the devices of a round of y - x and of the
// change of their control variates,
//   x <- x + eta_g mean(y - x),   c <- c + |S| / N mean(change of c_k).
//
// c is part of the model's version, so that devices get both with one digest
// and a version that is rolled back takes its c with it; nothing else is kept.
//
// Deviations: a device that takes part and is not counted keeps its old c_k;
// one whose update is counted in a round that fails afterwards keeps the new
// one, which c does not contain then.
#ifndef SHOAL_AGGREGATION_SCAFFOLD_H_
#define SHOAL_AGGREGATION_SCAFFOLD_H_

#include <cstdint>
#include <string>

#include "aggregation/server_algorithm.h"

namespace shoal::aggregation {

class Scaffold final : public ServerAlgorithm {
 public:
  // `num_devices`: N, >= 1. `learning_rate`: eta_g, > 0.
  Scaffold(int64_t num_devices, double learning_rate);

  absl::Status Step(const RoundMean& mean, absl::Span<float> parameters,
                    absl::Span<float> control) override;
  // No state.
  std::string Serialize() const override;
  absl::Status Restore(absl::string_view state) override;

 private:
  const int64_t num_devices_;
  const double learning_rate_;
};

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_SCAFFOLD_H_
