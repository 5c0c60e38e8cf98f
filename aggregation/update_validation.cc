#include "aggregation/update_validation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "aggregation/accumulator.h"
#include "base/status_macros.h"
#include "learning/step_sum.h"
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

absl::Status CheckDivisor(const learning::UpdateReport& report,
                          const UpdateBounds& bounds) {
  if (bounds.divided_steps == nullptr) {
    if (report.divisor == 1) return absl::OkStatus();
    return RefusalError(
        RefusalCode::kUpdateMalformed,
        absl::StrCat("update: divisor is ", report.divisor,
                     ", expected 1: the task's algorithm divides by nothing"));
  }
  const learning::TrainingOptions& training = *bounds.divided_steps;
  const int64_t max_steps = learning::MaxSteps(training, report.num_examples);
  if (report.num_steps > max_steps) {
    return RefusalError(
        RefusalCode::kUpdateMalformed,
        absl::StrCat("update: num_steps is ", report.num_steps,
                     ", expected at most ", max_steps, " in ", training.epochs,
                     " epochs of ", report.num_examples, " examples"));
  }
  // A ten-thousandth for what is rounded on the way.
  const double most =
      std::min(learning::MaxStepSum(
                   std::get<learning::SgdOptimizer>(training.optimizer.rule),
                   report.num_steps) *
                   1.0001,
               kMaxDivisor);
  if (report.divisor <= most) return absl::OkStatus();
  return RefusalError(
      RefusalCode::kUpdateMalformed,
      absl::StrCat("update: divisor is ", report.divisor, ", expected at most ",
                   most, " for ", report.num_steps, " steps"));
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
  const int64_t num_examples = update.decoded.report.num_examples;
  update.weight = bounds.uniform_weights ? 1 : num_examples;
  if (num_examples < 1 || num_examples > bounds.max_examples) {
    return RefusalError(
        RefusalCode::kWeightBound,
        absl::StrCat("the update claims ", num_examples,
                     " examples, expected 1 to ", bounds.max_examples));
  }
  const int64_t num_correct = update.decoded.report.base_num_correct;
  const int64_t predictions = num_examples * bounds.predictions_per_example;
  if (num_correct > predictions) {
    return RefusalError(
        RefusalCode::kUpdateMalformed,
        absl::StrCat("update: base_num_correct is ", num_correct,
                     ", expected at most the ", predictions, " predictions of ",
                     num_examples, " examples"));
  }
  SHOAL_RETURN_IF_ERROR(CheckDivisor(update.decoded.report, bounds));
  update.norm = Norm(update.decoded.delta);
  if (bounds.clipped_later) return update;
  if (!std::isfinite(update.norm)) return NotFinite(update.decoded.delta);
  // Both are bounded: the first is what is summed up, the second what is meant.
  update.norm =
      std::max(update.norm, update.norm * update.decoded.report.divisor);
  if (update.norm > bounds.norm_bound) {
    return RefusalError(
        RefusalCode::kNormBound,
        absl::StrCat("the L2 norm of the update is ", update.norm,
                     ", expected at most ", bounds.norm_bound));
  }
  return update;
}

}  // namespace shoal::aggregation
