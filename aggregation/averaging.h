// The server half of FedSGD, FedAvg, FedProx and FedNova: a server optimiser
// moves the model along the mean update. (For FedNova the mean has been
// multiplied by tau_eff already: aggregation/accumulator.h.)
#ifndef SHOAL_AGGREGATION_AVERAGING_H_
#define SHOAL_AGGREGATION_AVERAGING_H_

#include <memory>
#include <string>

#include "aggregation/server_algorithm.h"
#include "aggregation/server_optimizer.h"

namespace shoal::aggregation {

class Averaging final : public ServerAlgorithm {
 public:
  Averaging(std::unique_ptr<ServerRule> rule, int64_t num_parameters);

  absl::Status Step(const RoundMean& mean, absl::Span<float> parameters,
                    absl::Span<float> control) override;
  std::string Serialize() const override;
  absl::Status Restore(absl::string_view state) override;

 private:
  ServerOptimizer optimizer_;
};

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_AVERAGING_H_
