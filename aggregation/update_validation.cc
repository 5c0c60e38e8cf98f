#include "aggregation/update_validation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "protocol/refusal.h"

namespace shoal::aggregation {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;

// L2 norm, not finite when a value is not. Squares of floats are exact in
// double and cannot overflow it; partial sums go to fixed lanes, so that the
// result is the same for every width of vectors. It is never below the largest
// magnitude: rounding is monotone.
double Norm(absl::Span<const float> values) {
  constexpr size_t kLanes = 32;
  std::array<double, kLanes> lanes{};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const double x = values[i + lane];
      lanes[lane] += x * x;
    }
  }
  for (size_t lane = 0; i < values.size(); ++i, ++lane) {
    const double x = values[i];
    lanes[lane] += x * x;
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return std::sqrt(sum);
}

absl::Status NotFinite(absl::Span<const float> values) {
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](float x) { return !std::isfinite(x); });
  return RefusalError(
      RefusalCode::kUpdateNotFinite,
      absl::StrCat("value ", bad - values.begin(), " of the update is ", *bad,
                   ", expected finite values"));
}

int64_t BytesOf(int64_t num_parameters) {
  return learning::EncodedUpdateBytes(learning::UpdateCodec::kFloat32,
                                      num_parameters);
}

}  // namespace

absl::StatusOr<ValidUpdate> ValidateUpdate(absl::string_view bytes,
                                           const UpdateBounds& bounds) {
  const int64_t num_bytes = bytes.size();
  const auto shape =
      std::find_if(bounds.num_parameters.begin(), bounds.num_parameters.end(),
                   [num_bytes](int64_t num_parameters) {
                     return num_bytes == BytesOf(num_parameters);
                   });
  if (shape == bounds.num_parameters.end()) {
    return RefusalError(
        RefusalCode::kUpdateShape,
        absl::StrCat("the update has ", num_bytes, " bytes, expected ",
                     BytesOf(bounds.num_parameters[0]), " for a model of ",
                     bounds.num_parameters[0], " parameters",
                     bounds.num_parameters.size() > 1
                         ? " or those of one of its sub-models"
                         : ""));
  }
  auto decoded = learning::DecodeUpdate(bytes, *shape);
  if (!decoded.ok()) {
    return RefusalError(RefusalCode::kUpdateMalformed,
                        decoded.status().message());
  }
  ValidUpdate update;
  update.decoded = *std::move(decoded);
  update.shape = static_cast<int>(shape - bounds.num_parameters.begin());
  update.weight = update.decoded.report.num_examples;
  if (update.weight < 1 || update.weight > bounds.max_examples) {
    return RefusalError(
        RefusalCode::kWeightBound,
        absl::StrCat("the update claims ", update.weight,
                     " examples, expected 1 to ", bounds.max_examples));
  }
  const int64_t num_correct = update.decoded.report.base_num_correct;
  const int64_t predictions = update.weight * bounds.predictions_per_example;
  if (num_correct > predictions) {
    return RefusalError(
        RefusalCode::kUpdateMalformed,
        absl::StrCat("update: base_num_correct is ", num_correct,
                     ", expected at most the ", predictions, " predictions of ",
                     update.weight, " examples"));
  }
  update.norm = Norm(update.decoded.delta);
  if (!std::isfinite(update.norm)) return NotFinite(update.decoded.delta);
  if (update.norm > bounds.norm_bound) {
    return RefusalError(
        RefusalCode::kNormBound,
        absl::StrCat("the L2 norm of the update is ", update.norm,
                     ", expected at most ", bounds.norm_bound));
  }
  return update;
}

}  // namespace shoal::aggregation
