#include "privacy/differential_privacy/clipping.h"

#include <cmath>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shoal::privacy {

double NormL2(absl::Span<const float> values) {
  // Independent sums: the compiler keeps them in vector registers, and their
  // fixed number makes the result the same whatever the width of these.
  constexpr size_t kSums = 32;
  double sums[kSums] = {};
  size_t i = 0;
  for (; i + kSums <= values.size(); i += kSums) {
    for (size_t k = 0; k < kSums; ++k) {
      const double value = values[i + k];
      sums[k] += value * value;
    }
  }
  double total = 0;
  for (; i < values.size(); ++i) {
    const double value = values[i];
    total += value * value;
  }
  for (double sum : sums) total += sum;
  return std::sqrt(total);
}

absl::StatusOr<double> ClipL2(absl::Span<float> values, double clip_norm) {
  if (!std::isfinite(clip_norm) || clip_norm < kMinClipNorm) {
    return absl::InvalidArgumentError(
        absl::StrCat("the clip norm is ", clip_norm,
                     ", expected a finite number of at least ", kMinClipNorm));
  }
  const double norm = NormL2(values);
  if (!std::isfinite(norm)) {
    return absl::InvalidArgumentError(
        "cannot clip an update that holds a non-finite value");
  }
  if (norm <= clip_norm) return norm;
  const double factor = clip_norm / norm * (1 - 0x1p-23);
  for (float& value : values) {
    value = static_cast<float>(value * factor);
  }
  return norm;
}

}  // namespace shoal::privacy
