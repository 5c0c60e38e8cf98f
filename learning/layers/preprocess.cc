#include "learning/layers/preprocess.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

class Preprocess final : public Layer {
 public:
  Preprocess(const Shape& input, const Shape& output,
             std::vector<LayerTensor> tensors, const PreprocessingSpec& spec)
      : Layer(input, output, std::move(tensors)),
        channels_(input.channels()),
        spec_(spec),
        clip_(static_cast<float>(spec.clip)) {}

  int64_t forward_macs() const override { return input().num_values(); }

  LayerMemory Memory(PassKind, int64_t) const override {
    return {.in_place = !spec_.mask};
  }

  void Initialise(SeededRng&, absl::Span<float> parameters) const override {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
    if (spec_.standardise) {
      std::fill_n(parameters.begin() + offset(1), channels_, 1.0f);
    }
  }

  void Forward(const ForwardPass& pass) const override {
    const int64_t positions = pass.rows * input().positions();
    const int64_t width = output().channels();
    for (int64_t p = 0; p < positions; ++p) {
      const float* const x = pass.x + p * channels_;
      float* const y = pass.y + p * width;
      if (spec_.mask) MarkMissing(x, y + channels_);
      if (y != x) std::copy_n(x, channels_, y);
      Change(pass.parameters, y);
    }
  }

  void Backward(const BackwardPass& pass) const override {
    SHOAL_CHECK(pass.dx == nullptr);
  }

 private:
  void MarkMissing(const float* __restrict x, float* __restrict mask) const {
    for (int64_t c = 0; c < channels_; ++c) mask[c] = std::isnan(x[c]) ? 1 : 0;
  }

  // The channels of one position, in place.
  void Change(const float* __restrict parameters, float* __restrict y) const {
    const float* const mean = parameters;
    if (spec_.standardise) {
      const float* const deviation = parameters + offset(1);
      for (int64_t c = 0; c < channels_; ++c) {
        y[c] = (y[c] - mean[c]) / deviation[c];
      }
    }
    if (spec_.impute) {
      for (int64_t c = 0; c < channels_; ++c) {
        const float substitute = spec_.standardise ? 0 : mean[c];
        y[c] = std::isnan(y[c]) ? substitute : y[c];
      }
    }
    if (clip_ > 0) {
      // Comparisons with NaN are false: it stays.
      for (int64_t c = 0; c < channels_; ++c) {
        y[c] = y[c] > clip_ ? clip_ : y[c] < -clip_ ? -clip_ : y[c];
      }
    }
  }

  const int64_t channels_;
  const PreprocessingSpec spec_;
  const float clip_;
};

absl::Status CheckSpec(const PreprocessingSpec& spec, const Shape& input) {
  if (!(spec.clip >= 0 && std::isfinite(static_cast<float>(spec.clip)))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "clip is ", spec.clip, ", expected 0 or a finite bound above it"));
  }
  if (spec.mask && !spec.impute) {
    return absl::InvalidArgumentError("mask is set without impute");
  }
  if (spec.mask && input.rank() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "mask expects a vector [n] as input, got ", input.ToString()));
  }
  if (!spec.any()) {
    return absl::InvalidArgumentError(
        "nothing to do: expected standardise, impute or clip");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakePreprocess(
    const PreprocessingSpec& spec, const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  SHOAL_RETURN_IF_ERROR(CheckSpec(spec, input));
  std::vector<LayerTensor> tensors;
  const std::vector<int64_t> dims = {input.channels()};
  if (spec.standardise || spec.impute) {
    tensors.push_back({.name = "mean", .dims = dims, .trainable = false});
  }
  if (spec.standardise) {
    tensors.push_back({.name = "deviation", .dims = dims, .trainable = false});
  }
  const Shape output = spec.mask ? Shape({2 * input.channels()}) : input;
  SHOAL_RETURN_IF_ERROR(CheckSizes(output, tensors));
  return std::make_unique<Preprocess>(input, output, std::move(tensors), spec);
}

}  // namespace shoal::learning
