#include "simulations/run/evaluator.h"

#include <algorithm>
#include <vector>

#include "base/status_macros.h"

namespace shoal::simulations {

absl::StatusOr<learning::Score> EvaluateInParallel(
    const learning::Model& model, absl::Span<const float> parameters,
    const learning::Dataset& data, ThreadPool& pool) {
  constexpr int64_t kPart = 1024;  // examples
  const int64_t parts = (data.num_examples() + kPart - 1) / kPart;
  std::vector<absl::StatusOr<learning::Score>> scores(parts);
  for (int64_t part = 0; part < parts; ++part) {
    pool.Schedule([&, part] {
      const DatasetSlice slice(
          data, part * kPart,
          std::min((part + 1) * kPart, data.num_examples()));
      scores[part] = learning::EvaluateDataset(model, parameters, slice);
    });
  }
  pool.WaitUntilIdle();
  learning::Score total;
  for (const auto& score : scores) {
    SHOAL_RETURN_IF_ERROR(score.status());
    total.Add(*score);
  }
  return total;
}

}  // namespace shoal::simulations
