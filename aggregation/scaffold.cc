#include "aggregation/scaffold.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace shoal::aggregation {

Scaffold::Scaffold(int64_t num_devices, double learning_rate)
    : num_devices_(num_devices), learning_rate_(learning_rate) {
  SHOAL_CHECK(num_devices >= 1);
}

absl::Status Scaffold::Step(const RoundMean& mean, absl::Span<float> parameters,
                            absl::Span<float> control) {
  const size_t size = parameters.size();
  SHOAL_CHECK(control.size() == size && mean.update.size() == 2 * size);
  const double share =
      static_cast<double>(mean.num_updates) / static_cast<double>(num_devices_);
  std::vector<float> next(2 * size);
  for (size_t i = 0; i < size; ++i) {
    next[i] =
        static_cast<float>(parameters[i] + learning_rate_ * mean.update[i]);
    next[size + i] =
        static_cast<float>(control[i] + share * mean.update[size + i]);
    if (!std::isfinite(next[i]) || !std::isfinite(next[size + i])) {
      return absl::OutOfRangeError(
          absl::StrCat("parameter ", i, " would become ", next[i],
                       " and its control variate ", next[size + i],
                       ", expected finite values"));
    }
  }
  std::copy_n(next.begin(), size, parameters.begin());
  std::copy_n(next.begin() + size, size, control.begin());
  return absl::OkStatus();
}

std::string Scaffold::Serialize() const { return ""; }

absl::Status Scaffold::Restore(absl::string_view state) {
  if (state.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "server optimizer state: has ", state.size(),
      " bytes, expected none: scaffold keeps all in the model's version"));
}

}  // namespace shoal::aggregation
