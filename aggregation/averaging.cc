#include "aggregation/averaging.h"

#include <utility>

#include "base/check.h"

namespace shoal::aggregation {

Averaging::Averaging(std::unique_ptr<ServerRule> rule, int64_t num_parameters)
    : optimizer_(std::move(rule), num_parameters) {}

absl::Status Averaging::Step(const RoundMean& mean,
                             absl::Span<float> parameters,
                             absl::Span<float> control) {
  SHOAL_CHECK(control.empty());
  return optimizer_.Step(mean.update, parameters);
}

std::string Averaging::Serialize() const { return optimizer_.Serialize(); }

absl::Status Averaging::Restore(absl::string_view state) {
  return optimizer_.Restore(state);
}

}  // namespace shoal::aggregation
