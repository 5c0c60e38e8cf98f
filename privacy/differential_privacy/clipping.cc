#include "privacy/differential_privacy/clipping.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::privacy {
namespace {

absl::Status CheckClipNorm(double clip_norm) {
  if (std::isfinite(clip_norm) && clip_norm >= kMinClipNorm) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the clip norm is ", clip_norm,
                   ", expected a finite number of at least ", kMinClipNorm));
}

absl::Status CheckLayers(absl::Span<const float> values,
                         absl::Span<const LayerClip> layers) {
  int64_t length = 0;
  for (const LayerClip& layer : layers) {
    const absl::Status valid = CheckClipNorm(layer.clip_norm);
    if (!valid.ok()) return valid;
    const auto left = static_cast<int64_t>(values.size()) - length;
    if (layer.length < 0 || layer.length > left) {
      return absl::InvalidArgumentError(
          absl::StrCat("a layer has ", layer.length, " values of an update of ",
                       values.size(), ", expected 0 to ", left));
    }
    length += layer.length;
  }
  if (length != static_cast<int64_t>(values.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the layers have ", length, " values, expected ", values.size()));
  }
  return absl::OkStatus();
}

}  // namespace

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
  if (absl::Status valid = CheckClipNorm(clip_norm); !valid.ok()) return valid;
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

double JointClipNorm(absl::Span<const LayerClip> layers) {
  double squares = 0;
  for (const LayerClip& layer : layers) {
    squares += layer.clip_norm * layer.clip_norm;
  }
  return std::sqrt(squares);
}

absl::StatusOr<std::vector<double>> ClipLayersL2(
    absl::Span<float> values, absl::Span<const LayerClip> layers) {
  if (absl::Status valid = CheckLayers(values, layers); !valid.ok()) {
    return valid;
  }
  if (!std::isfinite(NormL2(values))) {
    return absl::InvalidArgumentError(
        "cannot clip an update that holds a non-finite value");
  }
  std::vector<double> norms;
  for (const LayerClip& layer : layers) {
    absl::StatusOr<double> norm =
        ClipL2(values.first(layer.length), layer.clip_norm);
    if (!norm.ok()) return norm.status();
    norms.push_back(*norm);
    values.remove_prefix(layer.length);
  }
  return norms;
}

absl::StatusOr<ClipRule> ClipRule::Create(double clip_norm) {
  SHOAL_RETURN_IF_ERROR(CheckClipNorm(clip_norm));
  return ClipRule(clip_norm, {});
}

absl::StatusOr<ClipRule> ClipRule::Create(std::vector<LayerClip> layers) {
  for (const LayerClip& layer : layers) {
    SHOAL_RETURN_IF_ERROR(CheckClipNorm(layer.clip_norm));
  }
  const double joint = JointClipNorm(layers);
  SHOAL_RETURN_IF_ERROR(CheckClipNorm(joint));
  return ClipRule(joint, std::move(layers));
}

std::optional<double> ClipRule::Apply(absl::Span<float> values) const {
  if (layers_.empty()) {
    const absl::StatusOr<double> norm = ClipL2(values, clip_norm_);
    if (norm.ok()) return *norm;
  } else {
    SHOAL_CHECK(CheckLayers(values, layers_).ok());
    const auto norms = ClipLayersL2(values, layers_);
    if (norms.ok()) {
      double squares = 0;
      for (const double norm : *norms) squares += norm * norm;
      return std::sqrt(squares);
    }
  }
  std::fill(values.begin(), values.end(), 0.0f);
  return std::nullopt;
}

}  // namespace shoal::privacy
