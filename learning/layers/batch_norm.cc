#include "learning/layers/batch_norm.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/layers/normalisation.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

enum Tensor { kScale, kShift, kMean, kVariance };

// value += momentum * (target * factor - value).
void MoveTowards(int64_t size, float momentum, float factor,
                 const float* __restrict target, float* __restrict values) {
  for (int64_t i = 0; i < size; ++i) {
    values[i] += momentum * (target[i] * factor - values[i]);
  }
}

class BatchNorm final : public Layer {
 public:
  BatchNorm(const Shape& input, const BatchNormSpec& spec)
      : Layer(input, input,
              {{.name = "scale", .dims = {input.channels()}},
               {.name = "shift", .dims = {input.channels()}},
               {.name = "mean", .dims = {input.channels()}, .trainable = false},
               {.name = "variance",
                .dims = {input.channels()},
                .trainable = false}}),
        channels_(input.channels()),
        epsilon_(spec.epsilon),
        momentum_(static_cast<float>(spec.momentum)) {}

  int64_t forward_macs() const override { return input().num_values(); }

  LayerMemory Memory(PassKind kind, int64_t) const override {
    if (kind == PassKind::kPredict) {
      return {.forward_scratch = channels_, .in_place = true};
    }
    return {.saved = 2 * channels_,
            .backward_scratch = 4 * channels_,
            .backward_reads_input = true,
            .backward_in_place = true};
  }

  void Initialise(SeededRng&, absl::Span<float> parameters) const override {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
    for (int tensor : {kScale, kVariance}) {
      std::fill_n(parameters.begin() + offset(tensor), channels_, 1.0f);
    }
  }

  void Forward(const ForwardPass& pass) const override {
    const NormalisedBlock block = Block(pass.rows);
    const float* mean = pass.parameters + offset(kMean);
    float* inverse = pass.scratch;
    if (pass.kind == PassKind::kPredict) {
      std::copy_n(pass.parameters + offset(kVariance), channels_, inverse);
    } else {
      mean = pass.saved;
      inverse = pass.saved + channels_;
      BlockMoments(*pass.kernels, block, pass.x, pass.saved, inverse);
      if (pass.statistics != nullptr) {
        MoveStatistics(block, mean, inverse, pass.statistics);
      }
    }
    InverseDeviations(block, epsilon_, inverse);
    NormaliseBlock(block, pass.x, mean, inverse,
                   pass.parameters + offset(kScale),
                   pass.parameters + offset(kShift), pass.y);
  }

  void Backward(const BackwardPass& pass) const override {
    const NormalisedBlock block = Block(pass.rows);
    const float* const mean = pass.saved;
    const float* const inverse = mean + channels_;
    float* const gradient = pass.scratch;  // of scale, then shift
    float* const sums = gradient + 2 * channels_;
    ScaleGradients(block, pass.x, mean, inverse, pass.dy, gradient,
                   gradient + channels_);
    if (pass.dx != nullptr) {
      std::copy_n(gradient, 2 * channels_, sums);
      BlockInputGradient(block, pass.x, mean, inverse,
                         pass.parameters + offset(kScale), pass.dy, sums,
                         sums + channels_, pass.dx);
    }
    if (pass.sink != nullptr) {
      pass.sink->Values(gradient, 2 * channels_, offset(kScale));
    }
  }

 private:
  // The whole batch; every channel is a group of its own.
  NormalisedBlock Block(int64_t rows) const {
    return {.positions = rows * input().positions(),
            .channels = channels_,
            .groups = channels_};
  }

  void MoveStatistics(const NormalisedBlock& block, const float* mean,
                      const float* variance, float* statistics) const {
    MoveTowards(channels_, momentum_, 1, mean, statistics + offset(kMean));
    if (block.positions == 1) return;
    const double unbiased =
        static_cast<double>(block.positions) / (block.positions - 1);
    MoveTowards(channels_, momentum_, static_cast<float>(unbiased), variance,
                statistics + offset(kVariance));
  }

  const int64_t channels_;
  const double epsilon_;
  const float momentum_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeBatchNorm(const BatchNormSpec& spec,
                                                     const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  SHOAL_RETURN_IF_ERROR(CheckEpsilon(spec.epsilon));
  if (!(spec.momentum > 0 && spec.momentum <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "momentum is ", spec.momentum, ", expected above 0, at most 1"));
  }
  return std::make_unique<BatchNorm>(input, spec);
}

}  // namespace shoal::learning
